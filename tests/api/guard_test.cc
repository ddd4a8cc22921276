// Who is let in.
#include "api/http/guard.h"

#include <gtest/gtest.h>

#include "base/hash.h"

namespace widenet::api {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

int status_for(const Guard& guard, const Headers& headers, bool is_public = false) {
  Request request{.method = "GET", .path = "/v1/files"};
  for (const auto& [name, value] : headers) request.headers.add(name, value);
  const auto refusal = guard.refusal(request, is_public);
  return refusal ? refusal->status : 200;
}

TEST(GuardTest, WithoutAKeyOnlyLoopbackNamesAreAnswered) {
  const Guard guard({});
  for (const char* host : {"localhost", "LOCALHOST:8080", "127.0.0.1:1", "[::1]:8080", "[::1]"}) {
    EXPECT_EQ(status_for(guard, {{"Host", host}}), 200) << host;
  }
  for (const char* host : {"evil.example", "127.0.0.1.evil.example:8080", "localhost.evil.example",
                           "", ":80", "localhost:", "localhost:x", "[::1", "localhost:80@evil"}) {
    EXPECT_EQ(status_for(guard, {{"Host", host}}), 403) << host;
  }
}

TEST(GuardTest, ExactlyOneHostIsNeeded) {
  const Guard guard({});
  EXPECT_EQ(status_for(guard, {}), 400);
  EXPECT_EQ(status_for(guard, {{"Host", "localhost"}, {"Host", "evil.example"}}), 400);
}

TEST(GuardTest, NamesCanBeAllowed) {
  const Guard guard({.api_key = "", .allowed_hosts = {"papers.example"}});
  EXPECT_EQ(status_for(guard, {{"Host", "Papers.example:8080"}}), 200);
  EXPECT_EQ(status_for(guard, {{"Host", "other.example"}}), 403);
}

TEST(GuardTest, OtherOriginsAreRefused) {
  const Guard guard({});
  const auto with_origin = [&](const char* origin) {
    return status_for(guard, {{"Host", "127.0.0.1:8080"}, {"Origin", origin}});
  };
  EXPECT_EQ(with_origin("http://127.0.0.1:8080"), 200);
  for (const char* origin : {"null", "http://evil.example", "http://127.0.0.1:3000",
                             "http://127.0.0.1", "http://localhost:8080", ""}) {
    EXPECT_EQ(with_origin(origin), 403) << origin;
  }
}

TEST(GuardTest, FetchMetadataIsHeeded) {
  const Guard guard({});
  const auto from = [&](const char* site, const char* mode) {
    return status_for(guard,
                      {{"Host", "localhost"}, {"Sec-Fetch-Site", site}, {"Sec-Fetch-Mode", mode}});
  };
  EXPECT_EQ(from("same-origin", "cors"), 200);
  EXPECT_EQ(from("none", "navigate"), 200);
  EXPECT_EQ(from("cross-site", "navigate"), 200);  // a link to the page
  EXPECT_EQ(from("cross-site", "no-cors"), 403);   // an <img> or <script> elsewhere
  EXPECT_EQ(from("same-site", "cors"), 403);       // another port of this machine
}

TEST(GuardTest, AKeyIsAskedForUnlessTheRouteIsPublic) {
  const Guard guard({.api_key = "s3cret"});
  const auto with_key = [&](const char* header) {
    return status_for(guard, {{"Host", "any.example"}, {"Authorization", header}});
  };
  EXPECT_EQ(with_key("Bearer s3cret"), 200);
  EXPECT_EQ(with_key("bearer s3cret"), 200);
  for (const char* header :
       {"Bearer s3cre", "Bearer s3cret ", "Bearer ", "", "Basic s3cret", "s3cret"}) {
    EXPECT_EQ(with_key(header), 401) << header;
  }
  EXPECT_EQ(status_for(guard, {{"Host", "any.example"}}), 401);
  EXPECT_EQ(status_for(guard, {{"Host", "any.example"}}, true), 200);
}

TEST(GuardTest, EveryKeyHasItsPrincipal) {
  const Guard guard({.api_key = "operator",
                     .keys = {{.sha256 = sha256_hex("k1"), .principal = {.name = "one"}},
                              {.sha256 = sha256_hex("k2"), .principal = {.name = "two"}}}});
  const auto name = [&](const std::string& header) -> std::string {
    Request request;
    request.headers.add("Authorization", header);
    const auto principal = guard.principal_of(request);
    return principal ? "\"" + principal->name + "\"" : "nobody";
  };
  EXPECT_EQ(name("Bearer operator"), "\"\"");
  EXPECT_EQ(name("Bearer k1"), "\"one\"");
  EXPECT_EQ(name("Bearer k2"), "\"two\"");
  EXPECT_EQ(name("Bearer k3"), "nobody");
  EXPECT_EQ(name("Bearer " + sha256_hex("k1")), "nobody");
  EXPECT_EQ(name(""), "nobody");
  EXPECT_TRUE(Guard({}).principal_of(Request{})->is_operator());
}

}  // namespace
}  // namespace widenet::api

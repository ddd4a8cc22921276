// Which route answers.
#include "api/http/router.h"

#include <gtest/gtest.h>

namespace widenet::api {
namespace {

Router two_routes() {
  Router router;
  const Handler none = [](const Request&) { return Response{}; };
  router.add({.method = "GET", .pattern = "/v1/files/{id}", .handler = none});
  router.add({.method = "DELETE", .pattern = "/v1/files/{id}", .handler = none});
  router.add({.method = "GET", .pattern = "/v1/files/{id}/content", .handler = none});
  return router;
}

int status_for(const Router& router, Request request, std::string* allow = nullptr) {
  try {
    router.match(request);
    return 200;
  } catch (const HttpError& error) {
    if (allow) *allow = error.detail().allow;
    return error.detail().status;
  }
}

TEST(RouterTest, PlaceholdersMatchOneSegment) {
  const Router router = two_routes();
  Request request{.method = "GET", .path = "/v1/files/file-7/content"};
  EXPECT_EQ(router.match(request).pattern, "/v1/files/{id}/content");
  EXPECT_EQ(request.arguments, std::vector<std::string>{"file-7"});

  for (const char* path :
       {"/v1/files/", "/v1/files/a/b", "/v1/files/a/", "/v1", "/", "//v1/files/a"}) {
    EXPECT_EQ(status_for(router, {.method = "GET", .path = path}), 404) << path;
  }
}

TEST(RouterTest, HeadIsAnsweredByGet) {
  EXPECT_EQ(status_for(two_routes(), {.method = "HEAD", .path = "/v1/files/x"}), 200);
}

TEST(RouterTest, AnotherMethodIsToldWhichThereAre) {
  std::string allow;
  EXPECT_EQ(status_for(two_routes(), {.method = "PUT", .path = "/v1/files/x"}, &allow), 405);
  EXPECT_EQ(allow, "GET, DELETE");
}

}  // namespace
}  // namespace widenet::api

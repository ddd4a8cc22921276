// Targets, fields, events and errors.
#include "api/http/message.h"

#include <gtest/gtest.h>

namespace widenet::api {
namespace {

TEST(TargetTest, PathAndQueryAreDecoded) {
  Request request;
  ASSERT_TRUE(parse_target("/v1/a%20b/%C3%A9?limit=5&q=x+y%26z&flag", request));
  EXPECT_EQ(request.path, "/v1/a b/é");
  EXPECT_EQ(request.query.find("limit"), "5");
  EXPECT_EQ(request.query.find("q"), "x y&z");
  EXPECT_EQ(request.query.find("flag"), "");
  EXPECT_FALSE(request.query.find("absent"));
}

TEST(TargetTest, MalformedOnesAreRefused) {
  for (const char* target :
       {"", "v1", "http://a/b", "/%", "/%1", "/%zz", "/%00", "/%ff", "/?a=%ff"}) {
    Request request;
    EXPECT_FALSE(parse_target(target, request)) << target;
  }
}

TEST(FieldsTest, NamesCompareWithoutCase) {
  Fields fields;
  fields.add("Content-Type", "a");
  fields.add("content-type", "b");
  EXPECT_EQ(fields.find("CONTENT-TYPE"), "a");
  EXPECT_EQ(fields.count("Content-type"), 2);
}

TEST(EventTest, EveryLineOfTheDataIsFramed) {
  EXPECT_EQ(format_event({.name = "delta", .data = "a\nb\r\nc\rd", .id = 7}),
            "id: 7\nevent: delta\ndata: a\ndata: b\ndata: c\ndata: d\n\n");
  EXPECT_EQ(format_event({.data = "[DONE]"}), "data: [DONE]\n\n");
}

TEST(ErrorTest, HasTheOneShape) {
  const Response response = error_response({.status = 503,
                                            .message = "busy \xff",
                                            .code = "overloaded",
                                            .param = "",
                                            .retry_after_s = 2});
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.headers.find("Retry-After"), "2");
  EXPECT_EQ(response.body,
            "{\"error\":{\"code\":\"overloaded\",\"message\":\"busy \xEF\xBF\xBD\",\"param\":null,"
            "\"type\":\"overloaded_error\"}}");
}

}  // namespace
}  // namespace widenet::api

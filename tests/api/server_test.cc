// The server over real sockets: well-behaved clients, hostile ones, and ones that go away.
#include "api/http/server.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "tests/api/raw_client.h"

namespace widenet::api {
namespace {

using namespace std::chrono_literals;

constexpr const char* kGet = "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n";

// Handlers that show what arrived, and a stream that runs until its reader goes.
class ServerTest : public testing::Test {
 protected:
  void start(ServerOptions options = {}, GuardOptions guard = {}) {
    options.port = 0;
    add_routes();
    server_ = std::make_unique<Server>(router_, Guard(std::move(guard)), options);
    thread_ = std::thread([this] { server_->run(); });
  }
  ~ServerTest() override {
    if (server_) server_->stop();
    if (thread_.joinable()) thread_.join();
  }

  std::string ask(std::string_view request) const {
    RawClient client(server_->port());
    client.send(request);
    return client.read_reply();
  }
  int status(std::string_view request) const { return status_of(ask(request)); }

  Router router_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
  std::promise<void> stream_cancelled_;
  std::promise<void> handler_cancelled_;

 private:
  void add_routes();
};

void wait_until(const std::function<bool()>& is_true) {
  for (int i = 0; i < 4000 && !is_true(); ++i) std::this_thread::sleep_for(5ms);
}

void ServerTest::add_routes() {
  router_.add({.method = "GET", .pattern = "/hello", .handler = [](const Request&) {
                 return Response{.body = "hello"};
               }});
  router_.add({.method = "GET", .pattern = "/throws", .handler = [](const Request&) -> Response {
                 throw std::runtime_error("secret detail");
               }});
  router_.add({.method = "POST",
               .pattern = "/echo",
               .body = BodyKind::json,
               .handler = [](const Request& request) { return Response{.body = request.body}; }});
  router_.add({.method = "POST",
               .pattern = "/form",
               .body = BodyKind::form,
               .handler = [](const Request& request) {
                 std::string seen;
                 for (const FormPart& part : request.form) {
                   seen +=
                       part.name + "=" + (part.is_file ? read_file(part.file) : part.value) + ";";
                 }
                 return Response{.body = seen};
               }});
  router_.add({.method = "GET", .pattern = "/file", .handler = [](const Request&) {
                 Response response;
                 response.file = WN_SOURCE_DIR "/LICENSE";
                 return response;
               }});
  router_.add({.method = "GET", .pattern = "/three", .handler = [](const Request&) {
                 Response response;
                 response.stream = [](EventStream& events) {
                   for (int i = 1; i <= 3; ++i) {
                     events.send({.name = "n", .data = std::to_string(i), .id = i});
                   }
                 };
                 return response;
               }});
  router_.add({.method = "GET", .pattern = "/endless", .handler = [this](const Request&) {
                 Response response;
                 response.stream = [this](EventStream& events) {
                   events.send({.data = "begun"});
                   wait_until([&] { return events.is_closed(); });
                   if (events.is_closed()) stream_cancelled_.set_value();
                 };
                 return response;
               }});
  router_.add({.method = "GET", .pattern = "/flood", .handler = [this](const Request&) {
                 Response response;
                 response.stream = [this](EventStream& events) {
                   while (events.send({.data = std::string(10'000, 'x')})) {
                   }
                   stream_cancelled_.set_value();
                 };
                 return response;
               }});
  router_.add({.method = "GET", .pattern = "/slow", .handler = [this](const Request& request) {
                 wait_until(request.is_cancelled);
                 if (request.is_cancelled()) handler_cancelled_.set_value();
                 return Response{.body = "late"};
               }});
}

TEST_F(ServerTest, AnswersAndKeepsTheConnection) {
  start();
  RawClient client(server_->port());
  for (int i = 0; i < 3; ++i) {
    client.send(kGet);
    const std::string reply = client.read_reply();
    EXPECT_EQ(status_of(reply), 200);
    EXPECT_TRUE(reply.ends_with("\r\n\r\nhello")) << reply;
    for (const char* header : {"X-Content-Type-Options: nosniff", "Content-Security-Policy: ",
                               "Cache-Control: no-store", "X-Request-Id: req_", "Date: "}) {
      EXPECT_NE(reply.find(header), std::string::npos) << header;
    }
    EXPECT_EQ(reply.find("Access-Control"), std::string::npos);
  }
}

TEST_F(ServerTest, PipelinedRequestsAreAnsweredInOrder) {
  start();
  RawClient client(server_->port());
  client.send(std::string(kGet) + "GET /absent HTTP/1.1\r\nHost: localhost\r\n\r\n" + kGet);
  EXPECT_EQ(status_of(client.read_reply()), 200);
  EXPECT_EQ(status_of(client.read_reply()), 404);
  EXPECT_EQ(status_of(client.read_reply()), 200);
}

TEST_F(ServerTest, ConnectionCloseAndHttp10Close) {
  start();
  for (const char* request : {"GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                              "GET /hello HTTP/1.0\r\nHost: localhost\r\n\r\n"}) {
    RawClient client(server_->port());
    client.send(request);
    EXPECT_EQ(status_of(client.read_reply()), 200);
    EXPECT_TRUE(client.is_closed_by_server());
  }
}

TEST_F(ServerTest, HeadHasNoBody) {
  start();
  RawClient client(server_->port());
  client.send("HEAD /hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const std::string head = client.read_until("\r\n\r\n");
  EXPECT_NE(head.find("Content-Length: 5"), std::string::npos);
  client.send(kGet);  // the next reply begins right behind
  EXPECT_TRUE(client.read_reply().starts_with("HTTP/1.1 200"));
}

TEST_F(ServerTest, FilesAreSentWhole) {
  start();
  const std::string reply = ask("GET /file HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_TRUE(reply.ends_with(read_file(WN_SOURCE_DIR "/LICENSE")));
}

TEST_F(ServerTest, JsonBodiesComeWithLengthOrInChunks) {
  start();
  EXPECT_TRUE(ask("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                  "Content-Length: 7\r\n\r\n{\"a\":1}")
                  .ends_with("{\"a\":1}"));
  EXPECT_TRUE(
      ask("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json; "
          "charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n4\r\n\":1}\r\n0\r\n\r\n")
          .ends_with("{\"a\":1}"));
}

TEST_F(ServerTest, WhoExpectsContinueIsToldTo) {
  start();
  RawClient client(server_->port());
  client.send(
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
      "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(status_of(client.read_until("\r\n\r\n")), 100);
  client.send("{}");
  EXPECT_EQ(status_of(client.read_reply()), 200);
}

TEST_F(ServerTest, FormsArriveWithTheirFiles) {
  start();
  const std::string body =
      "--B\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nuser_data\r\n"
      "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\n" +
      std::string(200'000, 'y') + "\r\n--B--\r\n";
  const std::string reply = ask(
      "POST /form HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=B\r\n"
      "Content-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_TRUE(reply.ends_with("purpose=user_data;file=" + std::string(200'000, 'y') + ";"));
}

TEST_F(ServerTest, RefusalsHaveTheRightStatus) {
  start({.header_bytes_max = 8192,
         .target_bytes_max = 1000,
         .json_bytes_max = 100,
         .file_bytes_max = 100});
  const std::string host = "Host: localhost\r\n";
  const auto post = [&](const std::string& path, const std::string& headers) {
    return status("POST " + path + " HTTP/1.1\r\n" + host + headers + "\r\n");
  };
  EXPECT_EQ(status("GET /absent HTTP/1.1\r\n" + host + "\r\n"), 404);
  EXPECT_EQ(status("DELETE /hello HTTP/1.1\r\n" + host + "\r\n"), 405);
  EXPECT_EQ(status("GET /hello HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(status("GET /hello HTTP/1.1\r\nHost: evil.example\r\n\r\n"), 403);
  EXPECT_EQ(status("GET /hello HTTP/1.1\r\nOrigin: http://evil.example\r\n" + host + "\r\n"), 403);
  EXPECT_EQ(status("GET /" + std::string(1500, 'a') + " HTTP/1.1\r\n" + host + "\r\n"), 414);
  EXPECT_EQ(status("GET /" + std::string(9000, 'a') + " HTTP/1.1\r\n" + host + "\r\n"), 414);
  EXPECT_EQ(status("GET /hello HTTP/1.1\r\nX: " + std::string(9000, 'a') + "\r\n" + host + "\r\n"),
            431);
  EXPECT_EQ(post("/echo", "Content-Type: text/plain\r\nContent-Length: 2\r\n"), 415);
  EXPECT_EQ(post("/form", "Content-Type: application/json\r\nContent-Length: 2\r\n"), 415);
  EXPECT_EQ(post("/echo", "Content-Type: application/json\r\nContent-Length: 101\r\n"), 413);
  EXPECT_EQ(post("/form",
                 "Content-Type: multipart/form-data; boundary=B\r\nContent-Length: 99999999\r\n"),
            413);
  EXPECT_EQ(status("GET /hello HTTP/1.1\r\n" + host + "Content-Length: 2\r\n\r\nhi"), 400);
}

TEST_F(ServerTest, ChunkedBodiesMeetTheLimitToo) {
  start({.json_bytes_max = 100});
  EXPECT_EQ(status("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                   "Transfer-Encoding: chunked\r\n\r\n80\r\n" +
                   std::string(128, '1') + "\r\n0\r\n\r\n"),
            413);
}

TEST_F(ServerTest, MalformedRequestsAre400AndClose) {
  start();
  for (const std::string& request : {
           std::string("nonsense\r\n\r\n"),
           std::string("GET\r\n\r\n"),
           std::string("GET /hello HTTP/9.9\r\nHost: localhost\r\n\r\n"),
           std::string("GET /hello HTTP/1.1\r\nHost localhost\r\n\r\n"),
           std::string("GET /he llo HTTP/1.1\r\nHost: localhost\r\n\r\n"),
           std::string("GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n"),
           std::string("GET http://localhost/hello HTTP/1.1\r\nHost: localhost\r\n\r\n"),
           std::string("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n"),
           std::string(
               "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
               "Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
           std::string("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n"
                       "Content-Length: 5\r\n\r\n123"),
           std::string("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n"
                       "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
           std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS here\r\n\r\n"),
       }) {
    const std::string reply = ask(request);
    EXPECT_EQ(status_of(reply), 400) << request << "\n-> " << reply;
    EXPECT_NE(reply.find("{\"error\":{"), std::string::npos) << reply;
  }
}

TEST_F(ServerTest, PathsCannotLeaveTheRoutes) {
  start();
  for (const char* path : {"/../etc/passwd", "/..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd",
                           "/hello/..", "/./hello", "//hello"}) {
    EXPECT_EQ(status("GET " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n\r\n"), 404)
        << path;
  }
}

TEST_F(ServerTest, WhatAHandlerThrowsStaysInTheLog) {
  start();
  const std::string reply = ask("GET /throws HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(status_of(reply), 500);
  EXPECT_EQ(reply.find("secret"), std::string::npos);
}

TEST_F(ServerTest, SlowHeadersAre408) {
  start({.header_timeout = 50ms});
  RawClient client(server_->port());
  client.send("GET /hello HTTP/1.1\r\nHost: loc");
  EXPECT_EQ(status_of(client.read_reply()), 408);
  EXPECT_TRUE(client.is_closed_by_server());
}

TEST_F(ServerTest, SlowBodiesAre408) {
  start({.body_timeout = 50ms});
  RawClient client(server_->port());
  client.send(
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
      "Content-Length: 100\r\n\r\n{");
  EXPECT_EQ(status_of(client.read_reply()), 408);
  EXPECT_TRUE(client.is_closed_by_server());
}

TEST_F(ServerTest, IdleConnectionsAreClosed) {
  start({.idle_timeout = 50ms});
  RawClient client(server_->port());
  EXPECT_TRUE(client.is_closed_by_server());
}

TEST_F(ServerTest, ConnectionsAreBounded) {
  start({.n_connections_max = 2});
  RawClient first(server_->port()), second(server_->port());
  first.send(kGet);
  second.send(kGet);
  EXPECT_EQ(status_of(first.read_reply()), 200);
  EXPECT_EQ(status_of(second.read_reply()), 200);
  RawClient third(server_->port());
  const std::string reply = third.read_reply();
  EXPECT_EQ(status_of(reply), 503);
  EXPECT_NE(reply.find("Retry-After: 1"), std::string::npos);
}

TEST_F(ServerTest, EventsAreStreamedInChunks) {
  start();
  RawClient client(server_->port());
  client.send("GET /three HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const std::string head = client.read_until("\r\n\r\n");
  EXPECT_NE(head.find("Content-Type: text/event-stream"), std::string::npos);
  EXPECT_NE(head.find("Transfer-Encoding: chunked"), std::string::npos);
  const std::string body = client.read_until("0\r\n\r\n");
  EXPECT_NE(body.find("id: 3\nevent: n\ndata: 3\n\n"), std::string::npos) << body;
  client.send(kGet);
  EXPECT_EQ(status_of(client.read_reply()), 200);
}

TEST_F(ServerTest, Http10StreamsEndWithTheConnection) {
  start();
  RawClient client(server_->port());
  client.send("GET /three HTTP/1.0\r\nHost: localhost\r\n\r\n");
  const std::string reply = client.read_all();
  EXPECT_EQ(reply.find("Transfer-Encoding"), std::string::npos);
  EXPECT_TRUE(reply.ends_with("id: 3\nevent: n\ndata: 3\n\n")) << reply;
}

TEST_F(ServerTest, SilentStreamsHaveAHeartbeat) {
  start({.heartbeat = 20ms});
  RawClient client(server_->port());
  client.send("GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n");
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(client.read_until(": ping\n\n").ends_with(": ping\n\n"));
}

TEST_F(ServerTest, AStreamLearnsThatItsReaderHasGone) {
  start();
  RawClient client(server_->port());
  client.send("GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n");
  client.read_until("begun");
  client.close();
  EXPECT_EQ(stream_cancelled_.get_future().wait_for(20s), std::future_status::ready);
}

TEST_F(ServerTest, AFullStreamEndsWhenItsReaderGoes) {
  start();
  RawClient client(server_->port());
  client.send("GET /flood HTTP/1.1\r\nHost: localhost\r\n\r\n");
  client.read_until("xxxx");
  client.close();
  EXPECT_EQ(stream_cancelled_.get_future().wait_for(20s), std::future_status::ready);
}

TEST_F(ServerTest, AReaderThatStopsReadingIsGivenUp) {
  start({.write_timeout = 100ms});
  RawClient client(server_->port());
  client.send("GET /flood HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(stream_cancelled_.get_future().wait_for(20s), std::future_status::ready);
}

TEST_F(ServerTest, AHandlerLearnsThatItsClientHasGone) {
  start();
  RawClient client(server_->port());
  client.send("GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n");
  client.close();
  EXPECT_EQ(handler_cancelled_.get_future().wait_for(20s), std::future_status::ready);
}

TEST_F(ServerTest, StoppingEndsIdleConnectionsAndCancelsHandlers) {
  start({.stop_grace = 50ms});
  RawClient idle(server_->port()), busy(server_->port());
  idle.send(kGet);
  idle.read_reply();
  busy.send("GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n");
  busy.read_until("begun");
  server_->stop();
  EXPECT_TRUE(idle.is_closed_by_server());
  EXPECT_EQ(stream_cancelled_.get_future().wait_for(20s), std::future_status::ready);
  thread_.join();
}

TEST(ServerStartTest, BeyondLoopbackAKeyIsNeeded) {
  const Router router;
  EXPECT_THROW(Server(router, Guard({}), {.host = "0.0.0.0", .port = 0}), ServerError);
  EXPECT_THROW(Server(router, Guard({}), {.host = "not an address", .port = 0}), ServerError);
  EXPECT_NO_THROW(Server(router, Guard({.api_key = "k"}), {.host = "0.0.0.0", .port = 0}));
}

TEST(ServerStartTest, ATakenPortIsSaid) {
  const Router router;
  const Server first(router, Guard({}), {.port = 0});
  try {
    Server(router, Guard({}), {.port = first.port()});
    FAIL();
  } catch (const ServerError& error) {
    EXPECT_NE(std::string(error.what()).find("--port"), std::string::npos);
  }
}

}  // namespace
}  // namespace widenet::api

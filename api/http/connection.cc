// From one request to the next: who is asked, and what is answered.
//
// Everything here runs on the network thread, but for the handlers.
#include "api/http/connection.h"

#include <time.h>

#include <cstdio>
#include <optional>
#include <string>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "api/http/handler_call.h"
#include "api/http/multipart.h"
#include "api/http/request_reader.h"
#include "api/http/response_writer.h"

namespace widenet::api {
namespace {

namespace asio = boost::asio;

std::string make_request_id() {
  static std::atomic<uint64_t> counter = static_cast<uint64_t>(::time(nullptr)) << 20;
  char text[32];
  std::snprintf(text, sizeof text, "req_%016llx",
                static_cast<unsigned long long>(counter.fetch_add(1)));
  return text;
}

class Connection {
 public:
  Connection(Socket socket, ServerState& state)
      : socket_(std::move(socket)),
        state_(state),
        writer_(socket_, state),
        reader_(socket_, state, writer_) {}

  Awaitable<void> run();
  Awaitable<void> refuse(const HttpError::Detail& detail);

 private:
  Awaitable<bool> serve_request();

  Socket socket_;
  ServerState& state_;
  ResponseWriter writer_;
  RequestReader reader_;
  unsigned version_ = 11;  // of the last request whose header could be read
};

Awaitable<void> Connection::run() {
  try {
    while (true) {
      const bool has_request = co_await reader_.wait_for_request();
      if (!has_request) break;
      const bool goes_on = co_await serve_request();
      if (!goes_on) break;
    }
  } catch (const boost::system::system_error&) {
    // The client has gone, or the server stops: there is nobody to tell.
  } catch (const std::exception& error) {
    std::fprintf(stderr, "widenet: a connection was dropped: %s\n", error.what());
  }
}

Awaitable<bool> Connection::serve_request() {
  Request request;
  request.id = make_request_id();
  ResponseWriter::Protocol protocol = {version_, /*keeps_alive=*/false};
  if (const auto refusal = co_await reader_.read_header(request)) {
    co_await writer_.write(error_response(*refusal), request, protocol);
    co_return false;
  }

  version_ = reader_.version();
  const bool may_keep_alive = reader_.wants_keep_alive() && !state_.is_stopping;
  std::optional<Response> response;
  const Route* route = nullptr;
  try {
    if (static_cast<int64_t>(reader_.target().size()) > state_.options.target_bytes_max) {
      throw HttpError({.status = 414, .message = "the URL is too long", .code = "url_too_long"});
    }
    if (!parse_target(reader_.target(), request)) {
      throw HttpError({.message = "the URL is malformed", .code = "malformed_url"});
    }
    if (auto refusal = state_.guard.refusal(request, true)) throw HttpError(*refusal);
    route = &state_.router.match(request);
    if (auto refusal = state_.guard.refusal(request, route->is_public)) throw HttpError(*refusal);
    if (auto principal = state_.guard.principal_of(request)) {
      request.principal = *std::move(principal);
    }
    need_right(*route, request.principal);
    co_await reader_.read_body(*route, request);
  } catch (const HttpError& error) {
    response = error_response(error.detail());
  } catch (const FileError& error) {
    response = internal_error(request, error.what());
  }
  protocol = {version_, may_keep_alive && reader_.is_done()};

  if (!response) {
    response = co_await asio::co_spawn(
        state_.handlers,
        [&]() -> Awaitable<Response> { co_return call_handler(route->handler, request); },
        asio::use_awaitable);
    remove_files(request.form);
  }
  co_return co_await writer_.write(std::move(*response), request, protocol);
}

Awaitable<void> Connection::refuse(const HttpError::Detail& detail) {
  try {
    Request request;
    request.id = make_request_id();
    const ResponseWriter::Protocol protocol = {version_, /*keeps_alive=*/false};
    co_await writer_.write(error_response(detail), request, protocol);
  } catch (const boost::system::system_error&) {
    // Gone already.
  }
}

}  // namespace

Awaitable<void> serve_connection(Socket socket, ServerState& state) {
  Connection connection(std::move(socket), state);
  co_await connection.run();
}

Awaitable<void> refuse_connection(Socket socket, ServerState& state) {
  Connection connection(std::move(socket), state);
  const HttpError::Detail detail = {.status = 503,
                                    .message = "the server has too many connections",
                                    .code = "too_many_connections",
                                    .retry_after_s = 1};
  co_await connection.refuse(detail);
}

}  // namespace widenet::api

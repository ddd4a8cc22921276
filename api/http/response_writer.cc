// Writing replies, event streams and their heartbeats.
#include "api/http/response_writer.h"

#include <time.h>

#include <cstdio>
#include <sstream>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http.hpp>

#include "api/http/handler_call.h"

namespace widenet::api {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using std::chrono::milliseconds;

namespace {

constexpr size_t kReadBytes = 64 << 10;

std::string as_chunk(std::string_view bytes) {
  char size[24];
  std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
  return size + std::string(bytes) + "\r\n";
}

std::string http_date() {
  const time_t now = ::time(nullptr);
  tm parts{};
  ::gmtime_r(&now, &parts);
  char text[64];
  const size_t size = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return std::string(text, size);
}

template <typename Body>
http::response<Body> make_head(const Response& response,
                               const Request& request,
                               ResponseWriter::Protocol protocol) {
  http::response<Body> message;
  message.version(protocol.version);
  message.result(static_cast<unsigned>(response.status));
  message.keep_alive(protocol.keeps_alive);
  message.set(http::field::date, http_date());
  message.set("X-Request-Id", request.id);
  message.set("X-Content-Type-Options", "nosniff");
  message.set("X-Frame-Options", "DENY");
  message.set("Referrer-Policy", "no-referrer");
  message.set("Cross-Origin-Resource-Policy", "same-origin");
  message.set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
  message.set("Cache-Control", "no-store");
  for (const auto& [name, value] : response.headers) message.set(name, value);
  return message;
}

template <typename Body>
Awaitable<void> write_message(Socket& socket,
                              Deadline& deadline,
                              milliseconds time,
                              http::response<Body> message,
                              bool is_head) {
  http::response_serializer<Body> serializer(message);
  serializer.split(is_head);
  while (is_head ? !serializer.is_header_done() : !serializer.is_done()) {
    deadline.set(time);
    co_await http::async_write_some(socket, serializer, asio::use_awaitable);
    deadline.clear();
  }
}

}  // namespace

ResponseWriter::ResponseWriter(Socket& socket, ServerState& state)
    : socket_(socket), state_(state), deadline_(socket) {}

Awaitable<bool> ResponseWriter::write(Response response,
                                      const Request& request,
                                      Protocol protocol) {
  protocol_ = protocol;
  const milliseconds time = state_.options.write_timeout;
  const bool is_head = request.method == "HEAD";
  if (response.stream && !is_head) {
    co_await write_stream(std::move(response), request);
  } else if (response.file) {
    auto message = make_head<http::file_body>(response, request, protocol_);
    error_code error;
    message.body().open(response.file->c_str(), boost::beast::file_mode::scan, error);
    if (error) {
      Response failure = internal_error(
          request, "cannot open " + response.file->string() + ": " + error.message());
      co_return co_await write(std::move(failure), request, protocol);
    }
    message.prepare_payload();
    co_await write_message(socket_, deadline_, time, std::move(message), is_head);
  } else {
    auto message = make_head<http::string_body>(response, request, protocol_);
    message.body() = std::move(response.body);
    message.prepare_payload();
    co_await write_message(socket_, deadline_, time, std::move(message), is_head);
  }
  if (!protocol_.keeps_alive) co_await close_gently();
  co_return protocol_.keeps_alive;
}

Awaitable<void> ResponseWriter::write_bytes(std::string_view bytes) {
  while (!bytes.empty()) {
    deadline_.set(state_.options.write_timeout);
    const size_t n = co_await socket_.async_write_some(asio::buffer(bytes.data(), bytes.size()),
                                                       asio::use_awaitable);
    deadline_.clear();
    bytes.remove_prefix(n);
  }
}

Awaitable<void> ResponseWriter::write_stream(Response response, const Request& request) {
  const bool is_chunked = protocol_.version == 11;
  if (!is_chunked) protocol_.keeps_alive = false;
  auto message = make_head<http::empty_body>(response, request, protocol_);
  message.set(http::field::content_type, "text/event-stream; charset=utf-8");
  message.set("X-Accel-Buffering", "no");
  if (is_chunked) message.chunked(true);
  std::ostringstream head;
  head << message.base();

  auto queue = std::make_shared<QueuedStream>(socket_.get_executor(), request.is_cancelled);
  asio::co_spawn(
      state_.handlers,
      [&response, &request, queue]() -> Awaitable<void> {
        call_stream(response, request, *queue);
        queue->finish();
        co_return;
      },
      asio::detached);
  // From here on the handler uses `response` and `request`: nothing may leave before it is done.
  std::exception_ptr failure;
  try {
    co_await write_bytes(head.str());
  } catch (const boost::system::system_error&) {
    failure = std::current_exception();
    queue->break_off();
  }
  co_await pump(*queue, is_chunked);
  if (failure) std::rethrow_exception(failure);
}

// Writes what the handler sends, and heartbeats while it is silent, until it has returned.
Awaitable<void> ResponseWriter::pump(QueuedStream& queue, bool is_chunked) {
  std::exception_ptr failure;
  while (true) {
    auto [bytes, is_finished, is_broken] = queue.take();
    if (is_broken && !failure) {
      failure = std::make_exception_ptr(boost::system::system_error(asio::error::no_buffer_space));
    }
    if (bytes.empty() && is_finished) break;
    if (bytes.empty()) {
      const bool is_woken = co_await queue.wait(state_.options.heartbeat);
      if (is_woken || failure) continue;
      bytes = ": ping\n\n";
    }
    if (failure) continue;
    if (is_chunked) bytes = as_chunk(bytes);
    try {
      co_await write_bytes(bytes);
    } catch (const boost::system::system_error&) {
      failure = std::current_exception();
      queue.break_off();
    }
  }
  if (failure) std::rethrow_exception(failure);
  if (is_chunked) co_await write_bytes("0\r\n\r\n");
}

// Closing while unread bytes lie in the socket would reset the connection, and the client might
// never see the reply.  So: stop writing, and read a little longer.
Awaitable<void> ResponseWriter::close_gently() {
  error_code error;
  socket_.shutdown(Socket::shutdown_send, error);
  std::vector<char> chunk(kReadBytes);
  deadline_.set(std::chrono::seconds(2));
  for (size_t n_bytes = 0; !error && n_bytes < (1 << 20) && !deadline_.has_expired();) {
    n_bytes += co_await socket_.async_read_some(asio::buffer(chunk),
                                                asio::redirect_error(asio::use_awaitable, error));
  }
  deadline_.clear();
}

}  // namespace widenet::api

// Reading requests within their limits, and writing replies and event streams.
//
// g++ 12 destroys temporaries of a conditional or a braced list in an awaited expression twice:
// such arguments are named first.
//
// Everything here runs on the network thread, but for the handlers and QueuedStream's writing end.
#include "api/http/connection.h"

#include <poll.h>
#include <time.h>

#include <cstdio>
#include <mutex>
#include <sstream>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "api/http/multipart.h"
#include "base/utf8.h"

namespace widenet::api {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
template <typename T>
using Awaitable = asio::awaitable<T>;

constexpr int64_t kBodyBytesPerSecondMin = 500;
constexpr size_t kReadBytes = 64 << 10;
constexpr size_t kQueuedBytesMax = 1 << 20;

// Cancels what the socket is waiting for when time is up.
class Deadline {
 public:
  explicit Deadline(Socket& socket)
      : state_(std::make_shared<State>(State{asio::steady_timer(socket.get_executor()), socket})) {}
  ~Deadline() { clear(); }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  void set(milliseconds time) {
    state_->has_expired = false;
    state_->timer.expires_after(time);
    state_->timer.async_wait([state = state_, turn = ++state_->turn](error_code error) {
      if (error || state->turn != turn) return;
      state->has_expired = true;
      error_code ignored;
      state->socket.cancel(ignored);
    });
  }
  void clear() {
    ++state_->turn;
    state_->timer.cancel();
  }
  bool has_expired() const { return state_->has_expired; }

 private:
  struct State {
    asio::steady_timer timer;
    Socket& socket;
    uint64_t turn = 0;  // a wait that was begun in an earlier turn means nothing
    bool has_expired = false;
  };
  std::shared_ptr<State> state_;
};

// Whether the client has closed its end.  A client that only shuts its writing half counts as gone.
bool has_hung_up(int fd) {
  pollfd poll_fd{.fd = fd, .events = POLLRDHUP, .revents = 0};
  return ::poll(&poll_fd, 1, 0) > 0 && (poll_fd.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

const boost::system::error_category& http_category() {
  return http::make_error_code(http::error::end_of_stream).category();
}

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

std::string make_request_id() {
  static std::atomic<uint64_t> counter = static_cast<uint64_t>(::time(nullptr)) << 20;
  char text[32];
  std::snprintf(text, sizeof text, "req_%016llx",
                static_cast<unsigned long long>(counter.fetch_add(1)));
  return text;
}

// Events on their way from a handler's thread to the network thread.
class QueuedStream final : public EventStream, public std::enable_shared_from_this<QueuedStream> {
 public:
  QueuedStream(asio::any_io_executor network, std::function<bool()> is_cancelled)
      : timer_(network), is_cancelled_(std::move(is_cancelled)) {}

  bool send(const Event& event) override {
    const std::lock_guard lock(mutex_);
    if (queued_.size() > kQueuedBytesMax) drop();
    if (is_broken_) return false;
    queued_ += format_event(event);
    wake();
    return true;
  }

  bool is_closed() const override {
    {
      const std::lock_guard lock(mutex_);
      if (is_broken_) return true;
    }
    return is_cancelled_();
  }

  // The handler has returned.
  void finish() {
    const std::lock_guard lock(mutex_);
    is_finished_ = true;
    wake();
  }

  // The reader has gone: what is queued and whatever follows is dropped.
  void break_off() {
    const std::lock_guard lock(mutex_);
    drop();
  }

  struct Taken {
    std::string bytes;
    bool is_finished;
    bool is_broken;
  };
  Taken take() {
    const std::lock_guard lock(mutex_);
    return {std::exchange(queued_, {}), is_finished_, is_broken_};
  }

  // Until something was queued or finished (true), or `time` has passed (false).  A wake-up cannot
  // be lost: it is posted to the network thread, which is the one that called take() before this.
  Awaitable<bool> wait(milliseconds time) {
    timer_.expires_after(time);
    error_code error;
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, error));
    co_return static_cast<bool>(error);
  }

 private:
  void drop() {
    is_broken_ = true;
    queued_.clear();
    wake();
  }
  void wake() {
    asio::post(timer_.get_executor(), [self = shared_from_this()] { self->timer_.cancel(); });
  }

  asio::steady_timer timer_;
  const std::function<bool()> is_cancelled_;
  mutable std::mutex mutex_;
  std::string queued_;        // guarded by mutex_
  bool is_finished_ = false;  // guarded by mutex_
  bool is_broken_ = false;    // guarded by mutex_
};

void log_failure(const Request& request, const char* why) {
  std::fprintf(stderr, "widenet: %s %s (%s): %s\n", request.method.c_str(), request.path.c_str(),
               request.id.c_str(), why);
}

const HttpError::Detail kInternalError = {
    .status = 500, .message = "the server failed; its log says why", .code = "server_error"};

// The boundary where a handler's exceptions become replies.
Response call(const Handler& handler, const Request& request) {
  try {
    return handler(request);
  } catch (const HttpError& error) {
    return error_response(error.detail());
  } catch (const std::exception& error) {
    log_failure(request, error.what());
    return error_response(kInternalError);
  }
}

void call_stream(const Response& response, const Request& request, EventStream& events) {
  const auto send_error = [&](const HttpError::Detail& detail) {
    events.send({.name = "error", .data = error_response(detail).body});
  };
  try {
    response.stream(events);
  } catch (const HttpError& error) {
    send_error(error.detail());
  } catch (const std::exception& error) {
    log_failure(request, error.what());
    send_error(kInternalError);
  }
}

class Connection {
 public:
  Connection(Socket socket, ServerState& state)
      : socket_(std::move(socket)), state_(state), deadline_(socket_) {}

  Awaitable<void> run();
  Awaitable<void> refuse(const HttpError::Detail& detail);

 private:
  using Parser = http::request_parser<http::buffer_body>;

  Awaitable<bool> wait_for_request();
  Awaitable<bool> serve_request();
  Awaitable<std::optional<HttpError::Detail>> read_header(Parser& parser);
  HttpError::Detail header_refusal(error_code error, bool has_target) const;
  Request make_request(const Parser& parser) const;
  Awaitable<void> read_body(Parser& parser, const Route& route, Request& request);
  Awaitable<void> read_json(Parser& parser, Request& request);
  Awaitable<void> read_form(Parser& parser, Request& request);
  Awaitable<size_t> read_some(Parser& parser, std::vector<char>& chunk);
  Awaitable<void> answer_expectation(const Parser& parser);

  template <typename Body>
  http::response<Body> make_head(const Response& response, const Request& request) const;
  Awaitable<bool> write(Response response, const Request& request);
  template <typename Body>
  Awaitable<void> write_message(http::response<Body> message, bool is_head);
  Awaitable<void> write_stream(Response response, const Request& request);
  Awaitable<void> write_bytes(std::string_view bytes);
  Awaitable<void> pump(QueuedStream& queue, bool is_chunked);
  Awaitable<void> close_gently();

  Socket socket_;
  ServerState& state_;
  Deadline deadline_;
  boost::beast::flat_buffer buffer_;
  unsigned version_ = 11;
  bool keeps_alive_ = false;  // after the reply that is being made
};

// Registers a socket as one that may be cut off when the server stops.
class Incoming {
 public:
  Incoming(ServerState& state, Socket& socket)
      : state_(state), at_(state.incoming.insert(state.incoming.end(), &socket)) {}
  ~Incoming() { state_.incoming.erase(at_); }
  Incoming(const Incoming&) = delete;
  Incoming& operator=(const Incoming&) = delete;

 private:
  ServerState& state_;
  std::list<Socket*>::iterator at_;
};

Awaitable<void> Connection::run() {
  try {
    while (true) {
      const bool has_request = co_await wait_for_request();
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

Awaitable<bool> Connection::wait_for_request() {
  if (state_.is_stopping) co_return false;
  if (buffer_.size() > 0) co_return true;  // sent behind the last request
  const Incoming incoming(state_, socket_);
  deadline_.set(state_.options.idle_timeout);
  error_code error;
  const size_t n = co_await socket_.async_read_some(
      buffer_.prepare(4096), asio::redirect_error(asio::use_awaitable, error));
  deadline_.clear();
  buffer_.commit(n);
  co_return !error;
}

Awaitable<bool> Connection::serve_request() {
  Parser parser;
  parser.header_limit(static_cast<uint32_t>(state_.options.header_bytes_max));
  parser.body_limit(boost::none);  // read_body() has its own
  keeps_alive_ = false;
  Request request;
  request.id = make_request_id();
  if (const auto refusal = co_await read_header(parser)) {
    co_await write(error_response(*refusal), request);
    co_return false;
  }

  request = make_request(parser);
  version_ = parser.get().version();
  const bool may_keep_alive = parser.get().keep_alive() && !state_.is_stopping;
  std::optional<Response> response;
  const Route* route = nullptr;
  try {
    if (static_cast<int64_t>(parser.get().target().size()) > state_.options.target_bytes_max) {
      throw HttpError({.status = 414, .message = "the URL is too long", .code = "url_too_long"});
    }
    if (!parse_target(std::string_view(parser.get().target()), request)) {
      throw HttpError({.message = "the URL is malformed", .code = "malformed_url"});
    }
    if (auto refusal = state_.guard.refusal(request, true)) throw HttpError(*refusal);
    route = &state_.router.match(request);
    if (auto refusal = state_.guard.refusal(request, route->is_public)) throw HttpError(*refusal);
    co_await read_body(parser, *route, request);
  } catch (const HttpError& error) {
    response = error_response(error.detail());
  } catch (const FileError& error) {
    log_failure(request, error.what());
    response = error_response(kInternalError);
  }
  keeps_alive_ = may_keep_alive && parser.is_done();

  if (!response) {
    response = co_await asio::co_spawn(
        state_.handlers, [&]() -> Awaitable<Response> { co_return call(route->handler, request); },
        asio::use_awaitable);
    remove_files(request.form);
  }
  co_return co_await write(std::move(*response), request);
}

Awaitable<std::optional<HttpError::Detail>> Connection::read_header(Parser& parser) {
  const Incoming incoming(state_, socket_);
  deadline_.set(state_.options.header_timeout);
  error_code error;
  co_await http::async_read_header(socket_, buffer_, parser,
                                   asio::redirect_error(asio::use_awaitable, error));
  deadline_.clear();
  if (!error) co_return std::nullopt;
  const bool is_of_http = error.category() == http_category();
  const bool has_gone =
      error == http::error::end_of_stream || error == http::error::partial_message;
  if (deadline_.has_expired() || (is_of_http && !has_gone)) {
    co_return header_refusal(error, !parser.get().target().empty());
  }
  throw boost::system::system_error(error);
}

HttpError::Detail Connection::header_refusal(error_code error, bool has_target) const {
  if (deadline_.has_expired()) {
    return {.status = 408, .message = "the request took too long", .code = "request_timeout"};
  }
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    if (!has_target) {
      return {.status = 414, .message = "the URL is too long", .code = "url_too_long"};
    }
    return {.status = 431, .message = "the headers are too large", .code = "headers_too_large"};
  }
  return {.message = "the request is malformed: " + error.message(), .code = "malformed_request"};
}

Request Connection::make_request(const Parser& parser) const {
  Request request;
  request.id = make_request_id();
  request.method = std::string(parser.get().method_string());
  for (const auto& field : parser.get()) {
    request.headers.add(to_valid_utf8(std::string_view(field.name_string())),
                        to_valid_utf8(std::string_view(field.value())));
  }
  request.is_cancelled = [fd = const_cast<Socket&>(socket_).native_handle(), &state = state_] {
    return state.is_cancelling || has_hung_up(fd);
  };
  return request;
}

Awaitable<void> Connection::read_body(Parser& parser, const Route& route, Request& request) {
  if (parser.is_done()) co_return;  // no body; what it should have held is the handler's to miss
  const std::string_view type = request.headers.find("Content-Type").value_or("");
  switch (route.body) {
    case BodyKind::none:
      throw HttpError({.message = request.method + " " + request.path + " takes no body",
                       .code = "unexpected_body"});
    case BodyKind::json:
      if (!type.starts_with("application/json")) {
        throw HttpError({.status = 415,
                         .message = "the body must be of Content-Type application/json",
                         .code = "unsupported_media_type"});
      }
      co_return co_await read_json(parser, request);
    case BodyKind::form:
      co_return co_await read_form(parser, request);
  }
}

// A body that drips is given up: it holds a connection that others wait for.
void check_rate(Clock::time_point start, int64_t n_bytes) {
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  if (seconds < 30 || static_cast<double>(n_bytes) >= seconds * kBodyBytesPerSecondMin) return;
  throw HttpError(
      {.status = 408, .message = "the body came too slowly", .code = "request_timeout"});
}

void check_length(std::optional<uint64_t> length, int64_t bytes_max) {
  if (length.value_or(0) <= static_cast<uint64_t>(bytes_max)) return;
  throw HttpError({.status = 413,
                   .message = "the body is larger than " + std::to_string(bytes_max) + " bytes",
                   .code = "request_too_large"});
}

std::optional<uint64_t> content_length(const http::request_parser<http::buffer_body>& parser) {
  const auto length = parser.content_length();
  return length ? std::optional<uint64_t>(*length) : std::nullopt;
}

Awaitable<void> Connection::read_json(Parser& parser, Request& request) {
  check_length(content_length(parser), state_.options.json_bytes_max);
  co_await answer_expectation(parser);
  std::vector<char> chunk(kReadBytes);
  const auto start = Clock::now();
  while (!parser.is_done()) {
    const size_t n = co_await read_some(parser, chunk);
    request.body.append(chunk.data(), n);
    check_length(request.body.size(), state_.options.json_bytes_max);
    check_rate(start, static_cast<int64_t>(request.body.size()));
  }
}

Awaitable<void> Connection::read_form(Parser& parser, Request& request) {
  const auto boundary = multipart_boundary(request.headers.find("Content-Type").value_or(""));
  if (!boundary) {
    throw HttpError({.status = 415,
                     .message = "the body must be of Content-Type multipart/form-data",
                     .code = "unsupported_media_type"});
  }
  const int64_t bytes_max = state_.options.file_bytes_max + (1 << 20);
  check_length(content_length(parser), bytes_max);
  co_await answer_expectation(parser);

  MultipartReader reader(*boundary, {.directory = state_.options.temporary_directory,
                                     .file_bytes_max = state_.options.file_bytes_max});
  std::vector<char> chunk(kReadBytes);
  const auto start = Clock::now();
  int64_t n_bytes = 0;
  while (!parser.is_done()) {
    const size_t n = co_await read_some(parser, chunk);
    n_bytes += static_cast<int64_t>(n);
    check_length(static_cast<uint64_t>(n_bytes), bytes_max);
    check_rate(start, n_bytes);
    reader.feed({chunk.data(), n});
  }
  request.form = reader.take_parts();
}

Awaitable<size_t> Connection::read_some(Parser& parser, std::vector<char>& chunk) {
  const Incoming incoming(state_, socket_);
  if (state_.is_stopping) throw boost::system::system_error(asio::error::operation_aborted);
  parser.get().body().data = chunk.data();
  parser.get().body().size = chunk.size();
  deadline_.set(state_.options.body_timeout);
  error_code error;
  co_await http::async_read_some(socket_, buffer_, parser,
                                 asio::redirect_error(asio::use_awaitable, error));
  deadline_.clear();
  if (deadline_.has_expired()) {
    throw HttpError(
        {.status = 408, .message = "the body stopped coming", .code = "request_timeout"});
  }
  if (error.category() == http_category() && error != http::error::need_buffer &&
      error != http::error::partial_message) {
    throw HttpError(
        {.message = "the body is malformed: " + error.message(), .code = "malformed_request"});
  }
  if (error && error != http::error::need_buffer) throw boost::system::system_error(error);
  co_return chunk.size() - parser.get().body().size;
}

// curl and others ask before they send a large body.
Awaitable<void> Connection::answer_expectation(const Parser& parser) {
  if (!boost::beast::iequals(parser.get()[http::field::expect], "100-continue")) co_return;
  if (buffer_.size() == 0) co_await write_bytes("HTTP/1.1 100 Continue\r\n\r\n");
}

template <typename Body>
http::response<Body> Connection::make_head(const Response& response, const Request& request) const {
  http::response<Body> message;
  message.version(version_);
  message.result(static_cast<unsigned>(response.status));
  message.keep_alive(keeps_alive_);
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

Awaitable<bool> Connection::write(Response response, const Request& request) {
  const bool is_head = request.method == "HEAD";
  if (response.stream && !is_head) {
    co_await write_stream(std::move(response), request);
  } else if (response.file) {
    auto message = make_head<http::file_body>(response, request);
    error_code error;
    message.body().open(response.file->c_str(), boost::beast::file_mode::scan, error);
    if (error) {
      log_failure(request,
                  ("cannot open " + response.file->string() + ": " + error.message()).c_str());
      co_return co_await write(error_response(kInternalError), request);
    }
    message.prepare_payload();
    co_await write_message(std::move(message), is_head);
  } else {
    auto message = make_head<http::string_body>(response, request);
    message.body() = std::move(response.body);
    message.prepare_payload();
    co_await write_message(std::move(message), is_head);
  }
  if (!keeps_alive_) co_await close_gently();
  co_return keeps_alive_;
}

template <typename Body>
Awaitable<void> Connection::write_message(http::response<Body> message, bool is_head) {
  http::response_serializer<Body> serializer(message);
  serializer.split(is_head);
  while (is_head ? !serializer.is_header_done() : !serializer.is_done()) {
    deadline_.set(state_.options.write_timeout);
    co_await http::async_write_some(socket_, serializer, asio::use_awaitable);
    deadline_.clear();
  }
}

Awaitable<void> Connection::write_bytes(std::string_view bytes) {
  while (!bytes.empty()) {
    deadline_.set(state_.options.write_timeout);
    const size_t n = co_await socket_.async_write_some(asio::buffer(bytes.data(), bytes.size()),
                                                       asio::use_awaitable);
    deadline_.clear();
    bytes.remove_prefix(n);
  }
}

Awaitable<void> Connection::write_stream(Response response, const Request& request) {
  const bool is_chunked = version_ == 11;
  if (!is_chunked) keeps_alive_ = false;
  auto message = make_head<http::empty_body>(response, request);
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
Awaitable<void> Connection::pump(QueuedStream& queue, bool is_chunked) {
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
Awaitable<void> Connection::close_gently() {
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

Awaitable<void> Connection::refuse(const HttpError::Detail& detail) {
  try {
    Request request;
    request.id = make_request_id();
    co_await write(error_response(detail), request);
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

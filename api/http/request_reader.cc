// Reading request heads and bodies.
#include "api/http/request_reader.h"

#include <poll.h>

#include <vector>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "api/http/multipart.h"
#include "base/utf8.h"

namespace widenet::api {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

namespace {

using Parser = http::request_parser<http::buffer_body>;

constexpr int64_t kBodyBytesPerSecondMin = 500;
constexpr size_t kReadBytes = 64 << 10;

// Whether the client has closed its end.  A client that only shuts its writing half counts as gone.
bool has_hung_up(int fd) {
  pollfd poll_fd{.fd = fd, .events = POLLRDHUP, .revents = 0};
  return ::poll(&poll_fd, 1, 0) > 0 && (poll_fd.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

const boost::system::error_category& http_category() {
  return http::make_error_code(http::error::end_of_stream).category();
}

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

// Fills in all but the target and the id.
void fill_in(const Parser& parser, Request& request) {
  request.method = std::string(parser.get().method_string());
  for (const auto& field : parser.get()) {
    request.headers.add(to_valid_utf8(std::string_view(field.name_string())),
                        to_valid_utf8(std::string_view(field.value())));
  }
}

}  // namespace

// What has come from the socket and is not used yet, and the request that is being read.
struct RequestReader::Parsing {
  Parser& begin(int64_t header_bytes_max) {
    parser.emplace();
    parser->header_limit(static_cast<uint32_t>(header_bytes_max));
    parser->body_limit(boost::none);  // read_body() has its own
    return *parser;
  }

  boost::beast::flat_buffer buffer;
  std::optional<Parser> parser;
};

RequestReader::RequestReader(Socket& socket, ServerState& state, ResponseWriter& writer)
    : socket_(socket),
      state_(state),
      writer_(writer),
      deadline_(socket),
      parsing_(std::make_unique<Parsing>()) {}

RequestReader::~RequestReader() = default;

std::string_view RequestReader::target() const {
  return std::string_view(parsing_->parser->get().target());
}

unsigned RequestReader::version() const {
  return parsing_->parser->get().version();
}

bool RequestReader::wants_keep_alive() const {
  return parsing_->parser->get().keep_alive();
}

bool RequestReader::is_done() const {
  return parsing_->parser->is_done();
}

std::optional<uint64_t> RequestReader::content_length() const {
  const auto length = parsing_->parser->content_length();
  return length ? std::optional<uint64_t>(*length) : std::nullopt;
}

Awaitable<bool> RequestReader::wait_for_request() {
  if (state_.is_stopping) co_return false;
  if (parsing_->buffer.size() > 0) co_return true;  // sent behind the last request
  const Incoming incoming(state_, socket_);
  deadline_.set(state_.options.idle_timeout);
  error_code error;
  const size_t n = co_await socket_.async_read_some(
      parsing_->buffer.prepare(4096), asio::redirect_error(asio::use_awaitable, error));
  deadline_.clear();
  parsing_->buffer.commit(n);
  co_return !error;
}

Awaitable<std::optional<HttpError::Detail>> RequestReader::read_header(Request& request) {
  Parser& parser = parsing_->begin(state_.options.header_bytes_max);
  const Incoming incoming(state_, socket_);
  deadline_.set(state_.options.header_timeout);
  error_code error;
  co_await http::async_read_header(socket_, parsing_->buffer, parser,
                                   asio::redirect_error(asio::use_awaitable, error));
  deadline_.clear();
  if (!error) {
    fill_in(parser, request);
    request.is_cancelled = [fd = socket_.native_handle(), &state = state_] {
      return state.is_cancelling || has_hung_up(fd);
    };
    co_return std::nullopt;
  }
  const bool is_of_http = error.category() == http_category();
  const bool has_gone =
      error == http::error::end_of_stream || error == http::error::partial_message;
  if (deadline_.has_expired() || (is_of_http && !has_gone)) {
    co_return header_refusal(error);
  }
  throw boost::system::system_error(error);
}

HttpError::Detail RequestReader::header_refusal(error_code error) const {
  if (deadline_.has_expired()) {
    return {.status = 408, .message = "the request took too long", .code = "request_timeout"};
  }
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    if (target().empty()) {
      return {.status = 414, .message = "the URL is too long", .code = "url_too_long"};
    }
    return {.status = 431, .message = "the headers are too large", .code = "headers_too_large"};
  }
  return {.message = "the request is malformed: " + error.message(), .code = "malformed_request"};
}

Awaitable<void> RequestReader::read_body(const Route& route, Request& request) {
  if (is_done()) co_return;  // no body; what it should have held is the handler's to miss
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
      co_return co_await read_json(request);
    case BodyKind::form:
      co_return co_await read_form(request);
  }
}

Awaitable<void> RequestReader::read_json(Request& request) {
  check_length(content_length(), state_.options.json_bytes_max);
  co_await answer_expectation();
  std::vector<char> chunk(kReadBytes);
  const auto start = Clock::now();
  while (!is_done()) {
    const size_t n = co_await read_some(chunk);
    request.body.append(chunk.data(), n);
    check_length(request.body.size(), state_.options.json_bytes_max);
    check_rate(start, static_cast<int64_t>(request.body.size()));
  }
}

Awaitable<void> RequestReader::read_form(Request& request) {
  const auto boundary = multipart_boundary(request.headers.find("Content-Type").value_or(""));
  if (!boundary) {
    throw HttpError({.status = 415,
                     .message = "the body must be of Content-Type multipart/form-data",
                     .code = "unsupported_media_type"});
  }
  const int64_t bytes_max = state_.options.file_bytes_max + (1 << 20);
  check_length(content_length(), bytes_max);
  co_await answer_expectation();

  MultipartReader reader(*boundary, {.directory = state_.options.temporary_directory,
                                     .file_bytes_max = state_.options.file_bytes_max});
  std::vector<char> chunk(kReadBytes);
  const auto start = Clock::now();
  int64_t n_bytes = 0;
  while (!is_done()) {
    const size_t n = co_await read_some(chunk);
    n_bytes += static_cast<int64_t>(n);
    check_length(static_cast<uint64_t>(n_bytes), bytes_max);
    check_rate(start, n_bytes);
    reader.feed({chunk.data(), n});
  }
  request.form = reader.take_parts();
}

Awaitable<size_t> RequestReader::read_some(std::vector<char>& chunk) {
  const Incoming incoming(state_, socket_);
  if (state_.is_stopping) throw boost::system::system_error(asio::error::operation_aborted);
  Parser& parser = *parsing_->parser;
  parser.get().body().data = chunk.data();
  parser.get().body().size = chunk.size();
  deadline_.set(state_.options.body_timeout);
  error_code error;
  co_await http::async_read_some(socket_, parsing_->buffer, parser,
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
Awaitable<void> RequestReader::answer_expectation() {
  const auto expected = parsing_->parser->get()[http::field::expect];
  if (!boost::beast::iequals(expected, "100-continue")) co_return;
  if (parsing_->buffer.size() == 0) co_await writer_.write_bytes("HTTP/1.1 100 Continue\r\n\r\n");
}

}  // namespace widenet::api

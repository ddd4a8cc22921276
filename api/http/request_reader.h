// RequestReader: requests from a socket, within the limits of size and time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "api/http/connection.h"
#include "api/http/deadline.h"
#include "api/http/response_writer.h"

namespace widenet::api {

// One for each connection, on the network thread.  Its coroutines throw system_error when the
// client has gone or the server cuts the connection off.
class RequestReader {
 public:
  // All outlive the reader; the writer tells clients that ask first to go on.
  RequestReader(Socket& socket, ServerState& state, ResponseWriter& writer);
  ~RequestReader();

  // Until the first bytes of the next request are here.  False: there will be none.
  Awaitable<bool> wait_for_request();

  // Reads a request's first line and headers, and fills in what they say but the target.  Returns
  // why the request is refused; the connection is of no use then.
  Awaitable<std::optional<HttpError::Detail>> read_header(Request& request);

  // Of the header that was read.
  std::string_view target() const;
  unsigned version() const;  // 10 or 11
  bool wants_keep_alive() const;

  // Reads the body as the route takes it.  Throws HttpError, or FileError if an upload cannot be
  // stored.
  Awaitable<void> read_body(const Route& route, Request& request);
  bool is_done() const;  // the whole request was read

 private:
  struct Parsing;

  HttpError::Detail header_refusal(boost::system::error_code error) const;
  Awaitable<void> read_json(Request& request);
  Awaitable<void> read_form(Request& request);
  Awaitable<size_t> read_some(std::vector<char>& chunk);
  Awaitable<void> answer_expectation();
  std::optional<uint64_t> content_length() const;

  Socket& socket_;
  ServerState& state_;
  ResponseWriter& writer_;
  Deadline deadline_;
  std::unique_ptr<Parsing> parsing_;
};

}  // namespace widenet::api

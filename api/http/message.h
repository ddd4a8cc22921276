// What a handler sees of HTTP: requests, responses and event streams, free of sockets and Beast.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/http/principal.h"

namespace widenet::api {

// Name-value pairs in the order they came.  Names of headers compare without case.
class Fields {
 public:
  void add(std::string name, std::string value) {
    pairs_.emplace_back(std::move(name), std::move(value));
  }
  // The first value of that name.
  std::optional<std::string_view> find(std::string_view name) const;
  int64_t count(std::string_view name) const;

  auto begin() const { return pairs_.begin(); }
  auto end() const { return pairs_.end(); }

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;
};

// One part of a multipart/form-data body.  A part with a file name lies in `file`, a temporary file
// that is removed with the request unless a handler moves it away; any other part is in `value`.
struct FormPart {
  std::string name = {};
  std::string file_name = {};  // as sent: not a path to trust
  std::string content_type = {};
  std::string value = {};
  std::filesystem::path file = {};
  int64_t file_bytes = 0;
  bool is_file = false;
};

struct Request {
  std::string method = {};  // "GET", in capitals
  std::string path = {};    // decoded, begins with '/', without the query
  Fields query = {};        // decoded
  Fields headers = {};
  std::string body = {};                    // of routes with a body in memory
  std::vector<FormPart> form = {};          // of routes that take a form
  std::vector<std::string> arguments = {};  // what the route's {placeholders} matched, in order
  std::string id = {};                      // the x-request-id that the reply carries
  Principal principal = {};                 // of routes that are not public

  // True once nobody waits for the reply any more: the client has gone, or the server stops.
  // Cheap; may be called from any thread while the handler runs.
  std::function<bool()> is_cancelled = [] { return false; };
};

// One server-sent event.  An empty name makes a message event; id 0 sends none.
struct Event {
  std::string name = {};
  std::string data = {};  // valid UTF-8; any line breaks are framed
  int64_t id = 0;
};

// Where a streaming handler writes, from any thread.  Nothing here blocks: whoever computes for
// many readers may call it.
class EventStream {
 public:
  virtual ~EventStream() = default;

  // Queues one event.  False: the reader has gone or has fallen too far behind, and nothing sent
  // from now on will arrive.
  virtual bool send(const Event& event) = 0;

  // True once the reader has gone or the server stops.
  virtual bool is_closed() const = 0;
};

// The bytes of one event as they travel.
std::string format_event(const Event& event);

// A reply: `body`, or the bytes of `file`, or, if `stream` is set, what it sends as events until
// it returns.  The server adds Content-Length, Date, the request id and the security headers.
struct Response {
  int status = 200;
  Fields headers = {};
  std::string body = {};
  std::optional<std::filesystem::path> file = {};
  std::function<void(EventStream&)> stream = {};
};

// Why a request is refused; thrown by handlers and by what reads requests, and turned into
// {"error": {"message", "type", "param", "code"}} with its status at one place.
class HttpError : public std::exception {
 public:
  struct Detail {
    int status = 400;
    std::string message = {};
    std::string code = {};
    std::string param = {};     // the field at fault; empty: none
    int64_t retry_after_s = 0;  // 0: no such header
    std::string allow = {};     // 405: the methods that are allowed
  };
  explicit HttpError(Detail detail) : detail_(std::move(detail)) {}

  const char* what() const noexcept override { return detail_.message.c_str(); }
  const Detail& detail() const { return detail_; }

 private:
  Detail detail_;
};

// {"error": ...} as a response.
Response error_response(const HttpError::Detail& detail);

// Decodes %XX (and '+' as a space, in queries).  Nullopt: malformed, not UTF-8, or a NUL in it.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);

// Splits a request target into a decoded path and query.  False: malformed.
bool parse_target(std::string_view target, Request& request);

}  // namespace widenet::api

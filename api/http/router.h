// Which handler answers a method and a path, and what it needs of the request's body.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "api/http/message.h"

namespace widenet::api {

// Runs on a thread of the server's pool and may block.  Throws HttpError to refuse; any other
// exception becomes a 500.  Called from many threads at once.
using Handler = std::function<Response(const Request&)>;

enum class BodyKind {
  none,  // any body is refused
  json,  // application/json, at most json_bytes_max, in Request::body
  form,  // multipart/form-data, files of at most file_bytes_max, in Request::form
};

struct Route {
  std::string method = {};
  std::string pattern = {};  // "/v1/files/{id}": a placeholder matches one non-empty segment
  BodyKind body = BodyKind::none;
  bool is_public = false;  // answered without an API key: the page itself, /healthz
  bool writes = false;     // changes what is stored: for keys that may write
  Handler handler = {};
};

// Throws HttpError 403 if the route is not for this principal.
void need_right(const Route& route, const Principal& principal);

// Built once, then read only.
class Router {
 public:
  void add(Route route) { routes_.push_back(std::move(route)); }

  // The route for `request`, filling request.arguments.  HEAD is answered by GET's route.  Throws
  // HttpError 404, or 405 with the methods that the path has.
  const Route& match(Request& request) const;

 private:
  std::vector<Route> routes_;
};

}  // namespace widenet::api

// Matching by segments: a handful of routes needs no tree.
#include "api/http/router.h"

#include <algorithm>
#include <optional>

namespace widenet::api {
namespace {

std::string_view take_segment(std::string_view& path) {
  const size_t end = std::min(path.find('/'), path.size());
  const std::string_view segment = path.substr(0, end);
  path.remove_prefix(std::min(end + 1, path.size()));
  return segment;
}

std::optional<std::vector<std::string>> match_pattern(std::string_view pattern,
                                                      std::string_view path) {
  if (std::count(pattern.begin(), pattern.end(), '/') != std::count(path.begin(), path.end(), '/'))
    return std::nullopt;

  std::vector<std::string> arguments;
  while (!pattern.empty() || !path.empty()) {
    const std::string_view wanted = take_segment(pattern), found = take_segment(path);
    if (wanted.starts_with('{')) {
      if (found.empty()) return std::nullopt;
      arguments.emplace_back(found);
    } else if (wanted != found) {
      return std::nullopt;
    }
  }
  return arguments;
}

}  // namespace

void need_right(const Route& route, const Principal& principal) {
  if (!route.writes || principal.may_write) return;
  throw HttpError({.status = 403,
                   .message = "this API key may read, not change anything",
                   .code = "read_only_key"});
}

const Route& Router::match(Request& request) const {
  const std::string_view method =
      request.method == "HEAD" ? "GET" : std::string_view(request.method);
  std::string allow;
  for (const Route& route : routes_) {
    auto arguments = match_pattern(route.pattern, request.path);
    if (!arguments) continue;
    if (route.method == method) {
      request.arguments = std::move(*arguments);
      return route;
    }
    allow += (allow.empty() ? "" : ", ") + route.method;
  }
  if (!allow.empty()) {
    throw HttpError(
        {.status = 405,
         .message = request.path + " does not take " + request.method + ", only " + allow,
         .code = "method_not_allowed",
         .allow = allow});
  }
  throw HttpError({.status = 404, .message = "there is no " + request.path, .code = "unknown_url"});
}

}  // namespace widenet::api

// Calling handlers.
#include "api/http/handler_call.h"

#include <cstdio>
#include <string>

namespace widenet::api {

Response call_handler(const Handler& handler, const Request& request) {
  try {
    return handler(request);
  } catch (const HttpError& error) {
    return error_response(error.detail());
  } catch (const std::exception& error) {
    return internal_error(request, error.what());
  }
}

void call_stream(const Response& response, const Request& request, EventStream& events) {
  const auto send_error = [&](const Response& error) {
    events.send({.name = "error", .data = error.body});
  };
  try {
    response.stream(events);
  } catch (const HttpError& error) {
    send_error(error_response(error.detail()));
  } catch (const std::exception& error) {
    send_error(internal_error(request, error.what()));
  }
}

Response internal_error(const Request& request, std::string_view why) {
  std::fprintf(stderr, "widenet: %s %s (%s): %.*s\n", request.method.c_str(), request.path.c_str(),
               request.id.c_str(), static_cast<int>(why.size()), why.data());
  return error_response(
      {.status = 500, .message = "the server failed; its log says why", .code = "server_error"});
}

}  // namespace widenet::api

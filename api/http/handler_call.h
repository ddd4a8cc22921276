// The boundary where exceptions, of handlers above all, become replies.
#pragma once

#include <string_view>

#include "api/http/message.h"
#include "api/http/router.h"

namespace widenet::api {

// Neither throws.
Response call_handler(const Handler& handler, const Request& request);
void call_stream(const Response& response, const Request& request, EventStream& events);

// Logs why the server failed; the reply does not say.
Response internal_error(const Request& request, std::string_view why);

}  // namespace widenet::api

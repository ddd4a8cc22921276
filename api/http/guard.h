// Who may ask at all: the Host, the Origin and the API key of a request.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/http/message.h"

namespace widenet::api {

struct ApiKey {
  std::string sha256 = {};  // of the key, in lower-case hex
  Principal principal = {};
};

struct GuardOptions {
  std::string api_key = {};       // the operator's; neither this nor `keys`: none is asked for
  std::vector<ApiKey> keys = {};  // others'
  std::vector<std::string> allowed_hosts =
      {};  // host names beside the loopback ones, without a port
};

// Refuses what a hostile web page could make a browser send.
//
//   Host    Without an API key only loopback names (localhost, 127.0.0.1, [::1]) and those allowed
//           explicitly are answered, so that a foreign name that was made to resolve to this
//           machine (DNS rebinding) reads nothing.  With a key, any name if none is listed.
//   Origin  A request that a browser sends for another origin is refused, whatever its method.
//   Key     "Authorization: Bearer KEY", compared in constant time with every key there is.
//
// Immutable, thread-safe.
class Guard {
 public:
  explicit Guard(GuardOptions options);

  // The reason for refusing, if there is one.  `is_public` routes need no key.
  std::optional<HttpError::Detail> refusal(const Request& request, bool is_public) const;

  // Whose key the request carries, the operator where none is needed; nothing for a wrong one.
  std::optional<Principal> principal_of(const Request& request) const;

  bool has_key() const { return !options_.keys.empty(); }

 private:
  bool is_host_allowed(std::string_view host) const;

  GuardOptions options_;
};

// The name of "name:port" or "[v6]:port", in lower case; empty if malformed.
std::string host_name(std::string_view authority);

bool is_loopback_name(std::string_view name);

}  // namespace widenet::api

// The checks that keep a browser's other tabs, and everyone without the key, out.
#include "api/http/guard.h"

#include <algorithm>
#include <cctype>

#include "base/hash.h"

namespace widenet::api {
namespace {

HttpError::Detail forbidden(std::string message, std::string code) {
  return {.status = 403, .message = std::move(message), .code = std::move(code)};
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

bool is_port(std::string_view text) {
  return !text.empty() && text.size() <= 5 &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c); });
}

// A browser says where a request comes from; other clients say nothing.
bool is_cross_origin(const Request& request, std::string_view host) {
  if (const auto origin = request.headers.find("Origin")) {
    const std::string authority = lower(host);
    const std::string claimed = lower(*origin);
    return claimed != "http://" + authority && claimed != "https://" + authority;
  }
  const auto site = request.headers.find("Sec-Fetch-Site");
  if (!site || *site == "same-origin" || *site == "none") return false;
  return request.headers.find("Sec-Fetch-Mode") != "navigate" || request.method != "GET";
}

// Takes as long for a wrong digest as for the right one.
bool are_equal(std::string_view a, std::string_view b) {
  unsigned char difference = a.size() == b.size() ? 0 : 1;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    difference = static_cast<unsigned char>(difference | (a[i] ^ b[i]));
  }
  return difference == 0;
}

}  // namespace

std::string host_name(std::string_view authority) {
  size_t end = 0;
  if (authority.starts_with('[')) {
    const size_t bracket = authority.find(']');
    if (bracket == std::string_view::npos) return "";
    end = bracket + 1;
  } else {
    end = std::min(authority.find(':'), authority.size());
  }
  const std::string_view port = authority.substr(end);
  if (!port.empty() && (port[0] != ':' || !is_port(port.substr(1)))) return "";
  return lower(authority.substr(0, end));
}

bool is_loopback_name(std::string_view name) {
  return name == "localhost" || name == "127.0.0.1" || name == "[::1]";
}

Guard::Guard(GuardOptions options) : options_(std::move(options)) {
  if (!options_.api_key.empty()) {
    options_.keys.push_back({.sha256 = sha256_hex(options_.api_key), .principal = {}});
  }
  options_.api_key.clear();
}

bool Guard::is_host_allowed(std::string_view host) const {
  const std::string name = host_name(host);
  if (name.empty()) return false;
  if (is_loopback_name(name)) return true;
  if (options_.allowed_hosts.empty()) return has_key();
  return std::find(options_.allowed_hosts.begin(), options_.allowed_hosts.end(), name) !=
         options_.allowed_hosts.end();
}

std::optional<Principal> Guard::principal_of(const Request& request) const {
  if (!has_key()) return Principal{};
  const auto header = request.headers.find("Authorization");
  if (!header || lower(header->substr(0, 7)) != "bearer ") return {};
  const std::string digest = sha256_hex(header->substr(7));
  std::optional<Principal> found;
  for (const ApiKey& key : options_.keys) {  // all of them: it takes as long for each
    if (are_equal(digest, key.sha256)) found = key.principal;
  }
  return found;
}

std::optional<HttpError::Detail> Guard::refusal(const Request& request, bool is_public) const {
  if (request.headers.count("Host") != 1) {
    return HttpError::Detail{.status = 400,
                             .message = "the request must carry exactly one Host header",
                             .code = "bad_host"};
  }
  const std::string_view host = *request.headers.find("Host");
  if (!is_host_allowed(host)) {
    return forbidden("this server does not answer for host \"" + std::string(host) +
                         "\" (allow it with allowed_hosts in widenet.toml)",
                     "host_not_allowed");
  }
  if (is_cross_origin(request, host)) {
    return forbidden("requests from other web pages are refused", "origin_not_allowed");
  }
  if (!is_public && !principal_of(request)) {
    return HttpError::Detail{.status = 401,
                             .message = "a valid API key is needed: Authorization: Bearer KEY",
                             .code = "invalid_api_key"};
  }
  return std::nullopt;
}

}  // namespace widenet::api

// Requests, responses and events: the parts of HTTP that need no socket.
#include "api/http/message.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "base/utf8.h"

namespace widenet::api {
namespace {

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool parse_query(std::string_view text, Fields& query) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;

    const size_t equals = std::min(pair.find('='), pair.size());
    auto name = percent_decode(pair.substr(0, equals), true);
    auto value = percent_decode(pair.substr(std::min(equals + 1, pair.size())), true);
    if (!name || !value) return false;
    query.add(std::move(*name), std::move(*value));
  }
  return true;
}

// "invalid_request_error", "authentication_error", ...: the class of a status, as clients of the
// OpenAI API know them.
std::string_view error_type(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 413:
      return "request_too_large";
    case 429:
      return "rate_limit_error";
    case 503:
      return "overloaded_error";
    default:
      return status >= 500 ? "api_error" : "invalid_request_error";
  }
}

}  // namespace

std::optional<std::string_view> Fields::find(std::string_view name) const {
  for (const auto& [key, value] : pairs_) {
    if (equals_ignoring_case(key, name)) return value;
  }
  return std::nullopt;
}

int64_t Fields::count(std::string_view name) const {
  return std::count_if(pairs_.begin(), pairs_.end(),
                       [&](const auto& pair) { return equals_ignoring_case(pair.first, name); });
}

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      decoded += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      decoded += text[i] == '+' && plus_is_space ? ' ' : text[i];
    }
  }
  if (decoded.find('\0') != std::string::npos || !is_valid_utf8(decoded)) return std::nullopt;
  return decoded;
}

bool parse_target(std::string_view target, Request& request) {
  if (target.empty() || target[0] != '/') return false;
  const size_t question = std::min(target.find('?'), target.size());
  auto path = percent_decode(target.substr(0, question), false);
  if (!path) return false;
  request.path = std::move(*path);
  return parse_query(target.substr(std::min(question + 1, target.size())), request.query);
}

std::string format_event(const Event& event) {
  std::string out;
  if (event.id > 0) out += "id: " + std::to_string(event.id) + "\n";
  if (!event.name.empty()) out += "event: " + event.name + "\n";
  std::string_view rest = event.data;
  while (true) {
    const size_t end = std::min(rest.find_first_of("\r\n"), rest.size());
    out += "data: ";
    out += rest.substr(0, end);
    out += '\n';
    if (end == rest.size()) break;
    const bool is_crlf = rest.substr(end, 2) == "\r\n";
    rest.remove_prefix(end + (is_crlf ? 2 : 1));
  }
  return out + "\n";
}

Response error_response(const HttpError::Detail& detail) {
  using nlohmann::json;
  const json error = {{"message", detail.message},
                      {"type", error_type(detail.status)},
                      {"param", detail.param.empty() ? json(nullptr) : json(detail.param)},
                      {"code", detail.code.empty() ? json(nullptr) : json(detail.code)}};
  Response response;
  response.status = detail.status;
  response.headers.add("Content-Type", "application/json");
  if (detail.retry_after_s > 0) {
    response.headers.add("Retry-After", std::to_string(detail.retry_after_s));
  }
  if (!detail.allow.empty()) response.headers.add("Allow", detail.allow);
  if (detail.status == 401) response.headers.add("WWW-Authenticate", "Bearer");
  response.body = json{{"error", error}}.dump(-1, ' ', false, json::error_handler_t::replace);
  return response;
}

}  // namespace widenet::api

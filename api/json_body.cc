// Typed access to a request's fields.
#include "api/json_body.h"

#include <algorithm>

#include "base/utf8.h"

namespace widenet::api {
namespace {

constexpr int kDepthMax = 64;

// Refuses deep nesting before it is built: our own walks recurse.
bool within_depth(int depth, Json::parse_event_t, Json&) {
  if (depth > kDepthMax) {
    throw HttpError({.message = "the body is nested too deeply", .code = "invalid_json"});
  }
  return true;
}

}  // namespace

void bad_field(const std::string& name, const std::string& why) {
  throw HttpError({.message = "\"" + name + "\" " + why, .code = "invalid_value", .param = name});
}

void not_found(const std::string& what, const std::string& param) {
  throw HttpError(
      {.status = 404, .message = "there is no " + what, .code = "not_found", .param = param});
}

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Response json_response(const Json& json, int status) {
  Response response;
  response.status = status;
  response.headers.add("Content-Type", "application/json");
  response.body = dump(json);
  return response;
}

JsonBody JsonBody::parse(const Request& request) {
  if (request.body.empty()) return JsonBody(Json::object());
  Json parsed;
  try {
    parsed = Json::parse(request.body, within_depth);
  } catch (const Json::parse_error& error) {
    throw HttpError({.message = "the body is not JSON (at byte " + std::to_string(error.byte) + ")",
                     .code = "invalid_json"});
  } catch (const Json::out_of_range&) {
    throw HttpError({.message = "the body has a number that is too large", .code = "invalid_json"});
  }
  if (!parsed.is_object()) {
    throw HttpError({.message = "the body is not a JSON object", .code = "invalid_json"});
  }
  return JsonBody(std::move(parsed));
}

const Json* JsonBody::find(const std::string& name) const {
  const auto at = object_.find(name);
  return at == object_.end() || at->is_null() ? nullptr : &*at;
}

std::optional<std::string> JsonBody::text(const std::string& name, int64_t chars_max) const {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) bad_field(name, "must be a string");
  auto text = value->get<std::string>();
  if (count_chars(text) > chars_max) {
    bad_field(name, "must not be longer than " + std::to_string(chars_max) + " characters");
  }
  return text;
}

std::string JsonBody::required_text(const std::string& name, int64_t chars_max) const {
  auto value = text(name, chars_max);
  if (!value || value->find_first_not_of(" \t\r\n") == std::string::npos) {
    bad_field(name, "is needed: a string that is not blank");
  }
  return *value;
}

std::optional<int64_t> JsonBody::integer(const std::string& name, int64_t min, int64_t max) const {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  const bool is_in_range = value->is_number_integer() && value->get<int64_t>() >= min &&
                           value->get<int64_t>() <= max &&
                           (!value->is_number_unsigned() || value->get<uint64_t>() <= INT64_MAX);
  if (!is_in_range) {
    bad_field(name,
              "must be an integer from " + std::to_string(min) + " to " + std::to_string(max));
  }
  return value->get<int64_t>();
}

std::optional<double> JsonBody::number(const std::string& name, double min, double max) const {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number() || !(value->get<double>() >= min && value->get<double>() <= max)) {
    bad_field(name, "must be a number from " + Json(min).dump() + " to " + Json(max).dump());
  }
  return value->get<double>();
}

bool JsonBody::flag(const std::string& name, bool otherwise) const {
  const Json* value = find(name);
  if (value == nullptr) return otherwise;
  if (!value->is_boolean()) bad_field(name, "must be true or false");
  return value->get<bool>();
}

std::vector<std::string> JsonBody::texts(const std::string& name, int64_t count_max) const {
  const Json* value = find(name);
  if (value == nullptr) return {};
  const bool is_right =
      value->is_array() && static_cast<int64_t>(value->size()) <= count_max &&
      std::all_of(value->begin(), value->end(), [](const Json& item) { return item.is_string(); });
  if (!is_right) {
    bad_field(name, "must be an array of at most " + std::to_string(count_max) + " strings");
  }
  return value->get<std::vector<std::string>>();
}

const Json* JsonBody::array(const std::string& name) const {
  const Json* value = find(name);
  if (value != nullptr && !value->is_array()) bad_field(name, "must be an array");
  return value;
}

const Json* JsonBody::object(const std::string& name) const {
  const Json* value = find(name);
  if (value != nullptr && !value->is_object()) bad_field(name, "must be an object");
  return value;
}

void JsonBody::allow_only(std::initializer_list<std::string_view> names) const {
  for (const auto& [name, value] : object_.items()) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      throw HttpError({.message = "there is no field \"" + name + "\" here",
                       .code = "unknown_field",
                       .param = name});
    }
  }
}

}  // namespace widenet::api

// Reading a request's JSON with errors that name the field at fault.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/http/message.h"

namespace widenet::api {

using Json = nlohmann::json;

// A JSON object.  A field that is null counts as absent.  Everything throws HttpError 400.
class JsonBody {
 public:
  // An empty body is an empty object.
  static JsonBody parse(const Request& request);
  explicit JsonBody(Json object) : object_(std::move(object)) {}

  std::optional<std::string> text(const std::string& name, int64_t chars_max = 1'000'000) const;
  std::string required_text(const std::string& name, int64_t chars_max = 1'000'000) const;
  std::optional<int64_t> integer(const std::string& name, int64_t min, int64_t max) const;
  std::optional<double> number(const std::string& name, double min, double max) const;
  bool flag(const std::string& name, bool otherwise) const;
  std::vector<std::string> texts(const std::string& name, int64_t count_max) const;
  // Null if absent.
  const Json* find(const std::string& name) const;
  const Json* array(const std::string& name) const;
  const Json* object(const std::string& name) const;

  // For our own routes: what is not understood is refused rather than ignored.
  void allow_only(std::initializer_list<std::string_view> names) const;

  const Json& json() const { return object_; }

 private:
  Json object_;
};

[[noreturn]] void bad_field(const std::string& name, const std::string& why);
[[noreturn]] void not_found(const std::string& what, const std::string& param = "");

// A JSON reply.  Text that is not UTF-8 is repaired rather than refused.
std::string dump(const Json& json);
Response json_response(const Json& json, int status = 200);

}  // namespace widenet::api

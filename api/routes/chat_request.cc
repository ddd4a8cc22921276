// From a chat completion's body to what the model is to do, every field checked.
#include "api/routes/chat_request.h"

#include <algorithm>
#include <utility>

#include "api/routes/questions.h"

namespace widenet::api {
namespace {

using engine::JsonValue;
using engine::Role;

constexpr int64_t kFunctionsMax = 128;

std::string text_of(const Json& content, std::string_view separator) {
  if (content.is_string()) return content.get<std::string>();
  if (!content.is_array()) bad_field("messages", "must have content: a string or text parts");
  std::string text;
  for (const Json& part : content) {
    if (!part.is_object() || part.value("type", "") != "text" || !part.contains("text") ||
        !part["text"].is_string()) {
      bad_field("messages", "may only hold parts of type text");
    }
    if (!text.empty()) text += separator;
    text += part["text"].get<std::string>();
  }
  return text;
}

Role role_of(const std::string& name) {
  if (name == "system" || name == "developer") return Role::system;
  if (name == "user") return Role::user;
  if (name == "assistant") return Role::assistant;
  if (name == "tool") return Role::tool;
  bad_field("messages", "may have the roles system, developer, user, assistant and tool");
}

// A name goes between quotes in the prompt.
void check_function_name(const std::string& field, const std::string& name) {
  if (name.empty() || name.find_first_of("\"<>\n") != std::string::npos) {
    bad_field(field, "must name functions, without quotes, angle brackets and line breaks");
  }
}

std::vector<engine::ToolCall> tool_calls_of(const JsonBody& message) {
  std::vector<engine::ToolCall> calls;
  const Json* array = message.array("tool_calls");
  if (array == nullptr) return calls;
  for (const Json& call : *array) {
    const bool is_right =
        call.is_object() && call.contains("function") && call["function"].is_object();
    if (!is_right) {
      bad_field("messages", "must have tool_calls of {id, type, function: {name, arguments}}");
    }
    const JsonBody fields(call["function"]);
    calls.push_back({.id = JsonBody(call).required_text("id"),
                     .name = fields.required_text("name"),
                     .arguments = fields.text("arguments").value_or("{}")});
    check_function_name("messages", calls.back().name);
  }
  return calls;
}

engine::Message message_of(const JsonBody& fields) {
  engine::Message message;
  message.role = role_of(fields.required_text("role"));
  if (message.role == Role::assistant) {
    message.tool_calls = tool_calls_of(fields);
    message.reasoning = fields.text("reasoning_content").value_or("");
  }
  if (message.role == Role::tool) message.tool_call_id = fields.required_text("tool_call_id");
  const Json* content = fields.find("content");
  if (content != nullptr) {
    message.content = text_of(*content, message.role == Role::tool ? "\n\n" : "");
  } else if (message.tool_calls.empty()) {
    bad_field("messages", "must each have content");
  }
  return message;
}

std::vector<engine::Message> messages_of(const JsonBody& body) {
  const Json* array = body.array("messages");
  if (array == nullptr || array->empty() || array->size() > 1000) {
    bad_field("messages", "must be an array of 1 to 1000 messages");
  }
  std::vector<engine::Message> messages;
  for (const Json& message : *array) {
    if (!message.is_object()) bad_field("messages", "must hold objects");
    messages.push_back(message_of(JsonBody(message)));
  }
  if (messages.back().role != Role::user && messages.back().role != Role::tool) {
    bad_field("messages", "must end with the user's or a tool's");
  }
  return messages;
}

// "vector_store_ids", tools of type file_search, or metadata.vector_store_ids ("vs_1,vs_2").
std::vector<std::string> vector_stores_of(const JsonBody& body) {
  auto ids = body.texts("vector_store_ids", 100);
  if (const Json* tools = body.array("tools")) {
    for (const Json& tool : *tools) {
      const std::string type = tool.is_object() ? tool.value("type", "") : "";
      if (type == "function") continue;
      if (type != "file_search") bad_field("tools", "may only be of type function or file_search");
      const auto more = JsonBody(tool).texts("vector_store_ids", 100);
      ids.insert(ids.end(), more.begin(), more.end());
    }
  }
  if (const Json* metadata = body.object("metadata")) {
    std::string rest = JsonBody(*metadata).text("vector_store_ids").value_or("");
    while (!rest.empty()) {
      const size_t comma = std::min(rest.find(','), rest.size());
      ids.push_back(rest.substr(0, comma));
      rest.erase(0, std::min(comma + 1, rest.size()));
    }
  }
  return ids;
}

std::vector<std::string> stop_of(const JsonBody& body) {
  const Json* stop = body.find("stop");
  if (stop == nullptr) return {};
  if (stop->is_string()) return {stop->get<std::string>()};
  return body.texts("stop", 16);
}

std::string text_at(const JsonValue& object, std::string_view name) {
  const JsonValue* value = object.find(name);
  return value != nullptr && value->kind() == JsonValue::Kind::string ? value->text() : "";
}

const JsonValue* object_at(const JsonValue& object, std::string_view name) {
  const JsonValue* value = object.find(name);
  return value != nullptr && value->kind() == JsonValue::Kind::object ? value : nullptr;
}

// Out of the body with its order kept: the model reads definitions as they were written.
std::vector<JsonValue> functions_of(const JsonValue& body) {
  std::vector<JsonValue> functions;
  const JsonValue* tools = body.find("tools");
  if (tools == nullptr) return functions;
  for (const JsonValue& tool : tools->items()) {
    if (text_at(tool, "type") != "function") continue;
    const JsonValue* function = object_at(tool, "function");
    if (function == nullptr) bad_field("tools", "must have functions of {name, parameters}");
    check_function_name("tools", text_at(*function, "name"));
    functions.push_back(*function);
  }
  if (static_cast<int64_t>(functions.size()) > kFunctionsMax) {
    bad_field("tools", "must not have more than " + std::to_string(kFunctionsMax) + " functions");
  }
  return functions;
}

bool may_call(const JsonBody& body) {
  const Json* choice = body.find("tool_choice");
  if (choice == nullptr || *choice == "auto") return true;
  if (*choice == "none") return false;
  bad_field("tool_choice", "must be auto or none: a call cannot be enforced here");
}

// The schema that the answer is asked to follow.
std::optional<JsonValue> response_schema_of(const JsonValue& body) {
  const JsonValue* format = body.find("response_format");
  if (format == nullptr || format->text() == "null") return {};
  const std::string type = text_at(*format, "type");
  if (type == "text") return {};
  if (type == "json_object") return JsonValue::parse(R"({"type": "object"})");
  const JsonValue* schema = type == "json_schema" ? object_at(*format, "json_schema") : nullptr;
  if (schema != nullptr) schema = object_at(*schema, "schema");
  if (schema == nullptr) {
    bad_field("response_format",
              "must have the type text, json_object, or json_schema with a json_schema.schema");
  }
  return *schema;
}

void read_instructions(const Request& request, const JsonBody& body, Chat& chat) {
  const auto ordered = JsonValue::parse(request.body);
  if (!ordered) return;  // an empty body
  auto functions = functions_of(*ordered);
  const auto schema = response_schema_of(*ordered);
  if (!may_call(body)) functions.clear();
  if (functions.empty() && !schema) return;
  if (!chat.collections.empty()) {
    bad_field(functions.empty() ? "response_format" : "tools",
              "cannot be combined with documents: leave the vector stores away, or the functions "
              "and the response format");
  }
  if (chat.messages.front().role != Role::system) {
    chat.messages.insert(chat.messages.begin(), {.role = Role::system, .content = ""});
  }
  chat.has_tools = !functions.empty();
  chat.messages.front().tools = std::move(functions);
  chat.messages.front().response_format = schema;
}

}  // namespace

Chat read_chat(const Request& request, Service& service) {
  const auto body = JsonBody::parse(request);
  body.integer("n", 1, 1);
  Chat chat;
  chat.messages = messages_of(body);
  chat.reader = request.principal.reader;
  chat.tenant = request.principal.tenant;
  chat.collections = collections_of(service, request, vector_stores_of(body));
  read_instructions(request, body, chat);
  if (!chat.collections.empty() && chat.messages.back().role != Role::user) {
    bad_field("messages", "about documents must end with the user's question");
  }
  chat.question = std::get<std::string>(chat.messages.back().content);
  chat.thinking = read_effort(service, body);
  chat.sampling = read_sampling(body);
  chat.stop = stop_of(body);
  chat.max_tokens = body.integer("max_completion_tokens", 1, 131'072)
                        .value_or(body.integer("max_tokens", 1, 131'072).value_or(chat.max_tokens));
  chat.is_streamed = body.flag("stream", false);
  if (const Json* options = body.object("stream_options")) {
    chat.includes_usage = JsonBody(*options).flag("include_usage", false);
  }
  if (const auto id = body.text("conversation")) {
    if (chat.collections.empty()) bad_field("conversation", "needs vector stores to be about");
    chat.conversation = read_conversation(service, request, *id, chat.question, chat.collections);
  }
  return chat;
}

}  // namespace widenet::api

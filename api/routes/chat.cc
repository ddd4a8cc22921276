// /v1/chat/completions: for OpenAI's clients.  With vector stores named, the last message is a
// question about their documents; without, the model continues the conversation alone.
#include <algorithm>

#include "api/routes/questions.h"
#include "api/routes/routes.h"
#include "engine/prompt_encoding.h"

namespace widenet::api {
namespace {

constexpr std::string_view kThinkEnd = "</think>";

struct ChatMessage {
  engine::Role role = engine::Role::user;
  std::string text;
};

struct Chat {
  std::vector<ChatMessage> messages;
  std::vector<store::CollectionId> collections;  // empty: the model alone
  std::optional<store::ConversationId> conversation;
  engine::Thinking thinking = engine::Thinking::none;
  engine::SamplingOptions sampling;
  std::vector<std::string> stop;
  int64_t max_tokens = 512;
  bool is_streamed = false;
  bool includes_usage = false;
  std::string id;
  int64_t created = 0;
  std::string model;
};

// What either way of answering ends with.
struct Outcome {
  std::string text;
  std::string reasoning;
  Json annotations = Json::array();
  engine::TokenUsage usage;
  engine::FinishReason finish_reason = engine::FinishReason::stop;
};

struct Sinks {
  std::function<void(std::string_view)> on_reasoning;
  std::function<void(std::string_view)> on_text;
  std::function<bool()> is_cancelled;
};

std::string text_of(const Json& content) {
  if (content.is_string()) return content.get<std::string>();
  if (!content.is_array()) bad_field("messages", "must have content: a string or text parts");
  std::string text;
  for (const Json& part : content) {
    if (!part.is_object() || part.value("type", "") != "text" || !part.contains("text") ||
        !part["text"].is_string()) {
      bad_field("messages", "may only hold parts of type text");
    }
    text += part["text"].get<std::string>();
  }
  return text;
}

engine::Role role_of(const std::string& name) {
  if (name == "system" || name == "developer") return engine::Role::system;
  if (name == "user") return engine::Role::user;
  if (name == "assistant") return engine::Role::assistant;
  bad_field("messages", "may have the roles system, developer, user and assistant");
}

std::vector<ChatMessage> messages_of(const JsonBody& body) {
  const Json* array = body.array("messages");
  if (array == nullptr || array->empty() || array->size() > 1000) {
    bad_field("messages", "must be an array of 1 to 1000 messages");
  }
  std::vector<ChatMessage> messages;
  for (const Json& message : *array) {
    if (!message.is_object()) bad_field("messages", "must hold objects");
    const JsonBody fields(message);
    const Json* content = fields.find("content");
    if (content == nullptr) bad_field("messages", "must each have content");
    messages.push_back({role_of(fields.required_text("role")), text_of(*content)});
  }
  if (messages.back().role != engine::Role::user) bad_field("messages", "must end with the user's");
  return messages;
}

// "vector_store_ids", tools of type file_search, or metadata.vector_store_ids ("vs_1,vs_2").
std::vector<std::string> vector_stores_of(const JsonBody& body) {
  auto ids = body.texts("vector_store_ids", 100);
  if (const Json* tools = body.array("tools")) {
    for (const Json& tool : *tools) {
      if (!tool.is_object() || tool.value("type", "") != "file_search") {
        bad_field("tools", "may only be of type file_search");
      }
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

Chat read_chat(const Request& request, Service& service) {
  const auto body = JsonBody::parse(request);
  body.integer("n", 1, 1);
  Chat chat;
  chat.messages = messages_of(body);
  chat.collections = collections_of(service, vector_stores_of(body));
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
    chat.conversation =
        read_conversation(service, *id, chat.messages.back().text, chat.collections);
  }
  chat.id = "chatcmpl-" + request.id;
  chat.created = store::now_ms() / 1000;
  return chat;
}

// Splits what a thinking model writes: reasoning up to </think>, then the answer.
class ThinkSplitter {
 public:
  ThinkSplitter(engine::Thinking thinking, const Sinks& sinks)
      : is_reasoning_(thinking != engine::Thinking::none), sinks_(sinks) {}

  void feed(std::string_view text) {
    held_ += text;
    if (is_reasoning_) {
      const size_t end = held_.find(kThinkEnd);
      const size_t safe = end == std::string::npos
                              ? held_.size() - std::min(held_.size(), kThinkEnd.size() - 1)
                              : end;
      show(sinks_.on_reasoning, whole_chars(safe));
      if (end == std::string::npos) return;
      held_.erase(0, kThinkEnd.size());
      is_reasoning_ = false;
    }
    show(sinks_.on_text, held_.size());
  }
  void finish() { show(is_reasoning_ ? sinks_.on_reasoning : sinks_.on_text, held_.size()); }

 private:
  size_t whole_chars(size_t size) const {  // never ends inside a character
    while (size > 0 && size < held_.size() && (held_[size] & 0xc0) == 0x80) --size;
    return size;
  }
  void show(const std::function<void(std::string_view)>& sink, size_t size) {
    if (size == 0) return;
    sink(std::string_view(held_).substr(0, size));
    held_.erase(0, size);
  }

  bool is_reasoning_;
  std::string held_;
  const Sinks& sinks_;
};

std::vector<engine::TokenId> encode(const Service& service, const Chat& chat) {
  const auto& tokenizer = service.parts.engine->tokenizer();
  std::vector<engine::Message> messages;
  for (const auto& message : chat.messages) {
    messages.push_back({.role = message.role, .content = message.text});
  }
  return engine::PromptEncoder(tokenizer, service.parts.encoding).encode(messages, chat.thinking);
}

Outcome continue_alone(Service& service, const Chat& chat, const Sinks& sinks) {
  Outcome outcome;
  const Sinks keeping = {.on_reasoning =
                             [&](std::string_view text) {
                               outcome.reasoning += text;
                               if (sinks.on_reasoning) sinks.on_reasoning(text);
                             },
                         .on_text =
                             [&](std::string_view text) {
                               outcome.text += text;
                               if (sinks.on_text) sinks.on_text(text);
                             },
                         .is_cancelled = {}};
  ThinkSplitter splitter(chat.thinking, keeping);
  const engine::GenerationRequest request = {.prompt = encode(service, chat),
                                             .sampling = chat.sampling,
                                             .max_tokens = chat.max_tokens,
                                             .stop = chat.stop,
                                             .session_key = {}};
  const auto completion = service.parts.scheduler->generate(
      request, {.on_prefill = {},
                .on_text = [&](std::string_view text) { splitter.feed(text); },
                .is_cancelled = sinks.is_cancelled});
  splitter.finish();
  outcome.usage = completion.usage;
  outcome.finish_reason = completion.finish_reason;
  return outcome;
}

// OpenAI's file_citation; where exactly it points is in x_source.
Json annotation_json(const Service& service, const answer::Citation& citation, int64_t index) {
  const auto document = service.parts.store.document(citation.document);
  return {{"type", "file_citation"},
          {"index", index},
          {"file_id", document ? file_id_of(*document) : ""},
          {"filename", document ? document->key : citation.title},
          {"x_source", answer::to_json(citation)}};
}

Outcome answer_from_documents(Service& service, const Chat& chat, const Sinks& sinks) {
  answer::AskRequest ask;
  ask.collections = chat.collections;
  ask.question = chat.messages.back().text;
  ask.thinking = chat.thinking;
  ask.sampling = chat.sampling;
  ask.max_tokens = chat.max_tokens;
  ask.conversation = chat.conversation;
  answer::AskEvents events;
  events.on_reasoning = sinks.on_reasoning;
  events.on_text = sinks.on_text;
  events.is_cancelled = sinks.is_cancelled;
  const auto result = service.parts.asker->ask(ask, events);

  Outcome outcome;
  outcome.text = result.answer;
  outcome.reasoning = result.reasoning;
  outcome.usage = result.usage;
  outcome.finish_reason = result.finish_reason;
  for (const auto& citation : result.citations) {
    outcome.annotations.push_back(
        annotation_json(service, citation, static_cast<int64_t>(result.answer.size())));
  }
  return outcome;
}

Outcome answer_chat(Service& service, const Chat& chat, const Sinks& sinks) {
  return chat.collections.empty() ? continue_alone(service, chat, sinks)
                                  : answer_from_documents(service, chat, sinks);
}

Json usage_json(const engine::TokenUsage& usage) {
  return {{"prompt_tokens", usage.prompt_tokens},
          {"completion_tokens", usage.completion_tokens},
          {"total_tokens", usage.prompt_tokens + usage.completion_tokens},
          {"prompt_tokens_details", {{"cached_tokens", usage.cached_tokens}}},
          {"completion_tokens_details",
           {{"reasoning_tokens", 0},
            {"accepted_prediction_tokens", usage.right_guesses},
            {"rejected_prediction_tokens", usage.guessed_tokens - usage.right_guesses}}},
          {"prompt_cache_hit_tokens", usage.cached_tokens},
          {"prompt_cache_miss_tokens", usage.prompt_tokens - usage.cached_tokens}};
}

const char* finish_name(engine::FinishReason reason) {
  return reason == engine::FinishReason::length ? "length" : "stop";
}

Json head_json(const Chat& chat, const char* object) {
  Json head = {
      {"id", chat.id}, {"object", object}, {"created", chat.created}, {"model", chat.model}};
  if (chat.conversation) head["x_conversation"] = make_id("conv_", *chat.conversation);
  return head;
}

class ChunkWriter {
 public:
  ChunkWriter(const Chat& chat, EventStream& events) : chat_(chat), events_(events) {}

  void delta(Json delta, Json finish_reason = nullptr) {
    const Json choice = {{"index", 0},
                         {"delta", std::move(delta)},
                         {"logprobs", nullptr},
                         {"finish_reason", std::move(finish_reason)}};
    send(Json::array({choice}), nullptr);
  }
  void usage(const engine::TokenUsage& usage) { send(Json::array(), usage_json(usage)); }
  void done() { events_.send({.data = "[DONE]"}); }

 private:
  void send(Json choices, Json usage) {
    Json chunk = head_json(chat_, "chat.completion.chunk");
    chunk["choices"] = std::move(choices);
    if (chat_.includes_usage) chunk["usage"] = std::move(usage);
    events_.send({.data = dump(chunk)});
  }

  const Chat& chat_;
  EventStream& events_;
};

void stream_chat(Service& service, const Chat& chat, EventStream& events) {
  ChunkWriter chunks(chat, events);
  chunks.delta({{"role", "assistant"}, {"content", ""}});
  const Sinks sinks = {.on_reasoning =
                           [&](std::string_view text) {
                             chunks.delta({{"reasoning_content", text}});
                           },
                       .on_text =
                           [&](std::string_view text) {
                             chunks.delta({{"content", text}});
                           },
                       .is_cancelled = [&] { return events.is_closed(); }};
  with_http_errors([&] {
    const Outcome outcome = answer_chat(service, chat, sinks);
    if (outcome.finish_reason == engine::FinishReason::cancelled) {
      throw HttpError({.status = 503, .message = "the answer was cancelled", .code = "cancelled"});
    }
    if (!outcome.annotations.empty()) chunks.delta({{"annotations", outcome.annotations}});
    chunks.delta(Json::object(), finish_name(outcome.finish_reason));
    if (chat.includes_usage) chunks.usage(outcome.usage);
    chunks.done();
  });
}

Json completion_json(const Chat& chat, const Outcome& outcome) {
  Json message = {{"role", "assistant"},
                  {"content", outcome.text},
                  {"refusal", nullptr},
                  {"annotations", outcome.annotations}};
  if (!outcome.reasoning.empty()) message["reasoning_content"] = outcome.reasoning;
  Json completion = head_json(chat, "chat.completion");
  completion["choices"] = {{{"index", 0},
                            {"message", std::move(message)},
                            {"logprobs", nullptr},
                            {"finish_reason", finish_name(outcome.finish_reason)}}};
  completion["usage"] = usage_json(outcome.usage);
  return completion;
}

// POST /v1/chat/completions: OpenAI's body.  Vector stores come as "vector_store_ids", as a tool of
// type file_search, or in metadata; "conversation" as in /v1/ask.  Unknown fields are ignored.
//
//   200  chat.completion, or its chunks and [DONE]; citations are annotations with x_source
Response complete(const Request& request, Service& service) {
  Chat chat = read_chat(request, service);
  const auto place = enter(service);
  chat.model = service.parts.engine->name();
  Response response;
  if (chat.is_streamed) {
    response.stream = [&service, place, chat = std::move(chat)](EventStream& events) {
      stream_chat(service, chat, events);
    };
    return response;
  }
  with_http_errors([&] {
    const Sinks sinks = {.on_reasoning = {}, .on_text = {}, .is_cancelled = request.is_cancelled};
    response = json_response(completion_json(chat, answer_chat(service, chat, sinks)));
  });
  return response;
}

}  // namespace

void add_chat_routes(Router& router, Service& service) {
  router.add({.method = "POST",
              .pattern = "/v1/chat/completions",
              .body = BodyKind::json,
              .handler = [&](const Request& request) { return complete(request, service); }});
}

}  // namespace widenet::api

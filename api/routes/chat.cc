// /v1/chat/completions: for OpenAI's clients.  With vector stores named, the last message is a
// question about their documents; without, the model continues the conversation alone.
#include <memory>
#include <utility>

#include "api/routes/chat_request.h"
#include "api/routes/questions.h"
#include "api/routes/routes.h"
#include "engine/output_parser.h"

namespace widenet::api {
namespace {

// A chat and what its reply is made from.
struct Reply {
  Chat chat;
  std::vector<engine::TokenId> prompt;  // of the model alone
  std::string request_id;
  int64_t created = 0;
  std::string model;
};

// What either way of answering ends with.
struct Outcome {
  std::string text;
  std::string reasoning;
  std::vector<engine::ToolCall> tool_calls;
  Json annotations = Json::array();
  engine::TokenUsage usage;
  engine::FinishReason finish_reason = engine::FinishReason::stop;
};

// Any but is_cancelled may be empty.
struct Sinks {
  std::function<void(std::string_view)> on_reasoning;
  std::function<void(std::string_view)> on_text;
  std::function<void(const engine::ToolCall&, size_t index)> on_tool_call;
  std::function<bool()> is_cancelled;
};

std::vector<engine::TokenId> encode(const Service& service, const Chat& chat) {
  try {
    const engine::PromptEncoder encoder(service.parts.engine->tokenizer(), service.parts.encoding);
    return encoder.encode(chat.messages, chat.thinking);
  } catch (const engine::ModelError& error) {
    throw HttpError({.message = error.what(), .code = "model_refused"});
  }
}

// Sorts what the model writes into an outcome, and passes it on as it comes.
class OutcomeWriter {
 public:
  OutcomeWriter(const Service& service, const Reply& reply, const Sinks& sinks)
      : reply_(reply),
        sinks_(sinks),
        tokenizer_(service.parts.engine->tokenizer()),
        parser_(tokenizer_, reply.chat.thinking, reply.chat.has_tools),
        stops_(reply.chat.stop) {}

  void feed(engine::TokenId token) { add(parser_.feed(token)); }
  bool is_stopped() const { return is_stopped_; }  // by a stop string

  Outcome finish(const engine::Completion& completion) {
    add(parser_.finish());
    if (!is_stopped_) add_text(stops_.finish());
    outcome_.usage = completion.usage;
    outcome_.usage.reasoning_tokens = engine::count_reasoning_tokens(
        engine::PromptTokens::of(tokenizer_), reply_.chat.thinking, completion.tokens);
    outcome_.finish_reason = is_stopped_ ? engine::FinishReason::stop : completion.finish_reason;
    return std::move(outcome_);
  }

 private:
  void add(engine::OutputParser::Output output) {
    if (is_stopped_) return;
    outcome_.reasoning += output.reasoning;
    if (sinks_.on_reasoning && !output.reasoning.empty()) sinks_.on_reasoning(output.reasoning);

    const auto content = stops_.feed(output.content);  // they end the answer, not the reasoning
    is_stopped_ = content.stopped;
    add_text(content.text);
    if (is_stopped_) return;

    for (engine::ToolCall& call : output.tool_calls) {
      const size_t index = outcome_.tool_calls.size();
      call.id = "call_" + reply_.request_id + "_" + std::to_string(index);
      if (sinks_.on_tool_call) sinks_.on_tool_call(call, index);
      outcome_.tool_calls.push_back(std::move(call));
    }
  }

  void add_text(const std::string& text) {
    outcome_.text += text;
    if (sinks_.on_text && !text.empty()) sinks_.on_text(text);
  }

  const Reply& reply_;
  const Sinks& sinks_;
  const engine::Tokenizer& tokenizer_;
  engine::OutputParser parser_;
  engine::StopStrings stops_;
  bool is_stopped_ = false;
  Outcome outcome_;
};

answer::AskRequest ask_request(const Chat& chat) {
  answer::AskRequest ask;
  ask.collections = chat.collections;
  ask.question = chat.question;
  ask.reader = chat.reader;
  ask.tenant = chat.tenant;
  ask.thinking = chat.thinking;
  ask.sampling = chat.sampling;
  ask.max_tokens = chat.max_tokens;
  ask.conversation = chat.conversation;
  return ask;
}

Outcome continue_alone(Service& service, const Reply& reply, const Sinks& sinks) {
  OutcomeWriter writer(service, reply, sinks);
  engine::GenerationRequest request;
  request.prompt = reply.prompt;
  request.sampling = reply.chat.sampling;
  request.max_tokens = reply.chat.max_tokens;
  request.scope = ask_request(reply.chat).cache_scope();
  engine::GenerationCallbacks callbacks;
  callbacks.on_token = [&](engine::TokenId token) { writer.feed(token); };
  callbacks.is_cancelled = [&] { return writer.is_stopped() || sinks.is_cancelled(); };
  return writer.finish(service.parts.scheduler->generate(request, callbacks));
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
  answer::AskEvents events;
  events.on_reasoning = sinks.on_reasoning;
  events.on_text = sinks.on_text;
  events.is_cancelled = sinks.is_cancelled;
  const auto result = service.parts.asker->ask(ask_request(chat), events);

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

Outcome answer_chat(Service& service, const Reply& reply, const Sinks& sinks) {
  return reply.chat.collections.empty() ? continue_alone(service, reply, sinks)
                                        : answer_from_documents(service, reply.chat, sinks);
}

Json usage_json(const engine::TokenUsage& usage) {
  return {{"prompt_tokens", usage.prompt_tokens},
          {"completion_tokens", usage.completion_tokens},
          {"total_tokens", usage.prompt_tokens + usage.completion_tokens},
          {"prompt_tokens_details", {{"cached_tokens", usage.cached_tokens}}},
          {"completion_tokens_details",
           {{"reasoning_tokens", usage.reasoning_tokens},
            {"accepted_prediction_tokens", usage.right_guesses},
            {"rejected_prediction_tokens", usage.guessed_tokens - usage.right_guesses}}},
          {"prompt_cache_hit_tokens", usage.cached_tokens},
          {"prompt_cache_miss_tokens", usage.prompt_tokens - usage.cached_tokens}};
}

const char* finish_name(const Outcome& outcome) {
  if (outcome.finish_reason == engine::FinishReason::length) return "length";
  return outcome.tool_calls.empty() ? "stop" : "tool_calls";
}

Json to_json(const engine::ToolCall& call) {
  return {{"id", call.id},
          {"type", "function"},
          {"function", {{"name", call.name}, {"arguments", call.arguments}}}};
}

Json head_json(const Reply& reply, const char* object) {
  Json head = {{"id", "chatcmpl-" + reply.request_id},
               {"object", object},
               {"created", reply.created},
               {"model", reply.model}};
  const auto& conversation = reply.chat.conversation;
  if (conversation) head["x_conversation"] = make_id("conv_", *conversation);
  return head;
}

class ChunkWriter {
 public:
  ChunkWriter(const Reply& reply, EventStream& events) : reply_(reply), events_(events) {}

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
    Json chunk = head_json(reply_, "chat.completion.chunk");
    chunk["choices"] = std::move(choices);
    if (reply_.chat.includes_usage) chunk["usage"] = std::move(usage);
    events_.send({.data = dump(chunk)});
  }

  const Reply& reply_;
  EventStream& events_;
};

void stream_chat(Service& service, const Reply& reply, EventStream& events) {
  ChunkWriter chunks(reply, events);
  chunks.delta({{"role", "assistant"}, {"content", ""}});
  const Sinks sinks = {.on_reasoning =
                           [&](std::string_view text) {
                             chunks.delta({{"reasoning_content", text}});
                           },
                       .on_text =
                           [&](std::string_view text) {
                             chunks.delta({{"content", text}});
                           },
                       .on_tool_call =
                           [&](const engine::ToolCall& call, size_t index) {
                             Json delta = to_json(call);
                             delta["index"] = index;
                             chunks.delta({{"tool_calls", Json::array({delta})}});
                           },
                       .is_cancelled = [&] { return events.is_closed(); }};
  with_http_errors([&] {
    const Outcome outcome = answer_chat(service, reply, sinks);
    if (outcome.finish_reason == engine::FinishReason::cancelled) {
      throw HttpError({.status = 503, .message = "the answer was cancelled", .code = "cancelled"});
    }
    if (!outcome.annotations.empty()) chunks.delta({{"annotations", outcome.annotations}});
    chunks.delta(Json::object(), finish_name(outcome));
    if (reply.chat.includes_usage) chunks.usage(outcome.usage);
    chunks.done();
  });
}

Json completion_json(const Reply& reply, const Outcome& outcome) {
  Json message = {{"role", "assistant"},
                  {"content", outcome.text},
                  {"refusal", nullptr},
                  {"annotations", outcome.annotations}};
  if (!outcome.reasoning.empty()) message["reasoning_content"] = outcome.reasoning;
  if (!outcome.tool_calls.empty()) {
    if (outcome.text.empty()) message["content"] = nullptr;
    for (const auto& call : outcome.tool_calls) message["tool_calls"].push_back(to_json(call));
  }
  Json completion = head_json(reply, "chat.completion");
  completion["choices"] = {{{"index", 0},
                            {"message", std::move(message)},
                            {"logprobs", nullptr},
                            {"finish_reason", finish_name(outcome)}}};
  completion["usage"] = usage_json(outcome.usage);
  return completion;
}

// POST /v1/chat/completions: OpenAI's body.  Vector stores come as "vector_store_ids", as a tool of
// type file_search, or in metadata; "conversation" as in /v1/ask.  Without vector stores, tools of
// type function may be called and a response format asked for.  Unknown fields are ignored.
//
//   200  chat.completion, or its chunks and [DONE]; citations are annotations with x_source
//   400  the body is not understood; or what it asks for is not in the model's checkpoint, and what
Response complete(const Request& request, Service& service) {
  auto reply = std::make_shared<Reply>();
  reply->chat = read_chat(request, service);
  const auto place = enter(service);
  if (reply->chat.collections.empty()) reply->prompt = encode(service, reply->chat);
  reply->request_id = request.id;
  reply->created = store::now_ms() / 1000;
  reply->model = service.parts.engine->name();
  Response response;
  if (reply->chat.is_streamed) {
    response.stream = [&service, place, reply](EventStream& events) {
      stream_chat(service, *reply, events);
    };
    return response;
  }
  with_http_errors([&] {
    const Sinks sinks = {.on_reasoning = {},
                         .on_text = {},
                         .on_tool_call = {},
                         .is_cancelled = request.is_cancelled};
    response = json_response(completion_json(*reply, answer_chat(service, *reply, sinks)));
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

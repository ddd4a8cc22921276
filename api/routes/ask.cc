// /v1/ask and /v1/plan: a question about documents, answered with citations while one watches.
#include "api/routes/questions.h"
#include "api/routes/routes.h"
#include "base/utf8.h"

namespace widenet::api {
namespace {

constexpr size_t kPassagesShownMax = 200;
constexpr int64_t kSnippetChars = 280;

struct Question {
  answer::AskRequest request;
  Json conversation = nullptr;  // its id, for the reply
  bool is_streamed = false;
};

std::vector<std::string> scope_of(const Service& service,
                                  const Request& request,
                                  const JsonBody& body) {
  auto ids = body.texts("vector_store_ids", 100);
  if (const auto name = body.text("collection")) {
    ids.push_back(make_id("vs_", find_collection_named(service, request, *name).id));
  }
  if (ids.empty()) bad_field("vector_store_ids", "or \"collection\" is needed");
  return ids;
}

std::vector<store::DocumentId> documents_of(const Service& service,
                                            const Request& request,
                                            const JsonBody& body) {
  std::vector<store::DocumentId> documents;
  const Json* ids = body.array("documents");
  if (ids == nullptr) return documents;
  for (const Json& id : *ids) {
    const std::string text = id.is_string() ? id.get<std::string>() : id.dump();
    documents.push_back(find_document(service, request, text).id);
  }
  return documents;
}

answer::Mode mode_of(const JsonBody& body) {
  const auto mode = answer::mode_named(body.text("mode").value_or("auto"));
  if (!mode) bad_field("mode", "must be auto, rag, hybrid, long or sql");
  return *mode;
}

Question read_question(const Request& request, Service& service) {
  const auto body = JsonBody::parse(request);
  body.allow_only({"question", "vector_store_ids", "collection", "documents", "mode",
                   "reasoning_effort", "conversation", "stream", "max_tokens", "temperature",
                   "top_p", "seed", "budget_tokens", "store"});
  Question question;
  auto& ask = question.request;
  ask.question = body.required_text("question", 32'768);
  ask.reader = request.principal.reader;
  ask.tenant = request.principal.tenant;
  ask.collections = collections_of(service, request, scope_of(service, request, body));
  ask.documents = documents_of(service, request, body);
  for (const auto id : ask.documents) {  // a subset of the scope, never a way around it
    const auto document = service.parts.store.document(id);
    const bool is_inside = document && std::count(ask.collections.begin(), ask.collections.end(),
                                                  document->collection) > 0;
    if (!is_inside) bad_field("documents", "must lie in the vector stores that are named");
  }
  ask.mode = mode_of(body);
  ask.thinking = read_effort(service, body);
  ask.sampling = read_sampling(body);
  ask.max_tokens = body.integer("max_tokens", 1, 131'072).value_or(ask.max_tokens);
  ask.budget_tokens = body.integer("budget_tokens", 0, 10'000'000).value_or(0);
  ask.is_stored = body.flag("store", true);
  question.is_streamed = body.flag("stream", false);
  if (const auto id = body.text("conversation")) {
    ask.conversation = read_conversation(service, request, *id, ask.question, ask.collections);
    question.conversation = make_id("conv_", *ask.conversation);
  }
  return question;
}

Json result_json(const answer::AskResult& result, const Question& question) {
  Json json = answer::to_json(result);
  json["conversation"] = question.conversation;
  json["answer_id"] =
      result.stored_as ? Json(make_id("answer_", *result.stored_as)) : Json(nullptr);
  if (!result.reasoning.empty()) json["reasoning"] = result.reasoning;
  return json;
}

Json passages_json(const store::Store& store, std::span<const answer::ContextRange> ranges) {
  Json passages = Json::array();
  store::DocumentId read = 0;
  std::optional<std::string> text;
  for (const auto& range : ranges.first(std::min(ranges.size(), kPassagesShownMax))) {
    if (range.document != read) text = store.text(range.document);
    read = range.document;
    Json passage = answer::to_json(range);
    const int64_t end = std::min(range.end_char, range.start_char + kSnippetChars);
    passage["text"] = text ? slice_chars(*text, range.start_char, end) : std::string_view();
    passages.push_back(std::move(passage));
  }
  return passages;
}

// Numbers the events.  Each is {"type", "sequence_number", ...} under its type's name.
class Numbered {
 public:
  explicit Numbered(EventStream& events) : events_(events) {}

  void send(const std::string& type, Json data) {
    data["type"] = type;
    data["sequence_number"] = ++sequence_number_;
    events_.send({.name = type, .data = dump(data), .id = sequence_number_});
  }

 private:
  EventStream& events_;
  int64_t sequence_number_ = 0;
};

answer::AskEvents events_for(Numbered& out,
                             EventStream& events,
                             const Service& service,
                             const Question& question) {
  answer::AskEvents on;
  on.on_plan = [&](const answer::Plan& plan) {
    Json data = answer::to_json(plan);
    data["conversation"] = question.conversation;
    out.send("plan", std::move(data));
  };
  on.on_context = [&](std::span<const answer::ContextRange> ranges) {
    out.send("retrieved",
             {{"passages", passages_json(service.parts.store, ranges)}, {"count", ranges.size()}});
  };
  on.on_prefill = [&](int64_t done, int64_t total, double seconds_left) {
    out.send("prefill", {{"done", done}, {"total", total}, {"seconds_left", seconds_left}});
  };
  on.on_reasoning = [&](std::string_view text) { out.send("reasoning", {{"text", text}}); };
  on.on_citation = [&](const answer::Citation& citation) {
    out.send("citation", {{"citation", answer::to_json(citation)}});
  };
  on.on_text = [&](std::string_view text) { out.send("delta", {{"text", text}}); };
  on.is_cancelled = [&] { return events.is_closed(); };
  return on;
}

void stream_answer(Service& service, const Question& question, EventStream& events) {
  Numbered out(events);
  const auto send_error = [&](const HttpError::Detail& detail) {
    out.send("error", Json::parse(error_response(detail).body).at("error"));
  };
  try {
    with_http_errors([&] {
      const auto result =
          service.parts.asker->ask(question.request, events_for(out, events, service, question));
      if (result.finish_reason == engine::FinishReason::cancelled) {
        return send_error(
            {.status = 503, .message = "the answer was cancelled", .code = "cancelled"});
      }
      out.send("done", result_json(result, question));
    });
  } catch (const HttpError& error) {
    send_error(error.detail());
  }
}

// POST /v1/ask   {"question", "vector_store_ids" or "collection", "documents": [], "mode":
//                 auto|rag|hybrid|long|sql, "reasoning_effort", "conversation": "new"|id, "stream":
//                 false, "max_tokens", "temperature", "top_p", "seed", "budget_tokens", "store"}
//
//   200  the answer as `widenet ask --json` gives it; or, streamed, the events plan, retrieved,
//        prefill, reasoning, citation, delta and last done or error
//   503  no model, or too many questions: with Retry-After
Response ask(const Request& request, Service& service) {
  auto question = read_question(request, service);
  const auto place = enter(service);
  Response response;
  if (question.is_streamed) {
    response.stream = [&service, place, question = std::move(question)](EventStream& events) {
      stream_answer(service, question, events);
    };
    return response;
  }
  with_http_errors([&] {
    answer::AskEvents events;
    events.is_cancelled = request.is_cancelled;
    response =
        json_response(result_json(service.parts.asker->ask(question.request, events), question));
  });
  return response;
}

// POST /v1/plan: the same body; what would be read, from where, and how long it would take.
Response plan(const Request& request, Service& service) {
  const auto question = read_question(request, service);
  const auto place = enter(service);
  Response response;
  with_http_errors([&] {
    response = json_response(answer::to_json(service.parts.asker->plan(question.request)));
  });
  return response;
}

}  // namespace

void add_ask_routes(Router& router, Service& service) {
  router.add({.method = "POST",
              .pattern = "/v1/ask",
              .body = BodyKind::json,
              .handler = [&](const Request& request) { return ask(request, service); }});
  router.add({.method = "POST",
              .pattern = "/v1/plan",
              .body = BodyKind::json,
              .handler = [&](const Request& request) { return plan(request, service); }});
}

}  // namespace widenet::api

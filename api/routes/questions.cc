// Reading what a question asks for, within bounds.
#include "api/routes/questions.h"

#include <algorithm>

#include "base/utf8.h"

namespace widenet::api {
namespace {

constexpr int64_t kTitleChars = 80;

}  // namespace

engine::Thinking read_effort(const Service& service, const JsonBody& body) {
  const std::string effort = body.text("reasoning_effort").value_or("none");
  if (effort == "none" || effort == "minimal") return engine::Thinking::none;
  if (effort == "low") return engine::Thinking::low;
  if (effort == "medium" || effort == "high") return engine::Thinking::high;
  if (effort != "xhigh" && effort != "max") {
    bad_field("reasoning_effort", "must be none, minimal, low, medium, high, xhigh or max");
  }
  if (!service.parts.encoding.effort_max)
    bad_field("reasoning_effort", "max is not what this model knows");
  return engine::Thinking::max;
}

engine::SamplingOptions read_sampling(const JsonBody& body) {
  engine::SamplingOptions sampling;
  sampling.temperature = body.number("temperature", 0, 2).value_or(0);
  sampling.top_p = body.number("top_p", 1e-6, 1).value_or(1);
  sampling.seed = static_cast<uint64_t>(body.integer("seed", INT64_MIN, INT64_MAX).value_or(0));
  return sampling;
}

std::vector<store::CollectionId> collections_of(const Service& service,
                                                const Request& request,
                                                const std::vector<std::string>& ids) {
  std::vector<store::CollectionId> collections;
  for (const auto& id : ids) {
    const auto collection = find_collection(service, request, id).id;
    if (std::find(collections.begin(), collections.end(), collection) == collections.end()) {
      collections.push_back(collection);
    }
  }
  return collections;
}

store::ConversationId read_conversation(Service& service,
                                        const Request& request,
                                        const std::string& id,
                                        const std::string& question,
                                        const std::vector<store::CollectionId>& collections) {
  auto& store = service.parts.store;
  if (id == "new") {
    return store.create_conversation({.title = std::string(slice_chars(question, 0, kTitleChars)),
                                      .collections = collections,
                                      .owner = request.principal.owner()});
  }
  const auto number = parse_id("conv_", id);
  const auto conversation = number ? store.conversation(*number) : std::nullopt;
  if (!conversation || conversation->owner != request.principal.owner()) {
    not_found("conversation \"" + id + "\"", "conversation");
  }
  return *number;
}

void need_model(const Service& service) {
  if (service.parts.asker == nullptr) {
    throw HttpError({.status = 503,
                     .message = "no model is loaded, so nothing can be answered (start the server "
                                "with --model DIR); documents can be stored and searched",
                     .code = "no_model"});
  }
}

std::shared_ptr<void> enter(Service& service) {
  need_model(service);
  auto place = service.questions.try_enter();
  if (!place) {
    throw HttpError({.status = 503,
                     .message = "too many questions are being answered",
                     .code = "overloaded",
                     .retry_after_s = 5});
  }
  return place;
}

void with_http_errors(const std::function<void()>& ask) {
  try {
    ask();
  } catch (const answer::AskError& error) {
    throw HttpError({.message = error.what(), .code = "cannot_answer"});
  } catch (const engine::EngineError& error) {
    throw HttpError({.message = error.what(), .code = "model_refused"});
  } catch (const engine::QueueFull& error) {
    throw HttpError(
        {.status = 503, .message = error.what(), .code = "overloaded", .retry_after_s = 5});
  }
}

}  // namespace widenet::api

// What /v1/ask and /v1/chat/completions share: scope, effort and sampling out of a request, the
// bound on running questions, and what the model's refusals mean over HTTP.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/routes/objects.h"

namespace widenet::api {

// "none", "minimal" -> none; "low" -> low; "medium", "high" -> high; "xhigh", "max" -> max.
engine::Thinking read_effort(const Service& service, const JsonBody& body);
engine::SamplingOptions read_sampling(const JsonBody& body);
std::vector<store::CollectionId> collections_of(const Service& service,
                                                const Request& request,
                                                const std::vector<std::string>& ids);

// A conversation of this principal that goes on ("conv_3"), or a new one ("new").
store::ConversationId read_conversation(Service& service,
                                        const Request& request,
                                        const std::string& id,
                                        const std::string& question,
                                        const std::vector<store::CollectionId>& collections);

// Throws HttpError 503 if there is no model.
void need_model(const Service& service);

// A place among the running questions, held until the pointer goes.  Throws HttpError 503 if there
// is no model, or with Retry-After if all places are taken.
std::shared_ptr<void> enter(Service& service);

// Runs `ask`; what the model and its queue refuse becomes an HttpError.
void with_http_errors(const std::function<void()>& ask);

}  // namespace widenet::api

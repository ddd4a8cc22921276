// What a body of /v1/chat/completions asks for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/routes/objects.h"
#include "engine/prompt_encoding.h"
#include "engine/sampler.h"

namespace widenet::api {

struct Chat {
  std::vector<engine::Message> messages;         // as text; the last is the user's or a tool's
  std::vector<store::CollectionId> collections;  // empty: the model alone
  store::Reader reader;
  std::string tenant;
  std::string question;  // the last user message's text
  std::optional<store::ConversationId> conversation;
  engine::Thinking thinking = engine::Thinking::none;
  engine::SamplingOptions sampling;
  std::vector<std::string> stop;
  int64_t max_tokens = 512;
  bool has_tools = false;  // functions that may be called now
  bool is_streamed = false;
  bool includes_usage = false;
};

// Throws HttpError 400 naming the field at fault, 404 for documents that are not there.  Functions
// and a response format stand in the system message, which is made if there is none.
Chat read_chat(const Request& request, Service& service);

}  // namespace widenet::api

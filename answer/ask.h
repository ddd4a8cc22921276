// The life of one question: plan, retrieve, assemble, generate, cite.
//
//   Asker asker({.store = *store, .engine = *engine, .scheduler = scheduler, ...});
//   const AskResult result = asker.ask({.collections = {contracts}, .question = "..."}, {});
//
// answer/plan.h says how a mode is chosen; before that, `auto` looks whether tables of records
// answer (answer/table_answer.h).  A conversation stays in the mode of its first question that was
// read.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "answer/citations.h"
#include "answer/plan.h"
#include "answer/prompt.h"
#include "answer/selection.h"
#include "answer/sticky_net.h"
#include "answer/table_answer.h"
#include "engine/encoding_texts.h"
#include "engine/engine.h"
#include "engine/scheduler.h"
#include "retrieval/net.h"
#include "retrieval/search.h"
#include "store/store.h"

namespace widenet::answer {

// A question that cannot be answered as asked (an unknown conversation, a budget that cannot hold
// one passage, ...): what, why, and what to do.
class AskError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct AskRequest {
  std::vector<store::CollectionId> collections{};
  std::string question{};  // valid UTF-8, not blank
  store::Reader reader{};  // whatever it may not read has no part in the answer
  std::string tenant{};    // what the model has read is shared within one alone
  Mode mode = Mode::automatic;
  engine::Thinking thinking = engine::Thinking::none;
  engine::SamplingOptions sampling{};

  // Follow-ups: the documents of its earlier turns stay, new passages come late.
  std::optional<store::ConversationId> conversation{};

  // If not empty, the prompt holds exactly these, whole: nothing is retrieved.
  std::vector<store::DocumentId> documents{};

  int64_t budget_tokens = 0;  // of documents in the prompt; 0: the mode's own
  int64_t max_tokens = 512;   // of the answer, reasoning included
  bool is_stored = true;      // kept in the store, for replay and for the conversation

  store::Scope scope() const { return {.collections = collections, .reader = reader}; }
  // Those of one tenant who may read the same: nobody else can tell from an answer's speed what
  // they have asked.  Empty: the operator.
  std::string cache_scope() const;
};

// What would be done.
struct Plan {
  Mode mode = Mode::rag;  // never automatic
  std::string why;        // one sentence
  int64_t budget_tokens = 0;
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;  // of these, known already
  double predicted_seconds = 0;
  int64_t documents_read = 0;
  int64_t documents_in_scope = 0;
  int64_t tokens_in_scope = 0;
  bool is_net_reused = false;  // hybrid: a net that was read before comes first
};

// What the model would read.
struct Preview {
  Plan plan;
  std::vector<TokenId> prompt;
  std::vector<ContextRange> context;
  NetScope scope;
  ReadNet net;      // what a later question of this scope may read again; empty but in hybrid mode
  double held = 0;  // see StickyNet
};

// What was read ahead of questions.
struct Warmed {
  int64_t prompt_tokens = 0;
  int64_t known_tokens = 0;  // of these, that had been read before
  double seconds = 0;
  bool is_cancelled = false;  // what was read until then is kept
};

struct AskSeconds {
  double retrieve = 0;
  double queue = 0;
  double prefill = 0;
  double decode = 0;
  double total = 0;
};

struct AskResult {
  std::string answer;
  std::string reasoning;
  bool is_refusal = false;  // the documents do not say; then there are no citations
  Mode mode = Mode::rag;
  std::string why;
  std::vector<Citation> citations;      // verified, every one
  std::vector<std::string> unverified;  // quotes found nowhere: counted, never shown as citations
  std::vector<ContextRange> context;
  std::optional<TableAnswer> table;  // mode `sql`: what it rests on
  engine::TokenUsage usage;
  AskSeconds seconds;
  int64_t documents_read = 0;
  int64_t documents_in_scope = 0;
  engine::FinishReason finish_reason = engine::FinishReason::stop;
  std::optional<store::AnswerId> stored_as;
};

// {"answer", "mode", "citations": [{"document", "title", "page", "start_char", "end_char", "quote",
// "verified"}], "context": [...], "usage": {...}, "seconds": {...}, "coverage": {...}}; further
// keys: "why", "refused", "finish_reason", "derived" in a citation that the model did not quote,
// and in mode `sql` "table": {"read_as", "sql", "columns", "rows", "n_rows", "links"}.
nlohmann::json to_json(const AskResult& result);
nlohmann::json to_json(const Citation& citation);
nlohmann::json to_json(const ContextRange& range);
nlohmann::json to_json(const Plan& plan);
nlohmann::json to_json(const TableAnswer& answer);

// In order of first call; each may be empty.  on_plan and on_context are called on the caller's
// thread, the others on the model's: they must be quick.
struct AskEvents {
  std::function<void(const Plan&)> on_plan;
  std::function<void(std::span<const ContextRange>)> on_context;  // before the model reads
  std::function<void(int64_t done, int64_t total, double seconds_left)> on_prefill;
  std::function<void(std::string_view)> on_reasoning;
  std::function<void(const Citation&)> on_citation;  // may come again, better placed, in the result
  std::function<void(std::string_view)> on_text;     // of the answer, without evidence lines
  std::function<bool()> is_cancelled;
};

struct AskerParts {
  store::Store& store;
  engine::Engine& engine;
  engine::Scheduler& scheduler;
  retrieval::QueryEmbedder embedder;    // empty: lexical search alone
  std::string tokenizer_sha256;         // of the engine's tokenizer.json
  engine::EncodingTexts encoding = {};  // of the model
};

struct AskerOptions {
  int64_t rag_tokens = 0;  // 0: 1,000 for a model narrower than 2,048 channels, else 16,384
  int64_t hybrid_tokens = 100'000;
  bool is_sticky = true;  // hybrid: nets that were read before are read again (sticky_net.h)
  StickyOptions sticky = {};
  bool constrains_quotes = true;  // what the model writes as evidence stands in the documents
  double seconds_max = 30;        // what `auto` lets a reader wait
  int64_t answer_days = 90;       // how long answers are kept; 0: for ever
};

// Thread-safe.  Refers to its parts, which outlive it.
class Asker {
 public:
  explicit Asker(AskerParts parts, const AskerOptions& options = {});
  ~Asker();
  Asker(const Asker&) = delete;
  Asker& operator=(const Asker&) = delete;

  // Retrieves and counts; generates nothing.  Throws AskError, StoreError.
  Plan plan(const AskRequest& request) const;
  // What the model would read, whatever tables say.
  Preview preview(const AskRequest& request) const;

  // Reads the documents of the request's scope, whole, as every question in mode `long` begins with
  // them, while nobody asks anything.  What is asked does not matter.  Blocks.  Of the events it
  // calls on_prefill and is_cancelled. Throws AskError if the model cannot hold them: then no two
  // questions begin alike.
  Warmed warm(const AskRequest& scope, const AskEvents& events = {});

  // From now on the net of this preview counts as read, as if it had been asked.
  void note_read(const Preview& preview);

  // Blocks until the answer is there or was cancelled (a cancelled one is not stored).  Throws
  // AskError, StoreError, EngineError and QueueFull.
  AskResult ask(const AskRequest& request, const AskEvents& events = {});

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace widenet::answer

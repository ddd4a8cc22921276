#include "answer/ask.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>
#include <utility>

#include "answer/output_stream.h"
#include "answer/quote_constraint.h"
#include "answer/reading_speed.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "engine/block_keys.h"
#include "engine/model_config.h"
#include "engine/output_parser.h"

namespace widenet::answer {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kMarginTokens = 256;   // system text, question's fence, role tokens
constexpr int64_t kDocumentTokens = 32;  // a fence with its title
constexpr int64_t kWideModelDim = 2048;  // from here on `rag` reads more

// A small model is misled by what looks like the right passage: of nano's answers about the sample
// company 36 of 104 are right after 1,000 tokens, 33 after 2,000 and 24 after 4,000, though the
// passage is among them for 83, 96 and 99.
constexpr int64_t kNarrowRagTokens = 1000;
constexpr int64_t kWideRagTokens = 16384;
constexpr int64_t kRecalledMax = 32;  // answers whose nets are remembered at the beginning

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

// A conversation so far.
struct History {
  std::vector<PromptTurn> turns;
  std::vector<ContextRange> ranges;
  std::set<ChunkKey> present;
  std::vector<store::DocumentId> documents;
  std::optional<Mode> mode;
};

// A question, ready to be generated.
struct Prepared {
  Plan plan;
  std::vector<PromptTurn> turns;
  Selection selection;  // what this turn adds
  NetScope scope;
  ReadNet net;                       // what a later question of this scope may read again
  std::vector<ContextRange> ranges;  // all turns'
  std::vector<store::DocumentId> documents;
  std::vector<TokenId> prompt;
  engine::PromptNotes notes;
  double held = 0;
  double seconds = 0;
};

std::vector<PromptDocument> all_documents(const std::vector<PromptTurn>& turns) {
  std::vector<PromptDocument> documents;
  for (const auto& turn : turns) {
    documents.insert(documents.end(), turn.documents.begin(), turn.documents.end());
  }
  return documents;
}

NetScope net_scope_of(const AskRequest& request) {
  NetScope scope{.collections = request.collections, .cache = request.cache_scope()};
  auto& ids = scope.collections;
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return scope;
}

int64_t n_distinct(std::vector<store::DocumentId> ids) {
  std::sort(ids.begin(), ids.end());
  return std::unique(ids.begin(), ids.end()) - ids.begin();
}

bool may_read_all(const store::Store& store,
                  const Selection& selection,
                  const store::Reader& reader) {
  return std::ranges::all_of(selection, [&](const SelectedDocument& selected) {
    const auto document = store.document(selected.id);
    return !document || may_read(reader, document->readers);
  });
}

}  // namespace

std::string AskRequest::cache_scope() const {
  if (tenant.empty() && reader.reads_all) return {};
  std::vector<std::string> names = reader.names;
  if (reader.reads_all) names = {"*"};
  std::sort(names.begin(), names.end());
  std::string scope = tenant;
  for (const std::string& name : names) scope += "\n" + name;
  return sha256_hex(scope);
}

class Asker::Impl {
 public:
  Impl(AskerParts parts, const AskerOptions& options)
      : parts_(std::move(parts)),
        options_(options),
        assembler_(parts_.engine.tokenizer(), parts_.encoding),
        speed_(parts_.engine.config(),
               parts_.store.directory() / "reading-speed.json",
               parts_.engine.name() + ", " + parts_.engine.backend_name() + ", " +
                   std::to_string(parts_.engine.n_threads()) + " threads") {
    const engine::ModelConfig& config = parts_.engine.config();
    if (options_.rag_tokens <= 0) {
      options_.rag_tokens = config.dim < kWideModelDim ? kNarrowRagTokens : kWideRagTokens;
    }
  }

  Preview preview(const AskRequest& request) {
    Prepared prepared = prepare(request);
    return {.plan = std::move(prepared.plan),
            .prompt = std::move(prepared.prompt),
            .context = std::move(prepared.ranges),
            .scope = std::move(prepared.scope),
            .net = std::move(prepared.net),
            .held = prepared.held};
  }
  Plan plan(const AskRequest& request);
  void note_read(const Preview& preview) { nets_.remember(preview.scope, preview.net); }
  AskResult ask(const AskRequest& request, const AskEvents& events);
  Warmed warm(const AskRequest& scope, const AskEvents& events);

 private:
  std::optional<TableAnswer> find_in_tables(const AskRequest& request) const;
  Prepared prepare_from(const AskRequest& request, const TableAnswer& table) const;
  AskResult answer_from(TableAnswer table, const AskRequest& request, const AskEvents& events);

  Prepared prepare(const AskRequest& request);
  History load_history(const AskRequest& request) const;
  Circumstances circumstances(const AskRequest& request, const History& history) const;
  Selection retrieve(const AskRequest& request,
                     const Decision& decision,
                     const History& history,
                     Prepared& prepared);
  Selection retrieve_sticky(const AskRequest& request,
                            std::span<const retrieval::Candidate> candidates,
                            const retrieval::NetOptions& net,
                            Prepared& prepared);
  std::vector<ReadNet> nets_there(const NetScope& scope, const store::Reader& reader);
  void recall_nets();
  void assemble(const AskRequest& request, const History& history, Prepared& prepared) const;
  void predict(const AskRequest& request, Prepared& prepared);

  engine::Completion generate(const AskRequest& request,
                              const Prepared& prepared,
                              const AskEvents& events,
                              AskResult& result);
  std::function<void(int64_t done, int64_t total)> prefill_reporter(const AskEvents& events);
  void learn(const engine::Completion& completion);
  store::AnswerId keep(const AskRequest& request,
                       const Prepared& prepared,
                       const engine::Completion& completion,
                       const AskResult& result) const;

  AskerParts parts_;
  AskerOptions options_;
  PromptAssembler assembler_;
  NetMemory nets_;
  std::once_flag has_recalled_;

  std::mutex mutex_;
  ReadingSpeed speed_;  // guarded by mutex_
};

// --- what the conversation holds

History Asker::Impl::load_history(const AskRequest& request) const {
  History history;
  if (!request.conversation) return history;
  for (const store::Answer& answer : parts_.store.answers_of(*request.conversation)) {
    const auto json = nlohmann::json::parse(answer.answer_json);
    const auto& replay = json.at("replay");
    if (replay.at("tokenizer") != parts_.tokenizer_sha256) return {};
    const Selection selection = selection_from_json(replay.at("documents"));
    if (!may_read_all(parts_.store, selection, request.reader)) return {};
    LoadedSelection loaded =
        load(parts_.store, selection, parts_.engine.tokenizer(), parts_.tokenizer_sha256);
    for (auto& range : loaded.ranges) {
      range.is_late |= !history.turns.empty();
      history.ranges.push_back(range);
    }
    for (const auto& document : loaded.documents) history.documents.push_back(document.id);
    history.present.merge(chunks_of(selection));
    const auto mode = mode_named(replay.at("mode").get<std::string>());
    if (!history.mode && mode != Mode::tables) history.mode = mode;
    history.turns.push_back({.documents = std::move(loaded.documents),
                             .question = answer.question,
                             .answer = replay.at("completion").get<std::vector<TokenId>>()});
  }
  return history;
}

// --- answers out of tables

// The first collection whose tables understand the whole question.
std::optional<TableAnswer> Asker::Impl::find_in_tables(const AskRequest& request) const {
  const bool must = request.mode == Mode::tables;
  if (!must && (request.mode != Mode::automatic || !request.documents.empty())) return {};
  std::string why = "no collection was named";
  for (const store::CollectionId collection : request.collections) {
    auto answer = answer_from_tables(parts_.store, collection, request.question, request.reader);
    if (answer) return *std::move(answer);
    why = answer.error();
  }
  if (!must) return {};
  throw AskError("cannot answer \"" + request.question + "\" from tables: " + why +
                 " (ask in another mode, or name tables and columns as `widenet ls` does)");
}

Prepared Asker::Impl::prepare_from(const AskRequest& request, const TableAnswer& table) const {
  Prepared prepared;
  prepared.plan.mode = Mode::tables;
  prepared.plan.why = "it asks for the " + table.read_as + ", which tables hold";
  const store::ScopeSize size = parts_.store.size_of(request.scope());
  prepared.plan.documents_in_scope = size.n_documents;
  prepared.plan.tokens_in_scope = size.n_tokens;
  for (const RowLink& link : table.links) {
    if (std::ranges::count(prepared.documents, link.document) == 0) {
      prepared.documents.push_back(link.document);
    }
  }
  return prepared;
}

AskResult Asker::Impl::answer_from(TableAnswer table,
                                   const AskRequest& request,
                                   const AskEvents& events) {
  const Prepared prepared = prepare_from(request, table);
  if (events.on_plan) events.on_plan(prepared.plan);
  if (events.on_context) events.on_context({});
  AskResult result;
  result.answer = table.text;
  result.mode = Mode::tables;
  result.why = prepared.plan.why;
  result.citations = table.citations;
  result.documents_in_scope = prepared.plan.documents_in_scope;
  result.table = std::move(table);
  for (const Citation& citation : result.citations) {
    if (events.on_citation) events.on_citation(citation);
  }
  if (events.on_text) events.on_text(result.answer);
  engine::Completion completion;  // for the conversation, in which it is read
  completion.tokens = parts_.engine.tokenizer().encode(result.answer);
  if (request.is_stored) result.stored_as = keep(request, prepared, completion, result);
  return result;
}

Plan Asker::Impl::plan(const AskRequest& request) {
  if (const auto table = find_in_tables(request)) return prepare_from(request, *table).plan;
  return preview(request).plan;
}

// --- planning

Circumstances Asker::Impl::circumstances(const AskRequest& request, const History& history) const {
  Circumstances c;
  c.wanted = request.mode == Mode::automatic && history.mode ? *history.mode : request.mode;
  for (const store::CollectionId id : request.collections) {
    if (!parts_.store.collection(id)) {
      throw AskError("cannot ask collection " + std::to_string(id) +
                     ": there is none (see widenet ls)");
    }
  }
  const store::ScopeSize size = parts_.store.size_of(request.scope());
  c.tokens_in_scope = size.n_tokens + size.n_documents * kDocumentTokens;
  int64_t used = kMarginTokens + request.max_tokens +
                 static_cast<int64_t>(parts_.engine.tokenizer().encode(request.question).size());
  if (!history.turns.empty()) {
    auto turns = history.turns;
    turns.back().answer.reset();
    used += static_cast<int64_t>(assembler_.assemble(turns, request.thinking).size()) +
            static_cast<int64_t>(history.turns.back().answer->size());
  }
  c.tokens_max = parts_.engine.n_tokens_max() - used;
  c.rag_tokens = options_.rag_tokens;
  c.hybrid_tokens = options_.hybrid_tokens;
  c.budget_tokens = request.budget_tokens;
  c.seconds_max = options_.seconds_max;
  c.asks_about_all = asks_about_all(request.question);
  return c;
}

// Nets of answers that an earlier process gave: their state may be on disk still.
void Asker::Impl::recall_nets() {
  auto answers = parts_.store.last_answers(kRecalledMax);
  std::reverse(answers.begin(), answers.end());
  for (const store::Answer& answer : answers) {
    const auto json = nlohmann::json::parse(answer.answer_json);
    const auto& replay = json.at("replay");
    if (!replay.contains("net") || replay.at("tokenizer") != parts_.tokenizer_sha256) continue;
    ReadNet net{.documents = selection_from_json(replay.at("documents")),
                .n_tokens = replay.at("net").at("n_tokens")};
    std::erase_if(net.documents, [](const auto& document) { return document.is_late; });
    nets_.remember({.collections = replay.at("net").at("collections"),
                    .cache = replay.at("net").value("scope", std::string())},
                   net);
  }
}

// Those whose documents have not been deleted, superseded or closed since.
std::vector<ReadNet> Asker::Impl::nets_there(const NetScope& scope, const store::Reader& reader) {
  std::call_once(has_recalled_, [this] { recall_nets(); });
  auto nets = nets_.nets_of(scope);
  std::erase_if(nets, [&](const ReadNet& net) {
    if (is_there(parts_.store, net.documents, reader)) return false;
    nets_.forget(scope, net);
    return true;
  });
  return nets;
}

Selection Asker::Impl::retrieve_sticky(const AskRequest& request,
                                       std::span<const retrieval::Candidate> candidates,
                                       const retrieval::NetOptions& net,
                                       Prepared& prepared) {
  const auto layouts =
      retrieval::load_layouts(parts_.store, request.scope(), candidates, net.shape);
  StickyNet sticky = choose_sticky(candidates, layouts, net,
                                   nets_there(prepared.scope, request.reader), options_.sticky);
  prepared.plan.is_net_reused = sticky.is_reused;
  prepared.held = sticky.held;
  prepared.net = sticky.base;
  Selection selection = std::move(sticky.base.documents);
  selection.insert(selection.end(), sticky.late.begin(), sticky.late.end());
  return selection;
}

Selection Asker::Impl::retrieve(const AskRequest& request,
                                const Decision& decision,
                                const History& history,
                                Prepared& prepared) {
  if (!request.documents.empty()) {
    return without(select_whole(parts_.store, request.documents), history.present);
  }
  // A follow-up is often only understood with the question before it.
  std::string query = request.question;
  if (!history.turns.empty()) query += "\n" + history.turns.back().question;
  retrieval::SearchOptions searching;
  if (decision.mode == Mode::hybrid) searching.dense_weight = retrieval::kWideDenseWeight;
  auto candidates =
      retrieval::search(parts_.store, request.scope(), query, parts_.embedder, searching);

  retrieval::NetOptions net;
  net.document_tokens = kDocumentTokens;
  net.budget_tokens = decision.budget_tokens;
  net.shape = decision.mode == Mode::rag      ? retrieval::NetShape::focused
              : decision.mode == Mode::hybrid ? retrieval::NetShape::wide
                                              : retrieval::NetShape::all;
  if (history.turns.empty() && net.shape == retrieval::NetShape::wide && options_.is_sticky) {
    return retrieve_sticky(request, candidates, net, prepared);
  }
  if (!history.turns.empty()) {  // late passages: half of a focused net, of what is not there yet
    std::erase_if(candidates, [&](const retrieval::Candidate& candidate) {
      return history.present.contains({candidate.chunk.document, candidate.chunk.ordinal});
    });
    net.budget_tokens = std::min(net.budget_tokens, options_.rag_tokens / 2);
    net.shape = retrieval::NetShape::focused;
  }
  return without(select(retrieval::cast_net(parts_.store, request.scope(), candidates, net)),
                 history.present);
}

Prepared Asker::Impl::prepare(const AskRequest& asked) {
  const auto start = Clock::now();
  AskRequest request = asked;
  if (is_blank(request.question) || !is_valid_utf8(request.question)) {
    throw AskError("cannot answer: the question is empty or not valid UTF-8 (ask something)");
  }
  if (request.conversation) {
    const auto conversation = parts_.store.conversation(*request.conversation);
    if (!conversation) {
      throw AskError("cannot continue conversation " + std::to_string(*request.conversation) +
                     ": there is none (ask without it)");
    }
    if (request.collections.empty()) request.collections = conversation->collections;
  }
  for (const store::DocumentId id : request.documents) {
    const auto document = parts_.store.document(id);
    if (document && may_read(request.reader, document->readers)) continue;
    throw AskError("cannot read document D" + std::to_string(id) +
                   ": there is none (see widenet ls)");
  }
  History history = load_history(request);
  Circumstances c = circumstances(request, history);
  bool began_anew = false;
  if (c.tokens_max < options_.rag_tokens / 2 && !history.turns.empty()) {
    history = {};
    c = circumstances(request, history);
    began_anew = true;
  }
  if (c.tokens_max <= 0) {
    throw AskError("cannot answer: question and answer alone exceed the " +
                   std::to_string(parts_.engine.n_tokens_max()) +
                   " tokens that the model reads (ask for fewer tokens)");
  }
  {
    const std::scoped_lock lock(mutex_);
    const int64_t n = std::max<int64_t>(options_.hybrid_tokens, 1);
    c.tokens_per_second = static_cast<double>(n) / speed_.seconds(n, {});
  }
  Decision decision = decide(c);
  if (began_anew) decision.why += "; the conversation outgrew the model and begins anew";

  Prepared prepared;
  prepared.scope = net_scope_of(request);
  prepared.plan.mode = decision.mode;
  prepared.plan.why = decision.why;
  prepared.plan.budget_tokens = decision.budget_tokens;
  prepared.plan.tokens_in_scope = c.tokens_in_scope;
  prepared.plan.documents_in_scope = parts_.store.size_of(request.scope()).n_documents;
  if (!request.documents.empty()) {
    prepared.plan.documents_in_scope = n_distinct(request.documents);
  }
  // Long titles may make fences dearer than reckoned: then the net is cast again, smaller.
  for (int attempt = 0;; ++attempt) {
    prepared.selection = retrieve(request, decision, history, prepared);
    assemble(request, history, prepared);
    const int64_t excess =
        prepared.plan.prompt_tokens + request.max_tokens - parts_.engine.n_tokens_max();
    if (excess <= 0) break;
    if (attempt == 8 || !request.documents.empty() || decision.budget_tokens <= excess) {
      throw AskError("cannot answer: the prompt has " +
                     std::to_string(prepared.plan.prompt_tokens) + " tokens, the model reads " +
                     std::to_string(parts_.engine.n_tokens_max()) +
                     " (choose fewer documents, or another mode)");
    }
    decision.budget_tokens -= excess;
  }
  if (prepared.plan.is_net_reused)
    prepared.plan.why += "; documents that were read before come first";
  predict(request, prepared);
  prepared.seconds = seconds_since(start);
  return prepared;
}

void Asker::Impl::assemble(const AskRequest& request,
                           const History& history,
                           Prepared& prepared) const {
  LoadedSelection loaded =
      load(parts_.store, prepared.selection, parts_.engine.tokenizer(), parts_.tokenizer_sha256);
  prepared.turns = history.turns;
  prepared.ranges = history.ranges;
  prepared.documents = history.documents;
  for (auto& range : loaded.ranges) {
    range.is_late |= !history.turns.empty();
    prepared.ranges.push_back(range);
  }
  for (const auto& document : loaded.documents) prepared.documents.push_back(document.id);
  prepared.turns.push_back({.documents = std::move(loaded.documents),
                            .question = request.question,
                            .answer = std::nullopt});
  prepared.prompt = assembler_.assemble(prepared.turns, request.thinking);
  // Late documents are this question's own: those before them end where others part from it.
  size_t n_lasting = prepared.turns.front().documents.size();
  if (history.turns.empty()) {
    const auto late = std::ranges::find_if(prepared.selection, &SelectedDocument::is_late);
    n_lasting = std::min(n_lasting, static_cast<size_t>(late - prepared.selection.begin()));
  }
  prepared.notes = {};
  for (const auto& span : assembler_.document_spans(prepared.prompt, prepared.turns)) {
    if (prepared.notes.marks.size() < n_lasting) prepared.notes.marks.push_back(span.end_token);
    prepared.notes.sources.push_back({.first_token = span.first_token, .id = span.document});
  }
  prepared.plan.prompt_tokens = static_cast<int64_t>(prepared.prompt.size());
  prepared.plan.documents_read = n_distinct(prepared.documents);
}

void Asker::Impl::predict(const AskRequest& request, Prepared& prepared) {
  const engine::Reuse known = parts_.scheduler.known(prepared.prompt, request.cache_scope());
  prepared.plan.cached_tokens = known.n_tokens;
  const std::scoped_lock lock(mutex_);
  prepared.plan.predicted_seconds = speed_.seconds(prepared.plan.prompt_tokens, known);
}

// --- generating

std::function<void(int64_t, int64_t)> Asker::Impl::prefill_reporter(const AskEvents& events) {
  if (!events.on_prefill) return {};
  std::optional<std::pair<Clock::time_point, int64_t>> first_chunk;
  return [this, &events, first_chunk](int64_t done, int64_t total) mutable {
    if (!first_chunk) first_chunk = {Clock::now(), done};
    const auto [left, all] = [&] {
      const std::scoped_lock lock(mutex_);
      return std::pair(speed_.seconds(total, {.n_tokens = done}),
                       speed_.seconds(total, {.n_tokens = first_chunk->second}));
    }();
    // As fast as it has been since it began.
    const double slowness = all > left ? seconds_since(first_chunk->first) / (all - left) : 1;
    events.on_prefill(done, total, left * slowness);
  };
}

engine::Completion Asker::Impl::generate(const AskRequest& request,
                                         const Prepared& prepared,
                                         const AskEvents& events,
                                         AskResult& result) {
  const auto documents = all_documents(prepared.turns);
  const QuoteFinder finder(documents);
  OutputStream stream(request.thinking);
  std::vector<Evidence> evidence;
  const auto show = [&](OutputStream::Output output) {
    if (!output.reasoning.empty() && events.on_reasoning) events.on_reasoning(output.reasoning);
    for (const Evidence& piece : output.evidence) {
      for (const Citation& citation : finder.cite({&piece, 1})) {
        if (events.on_citation) events.on_citation(citation);
      }
      evidence.push_back(piece);
    }
    if (!output.text.empty() && events.on_text) events.on_text(output.text);
    result.reasoning += output.reasoning;
    result.answer += output.text;
  };

  engine::GenerationCallbacks callbacks;
  callbacks.on_prefill = prefill_reporter(events);
  callbacks.on_text = [&](std::string_view text) { show(stream.feed(text)); };
  callbacks.is_cancelled = events.is_cancelled;

  engine::GenerationRequest generation;
  generation.prompt = prepared.prompt;
  generation.scope = request.cache_scope();
  generation.sampling = request.sampling;
  generation.max_tokens = request.max_tokens;
  generation.notes = prepared.notes;
  if (options_.constrains_quotes && !documents.empty()) {
    generation.constraint =
        std::make_shared<QuoteConstraint>(documents, parts_.engine.tokenizer(), request.thinking);
  }
  engine::Completion completion = parts_.scheduler.generate(generation, callbacks);
  show(stream.finish());
  result.is_refusal = is_refusal(result.answer);
  if (!result.is_refusal) {
    result.citations = finder.cite(evidence);
    for (const Evidence& piece : evidence) {
      if (finder.find(piece.quote).empty()) result.unverified.push_back(piece.quote);
    }
    if (result.citations.empty()) {
      if (auto derived = finder.derive(result.answer)) result.citations.push_back(*derived);
    }
    find_pages(parts_.store, result.citations);
  }
  return completion;
}

void Asker::Impl::learn(const engine::Completion& completion) {
  const std::scoped_lock lock(mutex_);
  speed_.learn(completion.usage, completion.seconds.prefill);
}

AskResult Asker::Impl::ask(const AskRequest& request, const AskEvents& events) {
  const auto start = Clock::now();
  if (auto table = find_in_tables(request)) {
    AskResult result = answer_from(*std::move(table), request, events);
    result.seconds.total = seconds_since(start);
    return result;
  }
  const Prepared prepared = prepare(request);
  if (events.on_plan) events.on_plan(prepared.plan);
  if (events.on_context) events.on_context(prepared.ranges);
  nets_.remember(prepared.scope, prepared.net);  // now: questions asked together share it

  AskResult result;
  const engine::Completion completion = generate(request, prepared, events, result);
  learn(completion);
  result.mode = prepared.plan.mode;
  result.why = prepared.plan.why;
  result.context = prepared.ranges;
  result.usage = completion.usage;
  result.usage.reasoning_tokens = engine::count_reasoning_tokens(
      assembler_.encoder().tokens(), request.thinking, completion.tokens);
  result.finish_reason = completion.finish_reason;
  result.documents_read = prepared.plan.documents_read;
  result.documents_in_scope = prepared.plan.documents_in_scope;
  result.seconds = {.retrieve = prepared.seconds,
                    .queue = completion.seconds.queue,
                    .prefill = completion.seconds.prefill,
                    .decode = completion.seconds.decode,
                    .total = seconds_since(start)};
  const bool is_complete = completion.finish_reason != engine::FinishReason::cancelled;
  if (request.is_stored && is_complete) {
    result.stored_as = keep(request, prepared, completion, result);
  }
  return result;
}

// The question stands for those to come; nothing from where they part is read.
Warmed Asker::Impl::warm(const AskRequest& scope, const AskEvents& events) {
  const auto start = Clock::now();
  AskRequest request = scope;
  request.question = "?";
  request.mode = Mode::whole;
  const Circumstances c = circumstances(request, {});
  if (c.tokens_in_scope > c.tokens_max) {
    throw AskError("cannot read the documents ahead: they have about " +
                   std::to_string(c.tokens_in_scope) + " tokens, the model reads " +
                   std::to_string(c.tokens_max) +
                   " of them, others for each question (warm a smaller collection)");
  }
  Prepared prepared = prepare(request);
  if (prepared.notes.marks.empty()) return {};
  const int64_t n = prepared.notes.marks.back() / engine::kBlockTokens * engine::kBlockTokens;
  if (n == 0) return {};
  prepared.prompt.resize(static_cast<size_t>(n));
  engine::GenerationRequest reading;
  reading.prompt = std::move(prepared.prompt);
  reading.scope = request.cache_scope();
  reading.max_tokens = 0;
  reading.notes = std::move(prepared.notes);
  reading.is_background = true;
  engine::GenerationCallbacks callbacks;
  callbacks.on_prefill = prefill_reporter(events);
  callbacks.is_cancelled = events.is_cancelled;
  const engine::Completion completion = parts_.scheduler.generate(reading, callbacks);
  learn(completion);
  return {.prompt_tokens = n,
          .known_tokens = completion.usage.cached_tokens,
          .seconds = seconds_since(start),
          .is_cancelled = completion.finish_reason == engine::FinishReason::cancelled};
}

// What is stored replays: the documents as runs of chunks, the sampling, the tokens that came out.
store::AnswerId Asker::Impl::keep(const AskRequest& request,
                                  const Prepared& prepared,
                                  const engine::Completion& completion,
                                  const AskResult& result) const {
  engine::OutputSplitter splitter(assembler_.encoder().tokens(), request.thinking);
  std::vector<TokenId> content;
  for (const TokenId token : completion.tokens) {
    if (splitter.feed(token) == engine::OutputSplitter::Part::content) content.push_back(token);
  }
  nlohmann::json replay = {{"mode", name_of(prepared.plan.mode)},
                           {"documents", to_json(prepared.selection)},
                           {"completion", content},
                           {"thinking", static_cast<int>(request.thinking)},
                           {"temperature", request.sampling.temperature},
                           {"top_p", request.sampling.top_p},
                           {"seed", request.sampling.seed},
                           {"max_tokens", request.max_tokens},
                           {"tokenizer", parts_.tokenizer_sha256},
                           {"model", parts_.engine.fingerprint()}};
  if (!prepared.net.documents.empty()) {
    replay["net"] = {{"collections", prepared.scope.collections},
                     {"scope", prepared.scope.cache},
                     {"n_tokens", prepared.net.n_tokens}};
  }
  store::Answer answer;
  answer.conversation = request.conversation;
  answer.question = request.question;
  answer.answer_json = nlohmann::json{{"result", to_json(result)}, {"replay", replay}}.dump();
  answer.documents = prepared.documents;
  if (options_.answer_days > 0) {
    answer.expires_ms = store::now_ms() + options_.answer_days * 24 * 3600 * 1000;
  }
  return parts_.store.add_answer(answer);
}

Asker::Asker(AskerParts parts, const AskerOptions& options)
    : impl_(std::make_unique<Impl>(std::move(parts), options)) {}

Asker::~Asker() = default;

Plan Asker::plan(const AskRequest& request) const {
  return impl_->plan(request);
}

Preview Asker::preview(const AskRequest& request) const {
  return impl_->preview(request);
}

void Asker::note_read(const Preview& preview) {
  impl_->note_read(preview);
}

Warmed Asker::warm(const AskRequest& scope, const AskEvents& events) {
  return impl_->warm(scope, events);
}

AskResult Asker::ask(const AskRequest& request, const AskEvents& events) {
  return impl_->ask(request, events);
}

}  // namespace widenet::answer

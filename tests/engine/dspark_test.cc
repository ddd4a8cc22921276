// The DSpark head: its guesses are those of the formulas, and change no bit of what is generated.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>
#include <vector>

#include "engine/draft_length.h"
#include "engine/engine.h"
#include "engine/inventory.h"
#include "engine/model.h"
#include "engine/sampler.h"
#include "engine/scheduler.h"
#include "engine/session.h"
#include "kernels/backend.h"
#include "tests/support/dspark_reference.h"
#include "tests/support/random_model.h"
#include "tests/support/sample_size.h"
#include "tests/support/temporary_directory.h"

namespace widenet::engine {
namespace {

using Json = nlohmann::json;
using test::RandomWeights;
using test::Storage;

// Sliding windows of 8 alone, which the reference can compute.
Json sliding_config() {
  Json config = Json::parse(test::toy_dspark_config_json());
  config["compress_ratios"] = {0, 0, 0, 0, 0, 0};
  return config;
}

// Every kind of layer, windows of 128 as published, and so many layers that guesses pay.
Json deep_config() {
  Json config = Json::parse(test::toy_dspark_config_json());
  config.update({{"num_hidden_layers", 12},
                 {"compress_ratios", {0, 4, 128, 4, 128, 4, 128, 4, 0, 0, 4, 128, 0, 0, 0}},
                 {"sliding_window", 128},
                 {"vocab_size", 300},
                 {"dspark_noise_token_id", 299},
                 {"dspark_target_layer_ids", {9, 10, 11}},
                 {"dspark_markov_rank", 64}});
  return config;
}

std::vector<TokenId> random_tokens(int64_t n, int64_t vocab_size, std::mt19937& random) {
  std::vector<TokenId> ids;
  for (int64_t i = 0; i < n; ++i) {
    ids.push_back(static_cast<TokenId>(2 + random() % static_cast<uint64_t>(vocab_size - 3)));
  }
  return ids;
}

// A timeline of a model by itself, fed in pieces.
struct Timeline {
  Timeline(const ModelConfig& its_config, Model& its_model)
      : config(its_config), model(its_model), state(make_kv_state(config, model.layouts())) {}

  void append(std::span<const TokenId> more, KvUndo* undo = nullptr) {
    const Model::Step step{more, &state, Model::Logits::none, undo, /*feeds_drafts=*/true};
    model.forward({&step, 1});
    tokens.insert(tokens.end(), more.begin(), more.end());
  }

  void drop(int64_t n_kept, const KvUndo& undo) {
    drop_to(n_kept, undo, config, model.layouts(), state);
    tokens.resize(static_cast<size_t>(n_kept));
  }

  const ModelConfig& config;
  Model& model;
  KvState state;
  std::vector<TokenId> tokens;
};

void expect_guesses_of_the_formulas(const test::DsparkReference& reference,
                                    Timeline& timeline,
                                    TokenId next) {
  const test::DsparkReference::Guesses expected =
      reference.guess({timeline.tokens.begin(), timeline.tokens.end()}, next);
  Model::Draft draft{&timeline.state, next, /*n_wanted=*/5, {}};
  const auto logits = timeline.model.draft({&draft, 1});
  ASSERT_TRUE(std::ranges::equal(draft.tokens, expected.tokens));
  ASSERT_EQ(logits.dim(0), 5);
  for (int64_t i = 0; i < 5; ++i) {
    double difference = 0;
    double size = 0;
    for (size_t v = 0; v < logits[i].span().size(); ++v) {
      const double wanted = expected.logits[static_cast<size_t>(i)][v];
      difference += std::pow(static_cast<double>(logits[i].span()[v]) - wanted, 2);
      size += std::pow(wanted, 2);
    }
    EXPECT_LT(std::sqrt(difference / size), 1e-5)
        << "guess " << i << " after " << timeline.tokens.size() << " tokens";
  }
}

TEST(DsparkTest, GuessesAreThoseOfTheFormulas) {
  test::TemporaryDirectory folder;
  const std::string json = sliding_config().dump();
  test::write_random_model(folder.path(), json, Storage::bf16, {.seed = 3});
  const ModelConfig config = parse_model_config(json, "config.json");
  const Checkpoint checkpoint = Checkpoint::open(folder.path());
  const ModelWeights weights = resolve_weights(config, checkpoint);
  const test::DsparkReference reference(config, checkpoint);
  for (const kernels::Backend* backend : kernels::available_backends()) {
    SCOPED_TRACE(backend->name);
    std::mt19937 random(5);
    Model model(config, weights, {Numerics::exact, backend, nullptr});
    Timeline timeline(config, model);
    for (const int64_t n : {1, 2, 4, 1, 3, 9, 6}) {  // around the window of 8, and past it
      timeline.append(random_tokens(n, config.vocab_size, random));
      expect_guesses_of_the_formulas(reference, timeline, static_cast<TokenId>(2 + random() % 40));
    }
    // What was appended and dropped is not seen.
    for (const int64_t n_kept : {1, 3, 6}) {
      KvUndo undo;
      timeline.append(random_tokens(6, config.vocab_size, random), &undo);
      timeline.drop(undo.first_position + n_kept, undo);
      expect_guesses_of_the_formulas(reference, timeline, static_cast<TokenId>(2 + random() % 40));
    }
  }
}

TEST(DsparkTest, CompanyChangesNoGuess) {
  test::TemporaryDirectory folder;
  const std::string json = deep_config().dump();
  test::write_random_model(folder.path(), json, Storage::published, {});
  const ModelConfig config = parse_model_config(json, "config.json");
  const Checkpoint checkpoint = Checkpoint::open(folder.path());
  const ModelWeights weights = resolve_weights(config, checkpoint);
  Model model(config, weights, {Numerics::native, &kernels::default_backend(), nullptr});
  std::mt19937 random(5);
  std::vector<Timeline> timelines;
  std::vector<Model::Draft> drafts;
  for (const int64_t n : {200, 3, 130}) {
    timelines.emplace_back(config, model).append(random_tokens(n, config.vocab_size, random));
  }
  for (const int64_t n_wanted : {2, 5, 4}) {
    drafts.push_back({&timelines[drafts.size()].state, /*next=*/7, n_wanted, {}});
  }
  const auto together = model.draft(drafts);
  ASSERT_EQ(together.dim(0), 11);
  const std::vector<float> logits(together.span().begin(), together.span().end());
  size_t first = 0;
  for (const Model::Draft& draft : drafts) {
    Model::Draft alone{draft.state, draft.next, draft.n_wanted, {}};
    const auto mine = model.draft({&alone, 1});
    EXPECT_EQ(static_cast<int64_t>(draft.tokens.size()), draft.n_wanted);
    EXPECT_EQ(alone.tokens, draft.tokens);
    EXPECT_TRUE(
        std::ranges::equal(mine.span(), std::span(logits).subspan(first, mine.span().size())));
    first += mine.span().size();
  }
}

TEST(DsparkTest, GuessesBeginInTheMiddleOfATimeline) {
  test::TemporaryDirectory folder;
  const std::string json = sliding_config().dump();
  test::write_random_model(folder.path(), json, Storage::bf16, {});
  const auto engine = Engine::load({.model = folder.path(), .backend = "", .threads = 1});
  std::mt19937 random(5);
  std::vector<TokenId> timeline = random_tokens(1000, 50, random);
  const auto session = engine->make_session();
  session->sync(timeline);
  for (const int64_t n_more : {1, 2, 9, 140}) {  // after a moment that no guess was made from
    timeline.resize(768);
    for (const TokenId token : random_tokens(n_more, 50, random)) timeline.push_back(token);
    ASSERT_EQ(session->sync(timeline).reuse.n_tokens, 768);
    Engine::Draft draft{session.get(), 9, 7, {}};
    engine->draft({&draft, 1});
    EXPECT_EQ(draft.tokens.size(), 5u);  // of 7 wanted: a block
  }
}

bool equal(const CompressorTail& a, const CompressorTail& b) {
  return a.values == b.values && a.gates == b.gates;
}

// All compressed rows, page by page.
std::vector<uint8_t> rows_of(const KvState& state) {
  std::vector<uint8_t> all;
  for (int64_t first = 0; first < state.n_tokens; first += kPageTokens) {
    const int64_t end = std::min(first + kPageTokens, state.n_tokens);
    std::vector<uint8_t> rows(static_cast<size_t>(state.rows.layout().bytes(end - first)));
    state.rows.copy_out(first, end, rows);
    all.insert(all.end(), rows.begin(), rows.end());
  }
  return all;
}

void expect_equal_states(const KvState& a, const KvState& b) {
  ASSERT_EQ(a.n_tokens, b.n_tokens);
  for (size_t i = 0; i < a.layers.size(); ++i) {
    const LayerState& mine = a.layers[i];
    const LayerState& theirs = b.layers[i];
    EXPECT_TRUE(mine.ring == theirs.ring && equal(mine.tail, theirs.tail) &&
                equal(mine.index_tail, theirs.index_tail))
        << "layer " << i;
  }
  EXPECT_EQ(rows_of(a), rows_of(b));
  EXPECT_EQ(a.draft.ring_from, b.draft.ring_from);
  EXPECT_EQ(a.draft.rings, b.draft.rings);
}

const KvState& state_of(Session& session) {
  return dynamic_cast<ModelSession&>(session).state();
}

// Greedy decoding without the scheduler, so that every step guesses a whole block.
class Decoder {
 public:
  Decoder(Engine& engine, const std::vector<TokenId>& prompt, int64_t n_wanted)
      : session_(engine.make_session()), n_wanted_(n_wanted) {
    session_->sync(prompt);
    tokens_.push_back(Sampler::argmax(session_->logits()));
  }

  Session& session() { return *session_; }
  const std::vector<TokenId>& tokens() const { return tokens_; }
  int64_t n_left() const { return n_wanted_ - static_cast<int64_t>(tokens_.size()); }
  Engine::Draft draft() { return {session_.get(), tokens_.back(), /*n_wanted=*/5, {}}; }

  void begin_step(std::vector<TokenId> guesses) {
    // Each guess may be generated, and the token after it too.
    guesses.resize(std::min(guesses.size(), static_cast<size_t>(n_left() - 1)));
    guesses_ = std::move(guesses);
    std::vector<TokenId> step = {tokens_.back()};
    step.insert(step.end(), guesses_.begin(), guesses_.end());
    session_->extend(step);
  }

  void end_step() {
    size_t n_right = 0;
    while (true) {
      tokens_.push_back(Sampler::argmax(session_->logits(static_cast<int64_t>(n_right))));
      if (n_right == guesses_.size() || tokens_.back() != guesses_[n_right]) break;
      ++n_right;
    }
    n_guessed += static_cast<int64_t>(guesses_.size());
    n_right_guesses += static_cast<int64_t>(n_right);
    session_->keep_extension(static_cast<int64_t>(n_right) + 1);
  }

  int64_t n_guessed = 0;
  int64_t n_right_guesses = 0;

 private:
  std::unique_ptr<Session> session_;
  const int64_t n_wanted_;
  std::vector<TokenId> guesses_;
  std::vector<TokenId> tokens_;  // generated; the last one is not in the timeline yet
};

// Steps of all that have tokens left, in one pass each.
void run(Engine& engine, std::vector<std::unique_ptr<Decoder>>& decoders, bool guesses) {
  while (true) {
    std::vector<Decoder*> those;
    for (auto& decoder : decoders) {
      if (decoder->n_left() > 0) those.push_back(decoder.get());
    }
    if (those.empty()) return;
    std::vector<Engine::Draft> drafts;
    std::vector<Session*> sessions;
    for (Decoder* decoder : those) {
      drafts.push_back(decoder->draft());
      sessions.push_back(&decoder->session());
    }
    if (guesses) engine.draft(drafts);
    for (size_t i = 0; i < those.size(); ++i) those[i]->begin_step(std::move(drafts[i].tokens));
    engine.advance(sessions);
    for (Decoder* decoder : those) decoder->end_step();
  }
}

struct Outcome {
  int64_t n_guessed = 0;
  int64_t n_right = 0;
};

// Decodes several timelines at once with guesses, and each by itself without: both must give the
// same tokens and leave the same state.
Outcome expect_guesses_change_nothing(const std::filesystem::path& folder, Numerics numerics) {
  const auto engine =
      Engine::load({.model = folder, .numerics = numerics, .backend = "", .threads = 2});
  const int64_t n_tokens = test::sample_size(330, 1200);
  std::vector<std::unique_ptr<Decoder>> together;
  std::vector<std::vector<TokenId>> prompts;
  std::mt19937 random(11);
  for (const int64_t n : {1, 60, 126, 250}) {
    prompts.push_back(random_tokens(n, engine->config().vocab_size, random));
    together.push_back(std::make_unique<Decoder>(*engine, prompts.back(), n_tokens + n % 7));
  }
  run(*engine, together, /*guesses=*/true);
  Outcome outcome;
  for (size_t i = 0; i < prompts.size(); ++i) {
    std::vector<std::unique_ptr<Decoder>> alone;
    alone.push_back(std::make_unique<Decoder>(*engine, prompts[i],
                                              static_cast<int64_t>(together[i]->tokens().size())));
    run(*engine, alone, /*guesses=*/false);
    EXPECT_EQ(together[i]->tokens(), alone[0]->tokens()) << "timeline " << i;
    expect_equal_states(state_of(together[i]->session()), state_of(alone[0]->session()));
    outcome.n_guessed += together[i]->n_guessed;
    outcome.n_right += together[i]->n_right_guesses;
  }
  std::printf("%lld guesses, %lld of them right\n", static_cast<long long>(outcome.n_guessed),
              static_cast<long long>(outcome.n_right));
  return outcome;
}

TEST(DsparkTest, RightGuessesChangeNothing) {
  test::TemporaryDirectory folder;
  test::write_random_model(folder.path(), deep_config().dump(), Storage::bf16,
                           {.sublayers = 0, .bigram_guesses = 1});
  const Outcome outcome = expect_guesses_change_nothing(folder.path(), Numerics::exact);
  EXPECT_EQ(outcome.n_right, outcome.n_guessed);
  EXPECT_GT(outcome.n_right, 1000);
}

TEST(DsparkTest, WrongGuessesChangeNothing) {
  test::TemporaryDirectory folder;
  test::write_random_model(folder.path(), deep_config().dump(), Storage::bf16,
                           {.sublayers = 0.06, .bigram_guesses = -1});
  const Outcome outcome = expect_guesses_change_nothing(folder.path(), Numerics::exact);
  EXPECT_EQ(outcome.n_right, 0);
  EXPECT_GT(outcome.n_guessed, 1000);
}

TEST(DsparkTest, GuessesThatAreRightAtTimesChangeNothing) {
  for (const Numerics numerics : {Numerics::exact, Numerics::native}) {
    test::TemporaryDirectory folder;
    const RandomWeights weights{
        .seed = numerics == Numerics::exact ? 1u : 2u, .sublayers = 0.1, .bigram_guesses = 1};
    test::write_random_model(folder.path(), deep_config().dump(), Storage::published, weights);
    const Outcome outcome = expect_guesses_change_nothing(folder.path(), numerics);
    EXPECT_GT(outcome.n_right, outcome.n_guessed / 10);
    EXPECT_LT(outcome.n_right, outcome.n_guessed * 9 / 10);
  }
}

// Through the scheduler, which stops guessing where it does not pay.
TEST(DsparkTest, TheSchedulerGuessesWhereItPays) {
  for (const double sign : {1.0, -1.0}) {
    test::TemporaryDirectory folder;
    test::write_random_model(folder.path(), deep_config().dump(), Storage::bf16,
                             {.sublayers = 0, .bigram_guesses = sign});
    const auto engine = Engine::load(
        {.model = folder.path(), .numerics = Numerics::exact, .backend = "", .threads = 2});
    EXPECT_TRUE(engine->can_draft());
    Scheduler scheduler(*engine);
    std::mt19937 random(2);
    GenerationRequest request;
    request.prompt = random_tokens(100, engine->config().vocab_size, random);
    request.max_tokens = 600;
    const Completion guessed = scheduler.generate(request);
    request.may_draft = false;
    const Completion plain = scheduler.generate(request);
    EXPECT_EQ(guessed.tokens, plain.tokens);
    EXPECT_EQ(plain.usage.guessed_tokens, 0);
    EXPECT_EQ(plain.tokens.size(), 600u);
    const TokenUsage& usage = guessed.usage;
    if (sign > 0) {
      EXPECT_GT(usage.right_guesses, 450);  // 5 of 6 tokens, once it knows
      EXPECT_EQ(usage.right_guesses, usage.guessed_tokens);
    } else {
      EXPECT_EQ(usage.right_guesses, 0);
      EXPECT_GT(usage.guessed_tokens, 0);
      EXPECT_LT(usage.guessed_tokens, 60);
    }
  }
}

TEST(DsparkTest, ABlockOfGuessesIsWeighedAsAWhole) {
  ModelConfig config = parse_model_config(deep_config().dump(), "config.json");
  DraftLength length(config);
  EXPECT_EQ(length.n_max(), 5);
  for (int i = 0; i < 200; ++i) {
    const int64_t n = length.next(1);
    length.observe(n, n);
  }
  EXPECT_EQ(length.next(1), 5);
  EXPECT_EQ(length.next(8), 0);
  config.n_layers = 3;  // as many as stages: a block costs more than it can save
  EXPECT_EQ(DraftLength(config).next(1), 0);
}

TEST(DsparkTest, AModelWithoutItsHeadRunsWithoutGuesses) {
  Json json = deep_config();
  test::TemporaryDirectory folder;
  json.erase("dspark_block_size");
  json["num_nextn_predict_layers"] = 0;
  test::write_random_model(folder.path(), json.dump(), Storage::bf16, {});
  test::write_text(folder.path() / "config.json", deep_config().dump());
  const auto engine = Engine::load({.model = folder.path(), .backend = "", .threads = 1});
  EXPECT_FALSE(engine->can_draft());
  const auto session = engine->make_session();
  session->sync(std::vector<TokenId>{5, 6, 7});
  EXPECT_EQ(session->logits().size(), 300u);
}

}  // namespace
}  // namespace widenet::engine

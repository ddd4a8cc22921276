#include "eval/nets.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>

#include "engine/block_keys.h"
#include "eval/corpus.h"
#include "eval/tasks/random.h"

namespace widenet::eval {
namespace {

using Prompt = std::vector<engine::TokenId>;

// Tokens of whole blocks that `prompt` begins with as one of the others does.
int64_t n_read_before(const Prompt& prompt, const std::vector<Prompt>& others) {
  int64_t longest = 0;
  for (const Prompt& other : others) {
    const auto parting = std::ranges::mismatch(prompt, other);
    longest = std::max(longest, int64_t{parting.in1 - prompt.begin()});
  }
  return longest / engine::kBlockTokens * engine::kBlockTokens;
}

void shuffle(std::vector<Question>& questions, uint64_t seed) {
  Random random(seed);
  for (auto n = std::ssize(questions); n > 1; --n) {
    std::swap(questions[static_cast<size_t>(n - 1)],
              questions[static_cast<size_t>(random.below(n))]);
  }
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double mean(const std::vector<double>& values) {
  if (values.empty()) return 0;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

nlohmann::json summarise(std::span<const nlohmann::json> items) {
  std::vector<double> cached, gold, reused, tokens;
  for (const auto& item : items) {
    cached.push_back(item.at("cached"));
    reused.push_back(item.at("reused").get<bool>());
    tokens.push_back(item.at("prompt_tokens"));
    if (!item.at("gold").is_null()) gold.push_back(item.at("gold").get<bool>());
  }
  return {{"cached_median", median(cached)},
          {"cached_mean", mean(cached)},
          {"gold_in_prompt", mean(gold)},
          {"reused", mean(reused)},
          {"prompt_tokens", mean(tokens)}};
}

}  // namespace

nlohmann::json run_nets(const store::Store& store,
                        answer::Asker& asker,
                        std::vector<Question> questions,
                        const NetsOptions& options) {
  if (options.shuffle_seed) shuffle(questions, *options.shuffle_seed);
  const Corpus corpus(store, options.collections);
  std::vector<Prompt> prompts;
  std::vector<nlohmann::json> items;
  for (const Question& question : questions) {
    answer::AskRequest request;
    request.collections = options.collections;
    request.question = question.question;
    request.mode = answer::Mode::hybrid;
    request.budget_tokens = options.budget_tokens;
    answer::Preview preview = asker.preview(request);
    asker.note_read(preview);
    const auto gold = corpus.gold_ranges(question);
    const bool has_gold = std::ranges::any_of(preview.context, [&](const auto& range) {
      return overlaps(gold, range.document, range.start_char, range.end_char);
    });
    const auto n_tokens = static_cast<double>(preview.prompt.size());
    items.push_back(
        {{"id", question.id},
         {"cached", static_cast<double>(n_read_before(preview.prompt, prompts)) / n_tokens},
         {"gold", gold.empty() ? nlohmann::json() : nlohmann::json(has_gold)},
         {"reused", preview.plan.is_net_reused},
         {"held", preview.held},
         {"prompt_tokens", n_tokens}});
    prompts.push_back(std::move(preview.prompt));
  }
  const auto n_first = static_cast<size_t>(std::min(options.n_first, std::ssize(items)));
  return {{"questions", items.size()},
          {"first", summarise(std::span(items).first(n_first))},
          {"all", summarise(items)},
          {"items", items}};
}

std::string format_nets(const std::vector<NamedResults>& all) {
  std::string text;
  for (const char* part : {"first", "all"}) {
    for (const NamedResults& one : all) {
      const auto& summary = one.results.at(part);
      const auto percent = [&](const char* key) { return 100 * summary.at(key).get<double>(); };
      char line[200];
      std::snprintf(line, sizeof line,
                    "%-5s  %-6s  cached: median %5.1f%%, mean %5.1f%%  gold in the prompt %5.1f%%  "
                    "reused %5.1f%%  tokens %.0f\n",
                    part, one.name.c_str(), percent("cached_median"), percent("cached_mean"),
                    percent("gold_in_prompt"), percent("reused"),
                    summary.at("prompt_tokens").get<double>());
      text += line;
    }
  }
  return text;
}

}  // namespace widenet::eval

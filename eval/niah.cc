#include "eval/niah.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "answer/citations.h"
#include "answer/prompt.h"
#include "eval/statistics.h"

namespace widenet::eval {
namespace {

// What is counted of a cell, a length, or everything.
struct Tally {
  Share exact, contained, quoted, refused;
  double seconds = 0;

  void add(const nlohmann::json& item) {
    exact.add(item.at("exact"));
    contained.add(item.at("contained"));
    quoted.add(item.at("quoted"));
    refused.add(item.at("refused"));
    seconds += item.at("seconds").get<double>();
  }

  nlohmann::json to_json() const {
    return {
        {"score", exact.value()},   {"tries", exact.tries},       {"hits", exact.hits},
        {"low", exact.low()},       {"high", exact.high()},       {"contained", contained.value()},
        {"quoted", quoted.value()}, {"refused", refused.value()}, {"seconds", seconds}};
  }
};

class Runner {
 public:
  Runner(const engine::Engine& engine,
         engine::Scheduler& scheduler,
         const std::vector<HaystackText>& texts,
         const NiahOptions& options)
      : engine_(engine),
        scheduler_(scheduler),
        options_(options),
        assembler_(engine.tokenizer()),
        haystack_(engine.tokenizer(), texts) {
    for (const HaystackText& text : texts) {
      const answer::PromptDocument empty{.id = 1'000'000, .title = text.title, .passages = {}};
      fence_tokens_ = std::max(fence_tokens_, assembler_.count_tokens(empty));
    }
  }

  nlohmann::json try_one(int64_t length, double depth, int64_t index);

 private:
  std::vector<answer::PromptDocument> documents(int64_t n_tokens,
                                                double depth,
                                                int64_t index,
                                                const Needle& needle) const;

  const engine::Engine& engine_;
  engine::Scheduler& scheduler_;
  const NiahOptions& options_;
  answer::PromptAssembler assembler_;
  Haystack haystack_;
  int64_t fence_tokens_ = 0;  // of the longest title
};

std::vector<answer::PromptDocument> Runner::documents(int64_t n_tokens,
                                                      double depth,
                                                      int64_t index,
                                                      const Needle& needle) const {
  const int64_t offset = (index % options_.haystacks) * haystack_.n_tokens() / options_.haystacks;
  std::vector<answer::PromptDocument> documents;
  for (auto& part : haystack_.cut(
           {.n_tokens = n_tokens, .depth = depth, .offset = offset, .part_tokens = fence_tokens_},
           needle)) {
    answer::PromptPassage passage;
    passage.text = engine_.tokenizer().decode(part.tokens);
    passage.tokens = std::move(part.tokens);
    passage.end_char = 1;  // one passage a document: where it ends does not matter
    documents.push_back({.id = static_cast<int64_t>(documents.size()) + 11 + index,
                         .title = part.title,
                         .passages = {std::move(passage)}});
  }
  return documents;
}

nlohmann::json Runner::try_one(int64_t length, double depth, int64_t index) {
  const Needle needle = make_needle(options_.seed, index);
  answer::PromptTurn turn;
  turn.question = needle.question;
  const auto overhead =
      static_cast<int64_t>(assembler_.assemble({&turn, 1}, engine::Thinking::none).size());
  turn.documents = documents(length - overhead, depth, index, needle);
  const auto prompt = assembler_.assemble({&turn, 1}, engine::Thinking::none);
  const auto completion = scheduler_.generate(
      {.prompt = prompt, .sampling = {}, .max_tokens = options_.max_tokens, .stop = {}});
  const answer::ParsedAnswer parsed = answer::parse_answer(completion.text);
  const answer::PromptDocument just_needle{
      .id = 1,
      .title = {},
      .passages = {{.start_char = 0, .end_char = 1, .text = needle.sentence, .tokens = {}}}};
  const answer::QuoteFinder finder({&just_needle, 1});
  return {{"length", length},
          {"depth", depth},
          {"index", index},
          {"question", needle.question},
          {"expected", needle.answer},
          {"output", completion.text},
          {"exact", parsed.text == needle.answer || parsed.text == needle.answer + "."},
          {"contained", is_contained(parsed.text, {needle.answer})},
          {"quoted", !finder.cite(parsed.evidence).empty()},
          {"refused", answer::is_refusal(parsed.text)},
          {"prompt_tokens", completion.usage.prompt_tokens},
          {"cached_tokens", completion.usage.cached_tokens},
          {"seconds", completion.seconds.prefill + completion.seconds.decode}};
}

void check(const NiahOptions& options, int64_t n_tokens_max) {
  for (const int64_t length : options.lengths) {
    if (length < 256 || length + options.max_tokens > n_tokens_max) {
      throw EvalError("cannot evaluate at " + std::to_string(length) +
                      " tokens: choose lengths from 256 to " +
                      std::to_string(n_tokens_max - options.max_tokens));
    }
  }
  for (const double depth : options.depths) {
    if (depth < 0 || depth > 100) {
      throw EvalError("cannot evaluate at depth " + std::to_string(depth) +
                      ": depths are percent, 0 to 100");
    }
  }
  if (options.needles < 1 || options.haystacks < 1) {
    throw EvalError("cannot evaluate without needles or haystacks: give at least one of each");
  }
}

nlohmann::json summarise(const NiahOptions& options,
                         const std::map<std::pair<int64_t, double>, Tally>& cells) {
  nlohmann::json results = {{"cells", nlohmann::json::array()},
                            {"lengths", nlohmann::json::array()}};
  Tally all;
  for (const int64_t length : options.lengths) {
    Tally whole;
    for (const double depth : options.depths) {
      const Tally& cell = cells.at({length, depth});
      nlohmann::json json = cell.to_json();
      json["length"] = length;
      json["depth"] = depth;
      results["cells"].push_back(json);
      for (Tally* sum : {&whole, &all}) {
        for (auto [total, part] :
             {std::pair(&sum->exact, &cell.exact), std::pair(&sum->contained, &cell.contained),
              std::pair(&sum->quoted, &cell.quoted), std::pair(&sum->refused, &cell.refused)}) {
          total->hits += part->hits;
          total->tries += part->tries;
        }
        sum->seconds += cell.seconds;
      }
    }
    nlohmann::json json = whole.to_json();
    json["length"] = length;
    results["lengths"].push_back(json);
  }
  results.update(all.to_json());
  return results;
}

}  // namespace

nlohmann::json run_niah(const engine::Engine& engine,
                        engine::Scheduler& scheduler,
                        const std::vector<HaystackText>& texts,
                        const NiahOptions& options,
                        EvaluationLog& log,
                        const std::function<void(const NiahProgress&)>& on_progress) {
  check(options, engine.n_tokens_max());
  Runner runner(engine, scheduler, texts, options);
  std::map<std::pair<int64_t, double>, Tally> cells;
  // From the deepest up, so that a try shares the beginning of its haystack with the one before.
  std::vector<double> depths = options.depths;
  std::sort(depths.rbegin(), depths.rend());
  NiahProgress progress;
  progress.total = static_cast<int64_t>(options.lengths.size() * depths.size()) * options.needles;
  for (const int64_t length : options.lengths) {
    for (int64_t index = 0; index < options.needles; ++index) {
      for (const double depth : depths) {
        const std::string key =
            std::to_string(length) + "/" + std::to_string(depth) + "/" + std::to_string(index);
        auto item = log.find(key);
        if (!item) {
          item = runner.try_one(length, depth, index);
          log.put(key, *item);
        }
        cells[{length, depth}].add(*item);
        progress.hits.add(item->at("exact"));
        ++progress.done;
        if (on_progress) on_progress(progress);
      }
    }
  }
  const nlohmann::json results = summarise(options, cells);
  log.finish(results);
  return results;
}

}  // namespace widenet::eval

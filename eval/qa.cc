#include "eval/qa.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "eval/corpus.h"
#include "eval/statistics.h"

namespace widenet::eval {
namespace {

nlohmann::json judge(const Question& question,
                     const answer::AskResult& result,
                     const std::vector<GoldRange>& gold) {
  const auto holds_gold = [&](const auto& range) {
    return overlaps(gold, range.document, range.start_char, range.end_char);
  };
  const bool is_cited = std::ranges::any_of(result.citations, holds_gold);
  const bool is_in_context = std::ranges::any_of(result.context, holds_gold);
  const bool is_answer = question.is_answerable && !result.is_refusal;
  return {{"id", question.id},
          {"kind", question.kind},
          {"question", question.question},
          {"answerable", question.is_answerable},
          {"expected", question.answers},
          {"answer", result.answer},
          {"refused", result.is_refusal},
          {"exact", is_answer && is_exact(result.answer, question.answers)},
          {"contained", is_answer && is_contained(result.answer, question.answers)},
          {"f1", is_answer ? token_f1(result.answer, question.answers) : 0.0},
          {"gold_found", !gold.empty()},
          {"cited", is_cited},
          {"in_context", is_in_context},
          {"citations", result.citations.size()},
          {"unverified", result.unverified.size()},
          {"ran_as", answer::name_of(result.mode)},
          {"prompt_tokens", result.usage.prompt_tokens},
          {"cached_tokens", result.usage.cached_tokens},
          {"completion_tokens", result.usage.completion_tokens},
          {"seconds", result.seconds.total}};
}

struct Tally {
  Share correct, exact, contained, false_refusals, cited, in_context;  // of answerable questions
  Share refused;                                                       // of the others
  double f1 = 0, seconds = 0;
  int64_t prompt_tokens = 0, completion_tokens = 0;

  void add(const nlohmann::json& item) {
    seconds += item.at("seconds").get<double>();
    prompt_tokens += item.at("prompt_tokens").get<int64_t>();
    completion_tokens += item.at("completion_tokens").get<int64_t>();
    if (!item.at("answerable").get<bool>()) return refused.add(item.at("refused"));
    const bool is_exact = item.at("exact");
    const bool is_contained = item.at("contained");
    correct.add(is_exact || is_contained);
    exact.add(is_exact);
    contained.add(is_contained);
    false_refusals.add(item.at("refused"));
    cited.add(item.at("cited"));
    in_context.add(item.at("in_context"));
    f1 += item.at("f1").get<double>();
  }

  nlohmann::json to_json() const {
    const auto share = [](const Share& s) -> nlohmann::json {
      return {{"share", s.value()}, {"hits", s.hits}, {"low", s.low()}, {"high", s.high()}};
    };
    const int64_t n = correct.tries + refused.tries;
    const auto mean = [&](double sum) { return n > 0 ? sum / static_cast<double>(n) : 0; };
    return {{"answerable",
             {{"tries", correct.tries},
              {"correct", share(correct)},
              {"exact", share(exact)},
              {"contained", share(contained)},
              {"f1", correct.tries > 0 ? f1 / static_cast<double>(correct.tries) : 0},
              {"false_refusals", share(false_refusals)},
              {"cited", share(cited)},
              {"in_context", share(in_context)}}},
            {"unanswerable", {{"tries", refused.tries}, {"refused", share(refused)}}},
            {"prompt_tokens", mean(static_cast<double>(prompt_tokens))},
            {"completion_tokens", mean(static_cast<double>(completion_tokens))},
            {"seconds", mean(seconds)}};
  }
};

}  // namespace

nlohmann::json run_qa(const store::Store& store,
                      answer::Asker& asker,
                      const std::vector<Question>& questions,
                      const QaOptions& options,
                      EvaluationLog& log,
                      const std::function<void(const QaProgress&)>& on_progress) {
  const Corpus corpus(store, options.collections);
  nlohmann::json results = {{"modes", nlohmann::json::array()},
                            {"questions", nlohmann::json::array()}};
  QaProgress progress;
  progress.total = static_cast<int64_t>(questions.size() * options.modes.size());
  for (const answer::Mode mode : options.modes) {
    progress.mode = options.gold_among > 0 ? "gold-among-" + std::to_string(options.gold_among)
                                           : std::string(answer::name_of(mode));
    Tally all;
    std::map<std::string, Tally> kinds;
    for (const Question& question : questions) {
      const std::string key = progress.mode + "/" + question.id;
      auto item = log.find(key);
      if (!item) {
        answer::AskRequest request;
        request.collections = options.collections;
        request.question = question.question;
        request.mode = mode;
        request.budget_tokens = options.budget_tokens;
        request.max_tokens = options.max_tokens;
        request.is_stored = false;
        if (options.gold_among > 0) {
          request.documents = corpus.gold_among(question, options.gold_among, options.seed);
        }
        item = judge(question, asker.ask(request), corpus.gold_ranges(question));
        (*item)["mode"] = progress.mode;
        log.put(key, *item);
      }
      all.add(*item);
      kinds[question.kind].add(*item);
      results["questions"].push_back(*item);
      ++progress.done;
      progress.hits = all.correct.hits;
      progress.tries = all.correct.tries;
      if (on_progress) on_progress(progress);
    }
    nlohmann::json summary = all.to_json();
    summary["mode"] = progress.mode;
    for (const auto& [kind, tally] : kinds) summary["kinds"][kind] = tally.to_json();
    results["modes"].push_back(summary);
  }
  log.finish(results);
  return results;
}

}  // namespace widenet::eval

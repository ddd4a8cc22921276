#include "eval/qa.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/utf8.h"
#include "eval/statistics.h"
#include "eval/tasks/random.h"

namespace widenet::eval {
namespace {

// Where a question's gold passage stands.
struct GoldRange {
  store::DocumentId document = 0;
  int64_t start_char = 0;
  int64_t end_char = 0;
};

bool overlap(int64_t start, int64_t end, int64_t other_start, int64_t other_end) {
  return start < other_end && other_start < end;
}

// The documents that can be asked, with what parts of files are called.
class Corpus {
 public:
  Corpus(const store::Store& store, const std::vector<store::CollectionId>& collections)
      : store_(store) {
    for (const auto collection : collections) {
      for (store::Paging paging;;) {
        const auto page = store.documents(collection, paging);
        if (page.empty()) break;
        paging.after_id = page.back().id;
        for (const auto& document : page) {
          if (document.state == store::DocumentState::ready) documents_.push_back(document);
        }
      }
    }
  }

  // With text: the document of this key, or its parts.
  std::vector<store::DocumentId> find(const std::string& path) const {
    std::vector<store::DocumentId> found;
    std::set<store::DocumentId> files;
    for (const auto& document : documents_) {
      const bool is_named = document.key == path || document.key.ends_with("/" + path) ||
                            (document.parent && files.contains(*document.parent));
      if (!is_named) continue;
      files.insert(document.id);
      if (document.n_chunks > 0) found.push_back(document.id);
    }
    return found;
  }

  std::vector<store::DocumentId> gold_documents(const Question& question) const {
    std::vector<store::DocumentId> gold;
    for (const auto& path : question.documents) {
      const auto found = find(path);
      gold.insert(gold.end(), found.begin(), found.end());
    }
    return gold;
  }

  std::vector<GoldRange> gold_ranges(const Question& question) const {
    std::vector<GoldRange> ranges;
    for (const auto id : gold_documents(question)) {
      const auto text = store_.text(id);
      const auto range = text ? find_passage(*text, question.passage) : std::nullopt;
      if (range) ranges.push_back({id, range->first, range->second});
    }
    return ranges;
  }

  // The gold documents and others, `count` in all.
  std::vector<store::DocumentId> gold_among(const Question& question,
                                            int64_t count,
                                            uint64_t seed) const {
    std::vector<store::DocumentId> chosen = gold_documents(question);
    std::vector<store::DocumentId> others;
    for (const auto& document : documents_) {
      const bool is_gold = std::find(chosen.begin(), chosen.end(), document.id) != chosen.end();
      if (!is_gold && document.n_chunks > 0) others.push_back(document.id);
    }
    for (const char c : question.id) seed = seed * 131 + static_cast<uint8_t>(c);
    Random random(seed);
    while (static_cast<int64_t>(chosen.size()) < count && !others.empty()) {
      const auto at = others.begin() + random.below(static_cast<int64_t>(others.size()));
      chosen.push_back(*at);
      others.erase(at);
    }
    return chosen;
  }

 private:
  const store::Store& store_;
  std::vector<store::Document> documents_;
};

nlohmann::json judge(const Question& question,
                     const answer::AskResult& result,
                     const std::vector<GoldRange>& gold) {
  const auto holds_gold = [&](store::DocumentId document, int64_t start, int64_t end) {
    return std::any_of(gold.begin(), gold.end(), [&](const GoldRange& range) {
      return range.document == document && overlap(start, end, range.start_char, range.end_char);
    });
  };
  const bool is_cited =
      std::any_of(result.citations.begin(), result.citations.end(), [&](const auto& citation) {
        return holds_gold(citation.document, citation.start_char, citation.end_char);
      });
  const bool is_in_context =
      std::any_of(result.context.begin(), result.context.end(), [&](const auto& range) {
        return holds_gold(range.document, range.start_char, range.end_char);
      });
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

std::optional<std::pair<int64_t, int64_t>> find_passage(std::string_view text,
                                                        std::string_view passage) {
  const auto counts = [](char c) {
    const bool is_digit = c >= '0' && c <= '9';
    return is_digit || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  std::string squeezed, wanted;
  std::vector<size_t> positions;
  for (size_t i = 0; i < text.size(); ++i) {
    if (!counts(text[i])) continue;
    squeezed += text[i];
    positions.push_back(i);
  }
  std::copy_if(passage.begin(), passage.end(), std::back_inserter(wanted), counts);
  if (wanted.empty()) return {};
  const size_t at = squeezed.find(wanted);
  if (at == std::string::npos) return {};
  const size_t last = positions[at + wanted.size() - 1];
  return std::pair(count_chars(text.substr(0, positions[at])),
                   count_chars(text.substr(0, last + 1)));
}

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

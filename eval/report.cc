#include "eval/report.h"

#include <cstdarg>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>

namespace widenet::eval {
namespace {

[[gnu::format(printf, 2, 3)]] void print(std::string& text, const char* format, ...) {
  char line[256];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  text += line;
}

// Depths down, lengths across, scores in percent.
std::string niah_table(const nlohmann::json& results) {
  std::set<int64_t> lengths;
  std::set<double> depths;
  for (const auto& cell : results.at("cells")) {
    lengths.insert(cell.at("length").get<int64_t>());
    depths.insert(cell.at("depth").get<double>());
  }
  std::string text = "depth %";
  for (const int64_t length : lengths) print(text, " %9lld", static_cast<long long>(length));
  text += '\n';
  for (const double depth : depths) {
    print(text, "%7.1f", depth);
    for (const int64_t length : lengths) {
      for (const auto& cell : results.at("cells")) {
        if (cell.at("length") != length || cell.at("depth") != depth) continue;
        print(text, " %8.1f%%", 100 * cell.at("score").get<double>());
      }
    }
    text += '\n';
  }
  for (const auto& length : results.at("lengths")) {
    print(text,
          "%lld tokens: %lld of %lld exact, %.1f%% (95%%: %.1f to %.1f); needle quoted %.1f%%, "
          "refused %.1f%%\n",
          static_cast<long long>(length.at("length").get<int64_t>()),
          static_cast<long long>(length.at("hits").get<int64_t>()),
          static_cast<long long>(length.at("tries").get<int64_t>()),
          100 * length.at("score").get<double>(), 100 * length.at("low").get<double>(),
          100 * length.at("high").get<double>(), 100 * length.at("quoted").get<double>(),
          100 * length.at("refused").get<double>());
  }
  return text;
}

void print_share(std::string& text, const char* name, const nlohmann::json& share, int64_t tries) {
  print(text, "  %-28s %4lld of %lld  %5.1f%%  (95%%: %.1f to %.1f)\n", name,
        static_cast<long long>(share.at("hits").get<int64_t>()), static_cast<long long>(tries),
        100 * share.at("share").get<double>(), 100 * share.at("low").get<double>(),
        100 * share.at("high").get<double>());
}

std::string qa_table(const nlohmann::json& results) {
  std::string text;
  for (const auto& mode : results.at("modes")) {
    const auto& answerable = mode.at("answerable");
    const auto& unanswerable = mode.at("unanswerable");
    const auto tries = answerable.at("tries").get<int64_t>();
    print(text, "%s\n", mode.at("mode").get<std::string>().c_str());
    print_share(text, "exact or contained", answerable.at("correct"), tries);
    print_share(text, "exact", answerable.at("exact"), tries);
    print_share(text, "citation overlaps the gold", answerable.at("cited"), tries);
    print_share(text, "gold passage in the prompt", answerable.at("in_context"), tries);
    print_share(text, "false refusals", answerable.at("false_refusals"), tries);
    print_share(text, "absent and said so", unanswerable.at("refused"),
                unanswerable.at("tries").get<int64_t>());
    print(text, "  F1 %.3f; a question: %.0f tokens read, %.0f written, %.2f s\n",
          answerable.at("f1").get<double>(), mode.at("prompt_tokens").get<double>(),
          mode.at("completion_tokens").get<double>(), mode.at("seconds").get<double>());
  }
  return text;
}

}  // namespace

std::string format_results(std::string_view kind, const nlohmann::json& results) {
  if (kind == "niah" && results.contains("cells")) return niah_table(results);
  if (kind == "qa" && results.contains("modes")) return qa_table(results);
  return results.dump(2) + "\n";
}

}  // namespace widenet::eval

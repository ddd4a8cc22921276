#include "answer/plan.h"

#include <algorithm>
#include <array>
#include <utility>

namespace widenet::answer {
namespace {

constexpr std::array<std::pair<Mode, std::string_view>, 5> kNames = {{{Mode::automatic, "auto"},
                                                                      {Mode::rag, "rag"},
                                                                      {Mode::hybrid, "hybrid"},
                                                                      {Mode::whole, "long"},
                                                                      {Mode::tables, "sql"}}};

int64_t budget_of(Mode mode, const Circumstances& c) {
  const int64_t own = mode == Mode::rag      ? c.rag_tokens
                      : mode == Mode::hybrid ? c.hybrid_tokens
                                             : c.tokens_max;
  return std::min(c.budget_tokens > 0 ? c.budget_tokens : own, c.tokens_max);
}

}  // namespace

std::string_view name_of(Mode mode) {
  for (const auto& [named, name] : kNames) {
    if (named == mode) return name;
  }
  return {};
}

std::optional<Mode> mode_named(std::string_view name) {
  for (const auto& [mode, known] : kNames) {
    if (known == name) return mode;
  }
  return {};
}

Decision decide(const Circumstances& c) {
  const auto choose = [&](Mode mode, std::string why) {
    return Decision{.mode = mode, .budget_tokens = budget_of(mode, c), .why = std::move(why)};
  };
  if (c.wanted != Mode::automatic) return choose(c.wanted, "it was asked for");

  const auto seconds = [&](int64_t n_tokens) {
    const auto tokens = static_cast<double>(std::min(n_tokens, c.tokens_in_scope));
    return c.tokens_per_second > 0 ? tokens / c.tokens_per_second : 1e9;
  };
  const int64_t hybrid = budget_of(Mode::hybrid, c);
  if (c.tokens_in_scope <= budget_of(Mode::rag, c)) {
    return choose(Mode::whole, "all documents fit a short prompt");
  }
  if (c.asks_about_all && c.tokens_in_scope <= c.tokens_max &&
      seconds(c.tokens_in_scope) <= c.seconds_max) {
    return choose(Mode::whole,
                  "the question asks about all documents, and all can be read in time");
  }
  if (c.asks_about_all && seconds(hybrid) <= c.seconds_max) {
    return choose(Mode::hybrid, "the question asks about all documents, too many to read in time");
  }
  if (seconds(hybrid) <= c.seconds_max / 4) {
    return choose(Mode::hybrid, "a wide net is read quickly");
  }
  return choose(Mode::rag, "a wide net would take too long to read");
}

bool asks_about_all(std::string_view question) {
  std::string words = " ";
  for (const char c : question) {
    const bool is_upper = c >= 'A' && c <= 'Z';
    const bool is_letter = is_upper || (c >= 'a' && c <= 'z');
    words += is_upper ? static_cast<char>(c + 32) : is_letter ? c : ' ';
  }
  words += ' ';
  constexpr std::string_view kSigns[] = {" how many ", " list ",      " every ",     " each ",
                                         " all of ",   " all the ",   " in total ",  " compare ",
                                         " summary ",  " summarise ", " summarize ", " overview ",
                                         " across "};
  return std::any_of(std::begin(kSigns), std::end(kSigns),
                     [&](std::string_view sign) { return words.find(sign) != std::string::npos; });
}

}  // namespace widenet::answer

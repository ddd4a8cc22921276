#include "answer/question_words.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <utility>

#include "answer/table_schema.h"

namespace widenet::answer {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80;
}
char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

// Typographic quotation marks are no letters.
std::string with_plain_quotes(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    const std::string_view three = text.substr(i, 3);
    const bool is_single = three == "\u2018" || three == "\u2019";
    const bool is_double = three == "\u201c" || three == "\u201d";
    plain += is_single ? '\'' : is_double ? '"' : text[i];
    if (is_single || is_double) i += 2;
  }
  return plain;
}

// The end of a number or an ISO date that begins at `i`: digits, with separators between digits.
size_t end_of_number(std::string_view text, size_t i) {
  for (++i; i < text.size(); ++i) {
    const bool is_inside = i + 1 < text.size() && is_digit(text[i + 1]);
    const bool separates = text[i] == '.' || text[i] == ',' || text[i] == '-';
    if (!is_digit(text[i]) && !(separates && is_inside)) break;
  }
  return i;
}

// "1,250.50"; commas only between groups of three.
std::optional<double> number_of(std::string_view text) {
  std::string plain;
  const size_t point = std::min(text.find('.'), text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != ',') {
      plain += text[i];
    } else if (i > point || (point - i) % 4 != 0) {
      return {};
    }
  }
  double number = 0;
  const auto end = plain.data() + plain.size();
  const auto [stop, error] = std::from_chars(plain.data(), end, number);
  if (error != std::errc() || stop != end) return {};
  return number;
}

std::optional<int> whole(const QuestionWord& word, int low, int high) {
  if (!word.number || *word.number != static_cast<int>(*word.number)) return {};
  const int value = static_cast<int>(*word.number);
  if (value < low || value > high) return {};
  return value;
}

std::optional<int> year_of(const QuestionWord& word) {
  return word.text.size() == 4 ? whole(word, 1900, 2099) : std::nullopt;
}

std::optional<int> month_of(const QuestionWord& word) {
  constexpr std::array<std::string_view, 12> kMonths = {
      "january", "february", "march",     "april",   "may",      "june",
      "july",    "august",   "september", "october", "november", "december"};
  for (size_t i = 0; i < kMonths.size(); ++i) {
    if (word.text == kMonths[i] || word.text == kMonths[i].substr(0, 3)) {
      return static_cast<int>(i) + 1;
    }
  }
  return {};
}

std::optional<int> quarter_of(const std::vector<QuestionWord>& words, size_t at) {
  constexpr std::array<std::string_view, 4> kNames = {"first", "second", "third", "fourth"};
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (words[at].text == kNames[i]) return static_cast<int>(i) + 1;
  }
  return {};
}

std::string iso(int year, int month, int day) {
  char text[32];
  std::snprintf(text, sizeof text, "%04d-%02d-%02d", year, month, day);
  return text;
}

int days_in(int year, int month) {
  constexpr std::array<int, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && is_leap ? 29 : kDays[static_cast<size_t>(month - 1)];
}

DateRange months(int year, int month, int n) {
  const int end = month + n;
  return {.first = iso(year, month, 1),
          .end = end > 12 ? iso(year + 1, end - 12, 1) : iso(year, end, 1)};
}

std::optional<DateRange> day(int year, int month, int day) {
  if (day < 1 || day > days_in(year, month)) return {};
  if (day < days_in(year, month)) {
    return DateRange{.first = iso(year, month, day), .end = iso(year, month, day + 1)};
  }
  return DateRange{.first = iso(year, month, day), .end = months(year, month, 1).end};
}

// "1997-05-03" or "1997-05".
std::optional<DateRange> iso_range(const std::string& text) {
  int year = 0, month = 0, of_month = 0, used = 0;
  if (text.size() == 10 &&
      std::sscanf(text.c_str(), "%4d-%2d-%2d%n", &year, &month, &of_month, &used) == 3 &&
      used == 10 && month >= 1 && month <= 12) {
    return day(year, month, of_month);
  }
  if (text.size() == 7 && std::sscanf(text.c_str(), "%4d-%2d%n", &year, &month, &used) == 2 &&
      used == 7 && month >= 1 && month <= 12) {
    return months(year, month, 1);
  }
  return {};
}

const QuestionWord* word_at(const std::vector<QuestionWord>& words, size_t at) {
  return at < words.size() ? &words[at] : nullptr;
}

std::optional<DateWords> month_date(const std::vector<QuestionWord>& words, size_t at) {
  const auto month = month_of(words[at]);
  const QuestionWord* second = word_at(words, at + 1);
  if (!month || second == nullptr) return {};
  if (const auto year = year_of(*second)) {
    return DateWords{.range = months(*year, *month, 1), .n_words = 2};
  }
  const QuestionWord* third = word_at(words, at + 2);
  const auto of_month = whole(*second, 1, 31);
  const auto year = third != nullptr ? year_of(*third) : std::nullopt;
  if (!of_month || !year) return {};
  const auto range = day(*year, *month, *of_month);
  if (!range) return {};
  return DateWords{.range = *range, .n_words = 3};
}

std::optional<DateWords> day_date(const std::vector<QuestionWord>& words, size_t at) {
  const auto of_month = whole(words[at], 1, 31);
  const QuestionWord* second = word_at(words, at + 1);
  const QuestionWord* third = word_at(words, at + 2);
  if (!of_month || second == nullptr || third == nullptr) return {};
  const auto month = month_of(*second);
  const auto year = year_of(*third);
  if (!month || !year) return {};
  const auto range = day(*year, *month, *of_month);
  if (!range) return {};
  return DateWords{.range = *range, .n_words = 3};
}

std::optional<DateWords> quarter_date(const std::vector<QuestionWord>& words, size_t at) {
  size_t next = at + 1;
  std::optional<int> quarter;
  const std::string& text = words[at].text;
  if (text.size() == 2 && text[0] == 'q' && text[1] >= '1' && text[1] <= '4') {
    quarter = text[1] - '0';
  } else if (word_at(words, next) != nullptr && words[next].text == "quarter") {
    quarter = quarter_of(words, at);
    ++next;
  }
  if (word_at(words, next) != nullptr && (words[next].text == "of" || words[next].text == "in")) {
    ++next;
  }
  const QuestionWord* last = word_at(words, next);
  const auto year = last != nullptr ? year_of(*last) : std::nullopt;
  if (!quarter || !year) return {};
  return DateWords{.range = months(*year, *quarter * 3 - 2, 3), .n_words = next + 1 - at};
}

std::optional<DateWords> year_date(const std::vector<QuestionWord>& words, size_t at) {
  constexpr std::array<std::string_view, 14> kBefore = {
      "in", "during", "since", "before",  "after", "until", "from",
      "of", "for",    "year",  "between", "and",   "to",    "or"};
  const auto year = year_of(words[at]);
  if (!year || at == 0 || std::ranges::find(kBefore, words[at - 1].text) == kBefore.end()) {
    return {};
  }
  return DateWords{.range = months(*year, 1, 12), .n_words = 1};
}

using Entry = std::pair<std::string_view, Saying>;
constexpr Entry kSayings[] = {
    {"how many", Saying::count},
    {"number of", Saying::count},
    {"count of", Saying::count},
    {"count", Saying::count},
    {"total number of", Saying::count},
    {"how much", Saying::sum},
    {"total", Saying::sum},
    {"sum", Saying::sum},
    {"sum of", Saying::sum},
    {"altogether", Saying::filler},
    {"in total", Saying::filler},
    {"overall", Saying::filler},
    {"combined", Saying::filler},
    {"average", Saying::average},
    {"mean", Saying::average},
    {"which", Saying::list},
    {"list", Saying::list},
    {"show", Saying::list},
    {"name", Saying::list},
    {"what", Saying::list},
    {"most", Saying::most},
    {"highest", Saying::highest},
    {"largest", Saying::highest},
    {"biggest", Saying::highest},
    {"greatest", Saying::highest},
    {"maximum", Saying::highest},
    {"lowest", Saying::lowest},
    {"smallest", Saying::lowest},
    {"minimum", Saying::lowest},
    {"latest", Saying::latest},
    {"newest", Saying::latest},
    {"most recent", Saying::latest},
    {"last", Saying::latest},
    {"earliest", Saying::earliest},
    {"oldest", Saying::earliest},
    {"first", Saying::earliest},
    {"top", Saying::top},
    {"per", Saying::group},
    {"by", Saying::group},
    {"for each", Saying::group},
    {"for every", Saying::group},
    {"each", Saying::group},
    {"per year", Saying::by_year},
    {"by year", Saying::by_year},
    {"each year", Saying::by_year},
    {"for each year", Saying::by_year},
    {"per month", Saying::by_month},
    {"by month", Saying::by_month},
    {"each month", Saying::by_month},
    {"for each month", Saying::by_month},
    {"above", Saying::above},
    {"over", Saying::above},
    {"more than", Saying::above},
    {"greater than", Saying::above},
    {"larger than", Saying::above},
    {"higher than", Saying::above},
    {"exceeding", Saying::above},
    {"after", Saying::above},
    {"below", Saying::below},
    {"under", Saying::below},
    {"less than", Saying::below},
    {"fewer than", Saying::below},
    {"smaller than", Saying::below},
    {"lower than", Saying::below},
    {"before", Saying::below},
    {"at least", Saying::at_least},
    {"since", Saying::at_least},
    {"at most", Saying::at_most},
    {"no more than", Saying::at_most},
    {"until", Saying::until},
    {"between", Saying::between},
    {"and", Saying::link},
    {"or", Saying::link},
};
constexpr std::string_view kFillers[] = {
    "the",    "a",     "an",    "of",     "is",      "are",    "was",    "were",      "do",
    "does",   "did",   "have",  "has",    "had",     "there",  "in",     "on",        "at",
    "for",    "to",    "from",  "with",   "our",     "we",     "us",     "me",        "i",
    "please", "tell",  "give",  "all",    "that",    "any",    "been",   "be",        "their",
    "its",    "it",    "they",  "whose",  "who",     "during", "year",   "placed",    "place",
    "made",   "make",  "exist", "based",  "located", "sold",   "bought", "purchased", "live",
    "come",   "worth", "named", "called", "you",     "your",   "value",  "record",    "row",
    "this",   "these", "those", "got",    "get",     "take",   "took",   "taken"};

bool says(const std::vector<QuestionWord>& words, size_t at, std::string_view phrase) {
  while (!phrase.empty()) {
    const size_t end = std::min(phrase.find(' '), phrase.size());
    if (at >= words.size() || words[at].text != phrase.substr(0, end)) return false;
    phrase.remove_prefix(std::min(end + 1, phrase.size()));
    ++at;
  }
  return true;
}

}  // namespace

std::vector<QuestionWord> words_of(std::string_view text_as_typed) {
  const std::string question = with_plain_quotes(text_as_typed);
  std::vector<QuestionWord> words;
  for (size_t i = 0; i < question.size();) {
    size_t end = i;
    if (is_digit(question[i])) {
      end = end_of_number(question, i);
    } else {
      while (end < question.size() && (is_letter(question[end]) || is_digit(question[end]))) ++end;
    }
    if (end == i) {
      ++i;
      continue;
    }
    const std::string typed = question.substr(i, end - i);
    const bool is_possessive = typed == "s" && i > 0 && question[i - 1] == '\'' && !words.empty();
    if (!is_possessive) {
      std::string text = typed;
      std::ranges::transform(text, text.begin(), lower);
      words.push_back(
          {.typed = typed, .text = text, .singular = singular(text), .number = number_of(text)});
    }
    i = end;
  }
  return words;
}

std::optional<DateWords> date_at(const std::vector<QuestionWord>& words, size_t at) {
  if (const auto range = iso_range(words[at].text)) return DateWords{.range = *range, .n_words = 1};
  for (auto* form : {day_date, month_date, quarter_date, year_date}) {
    if (const auto date = form(words, at)) return date;
  }
  return {};
}

std::optional<SayingWords> saying_at(const std::vector<QuestionWord>& words, size_t at) {
  SayingWords best;
  for (const auto& [phrase, saying] : kSayings) {
    const auto n = static_cast<size_t>(std::ranges::count(phrase, ' ')) + 1;
    if (n > best.n_words && says(words, at, phrase)) best = {.saying = saying, .n_words = n};
  }
  if (best.n_words > 0) return best;
  if (std::ranges::find(kFillers, words[at].text) == std::end(kFillers)) return {};
  return SayingWords{.saying = Saying::filler, .n_words = 1};
}

std::string verb_stem(std::string_view word) {
  std::string stem(word);
  const auto cut = [&](std::string_view ending) {
    if (stem.size() < ending.size() + 3 || !stem.ends_with(ending)) return false;
    stem.resize(stem.size() - ending.size());
    return true;
  };
  if (cut("ed") || cut("ing")) {
    const size_t n = stem.size();
    if (n > 3 && stem[n - 1] == stem[n - 2]) stem.pop_back();
  } else {
    cut("e");
  }
  return stem;
}

}  // namespace widenet::answer

// A question's words, and what they can mean before any table is looked at: numbers, dates, and the
// English of sums, counts and comparisons.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace widenet::answer {

struct QuestionWord {
  std::string typed;
  std::string text;      // lower case (ASCII); a possessive 's is dropped
  std::string singular;  // as table_schema.h compares words
  std::optional<double> number{};
};

// Numbers may be grouped ("1,250.50"); "1997-05-03" is one word.
std::vector<QuestionWord> words_of(std::string_view question);

// Days from `first` on, before `end`: ISO dates, which compare as text.
struct DateRange {
  std::string first;
  std::string end;
};

// The date that begins with word `at`, and how many words it takes: a day ("3 May 1997", "May 3,
// 1997", "1997-05-03"), a month ("May 1997", "1997-05"), a quarter ("Q2 1997", "second quarter of
// 1997") or a year.  A bare year counts only behind a word that times have before them.
struct DateWords {
  DateRange range;
  size_t n_words = 0;
};
std::optional<DateWords> date_at(const std::vector<QuestionWord>& words, size_t at);

enum class Saying {
  filler,   // says nothing here: "the", "in", "did", "placed"
  link,     // "and", "or"
  count,    // "how many"
  sum,      // "total", "how much"
  average,  // "average"
  list,     // "which", "list"
  most,     // "the most"; of the fewest those have none that no row tells of
  highest,  // "highest", "largest"
  lowest,
  latest,  // of dates
  earliest,
  top,    // a number follows
  group,  // "per", "by", "for each"
  by_year,
  by_month,
  above,  // a number or a date follows, like the five below
  below,
  at_least,
  at_most,
  between,
  until,  // with its day: dates only
};

struct SayingWords {
  Saying saying = Saying::filler;
  size_t n_words = 0;
};
// The longest that begins with word `at`.
std::optional<SayingWords> saying_at(const std::vector<QuestionWord>& words, size_t at);

// "shipped", "shipping" and "ship" are one: what verbs and names of date columns share.
std::string verb_stem(std::string_view word);

}  // namespace widenet::answer

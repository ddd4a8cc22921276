#include "answer/table_question.h"

#include <algorithm>
#include <cstdio>
#include <set>
#include <utility>

#include "answer/question_words.h"

namespace widenet::answer {
namespace {

using store::TableColumnType;
using Test = TableCondition::Test;
using Place = std::pair<size_t, size_t>;  // table, column

constexpr int64_t kRowsMax = 1000;  // of an answer

enum class Kind { saying, date, entity, column, value, number, verb };

// Words that are understood together.  Beside what its kind says, an item may be read as a column
// of the same words ("total").
struct Item {
  Kind kind = Kind::saying;
  size_t n_words = 0;
  std::string words{};
  Saying saying = Saying::filler;
  size_t table = 0;                  // entity
  std::vector<Place> columns{};      // column
  std::vector<KnownValue> values{};  // value
  double number = 0;
  std::string digits{};  // of the number, as typed
  DateRange date{};
  std::string stem{};  // verb, or a value of one word that may be one
  bool is_used = false;

  bool says(Saying which) const { return kind == Kind::saying && saying == which; }
};

// What one place must hold, if the condition is about it.
struct Option {
  Place place{};
  std::vector<std::pair<Test, std::vector<std::string>>> tests{};
};
// A condition whose place is chosen when the base table is known.
struct Pending {
  std::string words{};
  std::vector<Option> options{};
};

std::string quoted(std::string_view text, char quote) {
  std::string result(1, quote);
  for (const char c : text) {
    result += c;
    if (c == quote) result += c;
  }
  return result + quote;
}
std::string literal(std::string_view text) {
  return quoted(text, '\'');
}
std::string name(std::string_view text) {
  return quoted(text, '"');
}

std::string number_literal(double number) {
  char text[40];
  std::snprintf(text, sizeof text, "%.15g", number);
  return text;
}

bool is_numeric(const SchemaColumn& column) {
  return column.type == TableColumnType::integer || column.type == TableColumnType::real;
}

std::string joined(const std::vector<QuestionWord>& words, size_t at, size_t n) {
  std::string text;
  for (size_t i = at; i < at + n; ++i) text += (i > at ? " " : "") + words[i].typed;
  return text;
}

bool stands_at(const Phrase& phrase, const std::vector<QuestionWord>& words, size_t at) {
  if (phrase.size() > words.size() - at) return false;
  for (size_t i = 0; i < phrase.size(); ++i) {
    if (words[at + i].singular != phrase[i] && words[at + i].text != phrase[i]) return false;
  }
  return true;
}

// How many words that stand there are, written together, the one of a phrase: "gross amount" is the
// column GROSSAMOUNT.  0: none.
size_t joined_at(const Phrase& phrase, const std::vector<QuestionWord>& words, size_t at) {
  constexpr size_t kWordsMax = 4;
  if (phrase.size() != 1) return 0;
  std::string text;
  for (size_t n = 1; n <= kWordsMax && at + n <= words.size(); ++n) {
    if (n > 1 && (text + words[at + n - 1].singular) == phrase[0]) return n;
    text += words[at + n - 1].text;
  }
  return 0;
}

// The length of the longest phrase that stands there; 0: none.
size_t longest(const std::vector<Phrase>& phrases,
               const std::vector<QuestionWord>& words,
               size_t at) {
  size_t n = 0;
  for (const Phrase& phrase : phrases) {
    if (phrase.size() > n && stands_at(phrase, words, at)) n = phrase.size();
    n = std::max(n, joined_at(phrase, words, at));
  }
  return n;
}

// How many words of the question, from `at` on, are `value`; 0: they are not.  Short ones must be
// typed alike: "us" is not the country.
size_t value_at(const std::string& value, const std::vector<QuestionWord>& words, size_t at) {
  constexpr size_t kShort = 3;
  const auto wanted = words_of(value);
  if (wanted.empty() || wanted.size() > words.size() - at) return 0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (words[at + i].text != wanted[i].text) return 0;
    if (value.size() <= kShort && words[at + i].typed != wanted[i].typed) return 0;
  }
  return wanted.size();
}

// --- from words to items

class Lexer {
 public:
  Lexer(const Schema& schema, std::span<const KnownValue> values, std::string_view question)
      : schema_(schema), values_(values), words_(words_of(question)) {}

  Result<std::vector<Item>> items() {
    std::vector<Item> items;
    for (size_t at = 0; at < words_.size();) {
      Item item = item_at(at);
      if (item.n_words == 0)
        return Unexpected("no table says what \"" + words_[at].typed + "\" is");
      at += item.n_words;
      if (!item.says(Saying::filler) || item.words == "to") items.push_back(std::move(item));
    }
    return items;
  }

 private:
  // Of readings of equal length the one tried first.
  Item item_at(size_t at) {
    Item best;
    const auto consider = [&](Item item) {
      if (item.n_words <= best.n_words) return;
      item.words = joined(words_, at, item.n_words);
      best = std::move(item);
    };
    if (const auto date = date_at(words_, at)) {
      consider({.kind = Kind::date, .n_words = date->n_words, .date = date->range});
    }
    const auto saying = saying_at(words_, at);
    const bool is_filler = saying && saying->saying == Saying::filler;
    if (saying && !is_filler) consider({.n_words = saying->n_words, .saying = saying->saying});
    for (size_t t = 0; t < schema_.tables.size(); ++t) {
      consider({.kind = Kind::entity,
                .n_words = longest(schema_.tables[t].phrases, words_, at),
                .table = t});
    }
    const Item column = column_at(at);
    consider(column);
    consider(value_item(at));
    if (words_[at].number) {
      consider({.kind = Kind::number,
                .n_words = 1,
                .number = *words_[at].number,
                .digits = words_[at].typed});
    }
    if (is_filler) consider({.n_words = saying->n_words});
    consider(verb_at(at));
    if (best.columns.empty() && column.n_words == best.n_words) best.columns = column.columns;
    if (best.kind == Kind::value && best.n_words == 1) best.stem = verb_stem(words_[at].text);
    return best;
  }

  Item column_at(size_t at) const {
    Item item{.kind = Kind::column};
    for_each_column([&](size_t t, size_t c, const SchemaColumn& column) {
      const size_t n = longest(column.phrases, words_, at);
      if (n == 0 || n < item.n_words) return;
      if (n > item.n_words) item.columns.clear();
      item.n_words = n;
      item.columns.emplace_back(t, c);
    });
    return item;
  }

  Item value_item(size_t at) const {
    Item item{.kind = Kind::value};
    for (const KnownValue& value : values_) {
      const size_t n = value_at(value.value, words_, at);
      if (n == 0 || n < item.n_words) continue;
      if (n > item.n_words) item.values.clear();
      item.n_words = n;
      item.values.push_back(value);
    }
    return item;
  }

  // A verb is understood where a column is named after it: "shipped", "ship country".
  Item verb_at(size_t at) const {
    Item item{.kind = Kind::verb, .stem = verb_stem(words_[at].text)};
    for_each_column([&](size_t, size_t, const SchemaColumn& column) {
      for (const Phrase& phrase : column.phrases) {
        if (phrase.size() > 1 && verb_stem(phrase.front()) == item.stem) item.n_words = 1;
      }
    });
    return item;
  }

  template <typename Visit>
  void for_each_column(const Visit& visit) const {
    for (size_t t = 0; t < schema_.tables.size(); ++t) {
      for (size_t c = 0; c < schema_.tables[t].columns.size(); ++c) {
        visit(t, c, schema_.tables[t].columns[c]);
      }
    }
  }

  const Schema& schema_;
  std::span<const KnownValue> values_;
  std::vector<QuestionWord> words_;
};

// --- from items to a question

class Reader {
 public:
  Reader(const Schema& schema, std::vector<Item> items)
      : schema_(schema), items_(std::move(items)) {}

  Result<TableQuestion> read() {
    if (bind_conditions() && find_shape() && resolve() && all_is_used()) return question_;
    return Unexpected(problem_);
  }

 private:
  bool fail(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }

  const SchemaColumn& column_of(const Place& place) const {
    return schema_.tables[place.first].columns[place.second];
  }

  Item* item(size_t i) { return i < items_.size() ? &items_[i] : nullptr; }
  Item* before(size_t i) { return i > 0 ? &items_[i - 1] : nullptr; }

  template <typename Wanted>
  static std::vector<Place> filtered(const std::vector<Place>& places, const Wanted& wanted) {
    std::vector<Place> kept;
    std::ranges::copy_if(places, std::back_inserter(kept), wanted);
    return kept;
  }
  std::vector<Place> numeric(const std::vector<Place>& places) const {
    return filtered(places, [&](const Place& place) { return is_numeric(column_of(place)); });
  }
  std::vector<Place> dates(const std::vector<Place>& places) const {
    return filtered(
        places, [&](const Place& place) { return column_of(place).type == TableColumnType::date; });
  }

  bool bind_conditions() {
    for (size_t i = 0; i < items_.size(); ++i) {
      if (items_[i].is_used) continue;
      if (is_verb_of_date(i)) items_[i].kind = Kind::verb;
      if (items_[i].kind == Kind::value && !bind_value(i)) return false;
      if (items_[i].kind == Kind::date && !bind_date(i)) return false;
      if (items_[i].kind == Kind::number && !bind_number(i)) return false;
    }
    return true;
  }

  // "closed in 2024" is about the close date, though "Closed" may be a status too.
  bool is_verb_of_date(size_t i) const {
    if (items_[i].kind != Kind::value || items_[i].stem.empty()) return false;
    if (i > 0 && items_[i - 1].kind == Kind::column) return false;
    size_t next = i + 1;
    if (next < items_.size() && items_[next].kind == Kind::saying) ++next;  // "closed before 2024"
    return next < items_.size() && items_[next].kind == Kind::date &&
           !dates(places_named_by(items_[i].stem)).empty();
  }

  // "in Germany", "customers in Germany", "status Closed", "shipped to Germany or France".
  bool bind_value(size_t i) {
    Pending pending{.words = items_[i].words, .options = options_of(items_[i])};
    items_[i].is_used = true;
    const size_t first = i;
    while (item(i + 2) != nullptr && items_[i + 1].says(Saying::link) &&
           items_[i + 2].kind == Kind::value) {
      merge(pending.options, options_of(items_[i + 2]));
      items_[i + 1].is_used = items_[i + 2].is_used = true;
      i += 2;
    }
    if (pending.options.empty()) return fail("\"" + pending.words + "\" is not of one column");
    narrow(pending.options, first, i);
    pending_.push_back(std::move(pending));
    return true;
  }

  static std::vector<Option> options_of(const Item& item) {
    std::vector<Option> options;
    for (const KnownValue& value : item.values) {
      const Place place{value.table, value.column};
      auto found = std::ranges::find(options, place, &Option::place);
      if (found == options.end()) {
        options.push_back({.place = place, .tests = {{Test::one_of, {}}}});
        found = options.end() - 1;
      }
      found->tests.front().second.push_back(literal(value.value));
    }
    return options;
  }

  // The places that both have, with the values of both.
  static void merge(std::vector<Option>& options, const std::vector<Option>& others) {
    std::vector<Option> both;
    for (Option& option : options) {
      const auto other = std::ranges::find(others, option.place, &Option::place);
      if (other == others.end()) continue;
      auto& values = option.tests.front().second;
      const auto& more = other->tests.front().second;
      values.insert(values.end(), more.begin(), more.end());
      both.push_back(std::move(option));
    }
    options = std::move(both);
  }

  // Keeps the options that the words beside the values, items first to last, speak of.
  void narrow(std::vector<Option>& options, size_t first, size_t last) {
    Item* left = before(first);
    if (left != nullptr && left->words == "to") left = first > 1 ? &items_[first - 2] : nullptr;
    const auto keep = [&](Item& by, const auto& is_meant) {
      std::vector<Option> kept;
      std::ranges::copy_if(options, std::back_inserter(kept), is_meant);
      if (kept.empty()) return false;
      options = std::move(kept);
      by.is_used |= by.kind != Kind::entity;
      return true;
    };
    const auto of_table = [](const Item& entity) {
      return [&](const Option& option) { return option.place.first == entity.table; };
    };
    const auto of_column = [](const Item& column) {
      return [&](const Option& option) {
        return std::ranges::find(column.columns, option.place) != column.columns.end();
      };
    };
    Item* right = item(last + 1);
    for (Item* beside : {left, right}) {  // "status Closed", "high priority"
      if (beside == nullptr || beside->is_used || beside->kind != Kind::column) continue;
      if (keep(*beside, of_column(*beside))) return;
    }
    if (left != nullptr && !left->is_used) {
      if (left->kind == Kind::verb && keep(*left, [&](const Option& option) {
            return is_named_by(option.place, left->stem);
          })) {
        return;
      }
      if (left->kind == Kind::entity && keep(*left, of_table(*left))) return;
    }
    if (right != nullptr && right->kind == Kind::entity) keep(*right, of_table(*right));
  }

  bool is_named_by(const Place& place, const std::string& stem) const {
    return std::ranges::any_of(column_of(place).phrases, [&](const Phrase& phrase) {
      return phrase.size() > 1 && verb_stem(phrase.front()) == stem;
    });
  }

  // --- dates

  bool bind_date(size_t i) {
    DateRange range = items_[i].date;
    items_[i].is_used = true;
    size_t first = i;
    Item* left = before(i);
    const Item* joint = item(i + 1);
    Item* second = item(i + 2);
    if (joint != nullptr && second != nullptr && second->kind == Kind::date &&
        (joint->says(Saying::link) || joint->says(Saying::until) || joint->words == "to")) {
      const bool is_between = left != nullptr && left->says(Saying::between);
      if (joint->says(Saying::link) && !is_between) return fail("it asks about two times");
      if (is_between) left->is_used = true, --first;
      range.end = second->date.end;
      items_[i + 1].is_used = second->is_used = true;
      return add_date(first, items_[i].words, from_until(range));
    }
    auto tests = from_until(range);
    if (left != nullptr && left->kind == Kind::saying) {
      const auto only = relation(left->saying, range);
      if (only) {
        tests = {*only};
        left->is_used = true;
        --first;
      }
    }
    return add_date(first, items_[i].words, tests);
  }

  using Tests = std::vector<std::pair<Test, std::vector<std::string>>>;

  static Tests from_until(const DateRange& range) {
    return {{Test::greater_or_equal, {literal(range.first)}}, {Test::less, {literal(range.end)}}};
  }

  static std::optional<Tests::value_type> relation(Saying saying, const DateRange& range) {
    switch (saying) {
      case Saying::above:
        return Tests::value_type{Test::greater_or_equal, {literal(range.end)}};
      case Saying::at_least:
        return Tests::value_type{Test::greater_or_equal, {literal(range.first)}};
      case Saying::below:
        return Tests::value_type{Test::less, {literal(range.first)}};
      case Saying::until:
      case Saying::at_most:
        return Tests::value_type{Test::less, {literal(range.end)}};
      default:
        return {};
    }
  }

  // Of the column or the verb before item `first`, else each table's own date.
  bool add_date(size_t first, const std::string& words, const Tests& tests) {
    std::vector<Place> places;
    if (Item* left = before(first); left != nullptr && !left->is_used) {
      if (left->kind == Kind::column) {
        places = dates(left->columns);
      } else if (left->kind == Kind::verb) {
        places = dates(places_named_by(left->stem));
      }
      left->is_used |= !places.empty();
    }
    if (places.empty()) {
      for (size_t t = 0; t < schema_.tables.size(); ++t) {
        if (const auto column = date_of(t)) places.emplace_back(t, *column);
      }
    }
    if (places.empty()) return fail("no table has a date that \"" + words + "\" could be about");
    Pending pending{.words = words, .options = {}};
    for (const Place& place : places) pending.options.push_back({.place = place, .tests = tests});
    pending_.push_back(std::move(pending));
    return true;
  }

  std::vector<Place> places_named_by(const std::string& stem) const {
    std::vector<Place> places;
    for (size_t t = 0; t < schema_.tables.size(); ++t) {
      for (size_t c = 0; c < schema_.tables[t].columns.size(); ++c) {
        if (is_named_by({t, c}, stem)) places.emplace_back(t, c);
      }
    }
    return places;
  }

  // The date that a row of this table happened at: its only one, "date", or the one called after
  // the table ("order date" of an order).
  std::optional<size_t> date_of(size_t table) const {
    const SchemaTable& of = schema_.tables[table];
    std::vector<size_t> all, own;
    for (size_t c = 0; c < of.columns.size(); ++c) {
      if (of.columns[c].type != TableColumnType::date) continue;
      all.push_back(c);
      const bool is_own = std::ranges::any_of(of.columns[c].phrases, [&](const Phrase& phrase) {
        if (phrase.empty() || phrase.back() != "date") return false;
        const Phrase rest(phrase.begin(), phrase.end() - 1);
        return rest.empty() || std::ranges::any_of(of.phrases, [&](const Phrase& entity) {
                 return entity == rest || entity.back() == rest.back();
               });
      });
      if (is_own) own.push_back(c);
    }
    if (all.size() == 1) return all.front();
    if (own.size() == 1) return own.front();
    return {};
  }

  // --- numbers

  bool bind_number(size_t i) {
    Item& number = items_[i];
    Item* left = before(i);
    if (left == nullptr) return fail_number(number);
    if (left->says(Saying::top)) {
      top_ = static_cast<int64_t>(number.number);
      if (top_ < 1 || top_ > 1000) return fail("\"" + number.words + "\" is no number of rows");
      number.is_used = true;
      return true;
    }
    if (left->says(Saying::between)) return bind_between(i);
    if (left->kind == Kind::entity) return bind_key(number, left->table);
    if (left->kind == Kind::column) return bind_equal(number, *left);
    const auto test = left->kind == Kind::saying ? comparison(left->saying) : std::nullopt;
    if (!test) return fail_number(number);
    return add_comparison(i - 1, i, {{*test, {number_literal(number.number)}}});
  }

  bool fail_number(const Item& number) {
    return fail("nothing says what \"" + number.words + "\" counts");
  }

  static std::optional<Test> comparison(Saying saying) {
    switch (saying) {
      case Saying::above:
        return Test::greater;
      case Saying::below:
        return Test::less;
      case Saying::at_least:
        return Test::greater_or_equal;
      case Saying::at_most:
        return Test::less_or_equal;
      default:
        return {};
    }
  }

  bool bind_between(size_t i) {
    const Item* second = item(i + 2);
    if (second == nullptr || second->kind != Kind::number || !items_[i + 1].says(Saying::link)) {
      return fail_number(items_[i]);
    }
    items_[i + 1].is_used = items_[i + 2].is_used = true;
    return add_comparison(i - 1, i + 2,
                          {{Test::greater_or_equal, {number_literal(items_[i].number)}},
                           {Test::less_or_equal, {number_literal(second->number)}}});
  }

  // Items first to last compare; the column stands on either side.
  bool add_comparison(size_t first, size_t last, const Tests& tests) {
    items_[first].is_used = items_[last].is_used = true;
    items_[last].is_used = true;
    if (last > first + 1) items_[first + 1].is_used = true;
    std::vector<Place> places;
    for (Item* beside : {before(first), item(last + 1)}) {
      if (!places.empty() || beside == nullptr || beside->is_used) continue;
      places = numeric(beside->columns);
      if (!places.empty() && beside->kind == Kind::column) beside->is_used = true;
      if (beside->kind != Kind::column) places.clear();
    }
    if (places.empty()) return fail_number(items_[last]);
    Pending pending{.words = items_[last].words, .options = {}};
    for (const Place& place : places) pending.options.push_back({.place = place, .tests = tests});
    pending_.push_back(std::move(pending));
    return true;
  }

  std::string value_literal(const Place& place, const Item& number) const {
    return is_numeric(column_of(place)) ? number_literal(number.number) : literal(number.digits);
  }

  bool bind_key(Item& number, size_t table) {
    const SchemaTable& of = schema_.tables[table];
    if (of.key.size() != 1) return fail_number(number);
    return add_equal(number, {{table, of.key.front()}});
  }

  bool bind_equal(Item& number, Item& column) {
    column.is_used = true;
    return add_equal(number, column.columns);
  }

  bool add_equal(Item& number, const std::vector<Place>& places) {
    Pending pending{.words = number.words, .options = {}};
    for (const Place& place : places) {
      pending.options.push_back(
          {.place = place, .tests = {{Test::one_of, {value_literal(place, number)}}}});
    }
    number.is_used = true;
    pending_.push_back(std::move(pending));
    return true;
  }

  // --- what is asked for

  // The first item from `at` on that is an entity or an unused column; items_.size(): none.
  size_t next_noun(size_t at) const {
    for (; at < items_.size(); ++at) {
      const Item& here = items_[at];
      if (here.kind == Kind::entity || (here.kind == Kind::column && !here.is_used)) return at;
    }
    return at;
  }

  size_t find_saying(std::initializer_list<Saying> wanted) const {
    for (size_t i = 0; i < items_.size(); ++i) {
      for (const Saying saying : wanted) {
        if (items_[i].says(saying)) return i;
      }
    }
    return items_.size();
  }

  bool find_shape() {
    if (!find_groups()) return false;
    const size_t most = find_saying({Saying::most});
    if (most < items_.size()) return read_most(most);
    const size_t top = find_saying({Saying::top});
    if (top < items_.size()) return read_top(top);
    const size_t rank =
        find_saying({Saying::highest, Saying::lowest, Saying::latest, Saying::earliest});
    if (rank < items_.size()) return read_rank(rank);
    const size_t count = find_saying({Saying::count});
    if (count < items_.size()) return read_count(count);
    const size_t total = find_saying({Saying::sum, Saying::average});
    if (total < items_.size()) return read_total(total);
    if (const size_t named = next_noun(0); is_total_by_name(named)) return read_grouped(named);
    return read_rows();
  }

  // "total amount" asks for a sum, though a column be called so.
  bool is_total_by_name(size_t i) const {
    if (i == items_.size() || items_[i].kind != Kind::column || is_group(i)) return false;
    const Phrase phrase = phrase_of(items_[i].words);
    return phrase.size() > 1 && phrase.front() == "total" && !numeric(items_[i].columns).empty();
  }

  // "per country", "by customer", "per month"; "by" before anything else says nothing.
  bool find_groups() {
    for (size_t i = 0; i < items_.size(); ++i) {
      if (!items_[i].says(Saying::group)) continue;
      items_[i].is_used = true;
      Item* what = item(i + 1);
      if (what == nullptr || what->is_used) continue;
      if (what->kind == Kind::entity || what->kind == Kind::column) {
        group_items_.push_back(i + 1);
        narrow_group(i + 1);
      } else if (items_[i].words != "by") {
        return fail("it does not say by what to group");
      }
    }
    return true;
  }

  // "per country of customers".
  void narrow_group(size_t i) {
    Item* of = item(i + 1);
    if (items_[i].kind != Kind::column || of == nullptr || of->kind != Kind::entity) return;
    auto own =
        filtered(items_[i].columns, [&](const Place& place) { return place.first == of->table; });
    if (own.empty()) return;
    items_[i].columns = std::move(own);
    of->is_used = true;
  }

  bool is_group(size_t i) const { return std::ranges::find(group_items_, i) != group_items_.end(); }

  bool set_base(size_t i) {
    question_.base = items_[i].table;
    items_[i].is_used = true;
    return true;
  }

  // "how many orders"; "how many units" adds up.
  bool read_count(size_t count) {
    items_[count].is_used = true;
    size_t what = next_noun(count + 1);  // past adjectives: "active customers"
    while (what < items_.size() && items_[what].kind == Kind::column &&
           numeric(items_[what].columns).empty()) {
      what = next_noun(what + 1);
    }
    if (what == items_.size()) return fail("no table has what is to be counted");
    return read_grouped(what);
  }

  // "total freight of orders"; "total" may be the column's own name.
  bool read_total(size_t total) {
    const bool is_sum = items_[total].says(Saying::sum);
    question_.aggregate = is_sum ? Aggregate::sum : Aggregate::average;
    items_[total].is_used = true;
    size_t what = items_.size();
    for (size_t i = 0; i < items_.size(); ++i) {
      if (is_group(i) || items_[i].kind != Kind::column || items_[i].is_used) continue;
      if (numeric(items_[i].columns).empty()) continue;
      if (what == items_.size() || what < total) what = i;
    }
    if (what == items_.size() && !items_[total].columns.empty()) what = total;
    if (what == items_.size()) return fail("no table has a number that is to be added up");
    return measure_by(what);
  }

  // The measure is the column that item `what` names; its table is the base.
  bool measure_by(size_t what) {
    Item& named = items_[what];
    named.is_used = true;
    const auto places = numeric(named.columns);
    const auto place = preferred(places);
    if (!place) {
      return fail(places.empty() ? "\"" + named.words + "\" is no number"
                                 : "several tables have \"" + named.words + "\"");
    }
    question_.base = place->first;
    question_.measure = Field{.way = {}, .column = place->second};
    return question_.aggregate == Aggregate::sum || is_of_the_base(named);
  }

  // An average, or the highest, of lines is not that of the orders which they are parts of.
  bool is_of_the_base(const Item& measure) {
    for (size_t i = 0; i < items_.size(); ++i) {
      if (items_[i].kind != Kind::entity || is_group(i) || items_[i].is_used) continue;
      if (items_[i].table == question_.base) return true;
      return fail("\"" + measure.words + "\" is of " + schema_.tables[question_.base].plural_label +
                  ", not of \"" + items_[i].words + "\"");
    }
    return true;
  }

  // The only place, or the only one of a table that the question mentions.
  std::optional<Place> preferred(const std::vector<Place>& places) const {
    if (places.size() == 1) return places.front();
    std::vector<Place> mentioned;
    for (const Item& here : items_) {
      if (here.kind != Kind::entity) continue;
      for (const Place& place : places) {
        if (place.first == here.table) mentioned.push_back(place);
      }
      if (!mentioned.empty()) break;
    }
    if (mentioned.size() == 1) return mentioned.front();
    return {};
  }

  // "which customer has the most orders", "which country has the most customers", "the most
  // revenue".
  bool read_most(size_t most) {
    items_[most].is_used = true;
    const size_t of = next_noun(0);
    const size_t what = next_noun(most + 1);
    if (of >= most || what == items_.size()) return fail("it does not say the most of what");
    use_list_words();
    group_items_.push_back(of);
    question_.order = TableOrder{.is_descending = true, .limit = std::max<int64_t>(top_, 1)};
    return read_grouped(what);
  }

  // Counts an entity or adds up a column.
  bool read_grouped(size_t what) {
    if (items_[what].kind == Kind::entity) {
      question_.aggregate = Aggregate::count;
      return set_base(what);
    }
    question_.aggregate = Aggregate::sum;
    return measure_by(what);
  }

  // "top 5 customers by revenue", "top 3 products by unit price".
  bool read_top(size_t top) {
    items_[top].is_used = true;
    use_list_words();
    const size_t of = next_noun(top + 1);
    if (top_ == 0 || group_items_.size() != 1 || of >= group_items_.front() ||
        items_[of].kind != Kind::entity) {
      return fail("it does not say the top of what, by what");
    }
    const size_t what = group_items_.front();
    group_items_.clear();
    question_.order = TableOrder{.is_descending = true, .limit = top_};
    const auto own = filtered(numeric(items_[what].columns),
                              [&](const Place& place) { return place.first == items_[of].table; });
    if (items_[what].kind == Kind::column && own.size() == 1) {
      items_[of].is_used = items_[what].is_used = true;
      question_.base = own.front().first;
      question_.measure = Field{.way = {}, .column = own.front().second};
      return true;
    }
    group_items_.push_back(of);
    return read_grouped(what);
  }

  // "the highest freight", "the order with the highest freight", "the latest order".
  bool read_rank(size_t rank) {
    items_[rank].is_used = true;
    use_list_words();
    if (!group_items_.empty()) return fail("it asks for the first of each group");
    const bool is_date = items_[rank].says(Saying::latest) || items_[rank].says(Saying::earliest);
    question_.order = TableOrder{
        .is_descending = items_[rank].says(Saying::highest) || items_[rank].says(Saying::latest),
        .limit = std::max<int64_t>(top_, 1)};
    const size_t what = next_noun(rank + 1);
    if (what == items_.size()) return fail("it does not say the first of what");
    if (items_[what].kind == Kind::column) return rank_by_column(what, is_date);
    const auto date = is_date ? date_of(items_[what].table) : std::nullopt;
    if (!date) return fail("nothing says by what \"" + items_[what].words + "\" are ordered");
    question_.measure = Field{.way = {}, .column = *date};
    return set_base(what);
  }

  bool rank_by_column(size_t what, bool is_date) {
    const auto& named = items_[what].columns;
    const auto place = preferred(is_date ? dates(named) : numeric(named));
    if (!place)
      return fail("\"" + items_[what].words + "\" cannot be ordered, or is not of one table");
    items_[what].is_used = true;
    question_.base = place->first;
    question_.measure = Field{.way = {}, .column = place->second};
    const size_t of = next_noun(0);
    if (means_a_total(items_[what]) && of < items_.size() && items_[of].kind == Kind::entity &&
        items_[of].table != question_.base) {
      group_items_.push_back(of);
      question_.aggregate = Aggregate::sum;
      return true;
    }
    return is_of_the_base(items_[what]);
  }

  // What is only ever added up: "revenue by category", "the customer with the highest revenue".
  bool means_a_total(const Item& measure) const {
    static const std::set<std::string_view> kTotals = {"revenue", "revenues", "sales", "turnover",
                                                       "spend",   "spending", "income"};
    return measure.kind == Kind::column && !numeric(measure.columns).empty() &&
           kTotals.contains(measure.words);
  }

  void use_list_words() {
    for (Item& here : items_) here.is_used |= here.says(Saying::list);
  }

  // "which customers are in Sweden", "the phone of Ernst Handel".
  bool read_rows() {
    use_list_words();
    const size_t what = next_noun(0);
    if (!group_items_.empty()) {
      if (what < items_.size() && means_a_total(items_[what])) return read_grouped(what);
      return fail("it groups what it does not count");
    }
    if (pending_.empty() && !has_flag()) return fail("it filters nothing");
    if (what == items_.size()) return fail("it does not say rows of which table it wants");
    if (items_[what].kind == Kind::entity) {
      set_base(what);
      const size_t shown = next_noun(what + 1);
      if (shown == items_.size() || items_[shown].kind != Kind::column) return true;
      if (!flags(items_[shown]).empty()) return true;
      return show(shown, question_.base);
    }
    const Item& column = items_[what];
    for (const Pending& pending : pending_) {
      for (const Option& option : pending.options) {
        const bool is_there = std::ranges::any_of(
            column.columns, [&](const Place& place) { return place.first == option.place.first; });
        if (is_there) return show(what, option.place.first);
      }
    }
    return fail("\"" + column.words + "\" is of no row that it names");
  }

  bool show(size_t what, size_t table) {
    const auto own =
        filtered(items_[what].columns, [&](const Place& place) { return place.first == table; });
    if (own.size() != 1) return fail("\"" + items_[what].words + "\" is not one column");
    items_[what].is_used = true;
    question_.base = table;
    question_.measure = Field{.way = {}, .column = own.front().second};
    return true;
  }

  // --- where conditions and groups lie, seen from the base

  struct Reached {
    size_t option = 0;
    Field field;
  };

  // The nearest of these places; nothing if none can be reached or two are equally near.
  std::optional<Reached> nearest(const std::vector<Place>& places) {
    std::optional<Reached> best;
    bool is_tied = false;
    for (size_t i = 0; i < places.size(); ++i) {
      const auto way = schema_.way(question_.base, places[i].first);
      if (!way) continue;
      if (best && way->size() > best->field.way.size()) continue;
      is_tied = best && way->size() == best->field.way.size();
      best = Reached{.option = i, .field = {.way = *way, .column = places[i].second}};
    }
    if (is_tied) return {};
    return best;
  }

  bool resolve() {
    for (const Pending& pending : pending_) {
      std::vector<Place> places;
      for (const Option& option : pending.options) places.push_back(option.place);
      const auto reached = nearest(places);
      if (!reached) {
        return fail("\"" + pending.words + "\" is of no column, or not of one alone, that " +
                    schema_.tables[question_.base].plural_label + " lead to");
      }
      for (const auto& [test, values] : pending.options[reached->option].tests) {
        question_.conditions.push_back({.field = reached->field, .test = test, .values = values});
      }
    }
    return resolve_groups() && resolve_flags();
  }

  bool resolve_groups() {
    for (Item& here : items_) {
      if (!here.says(Saying::by_year) && !here.says(Saying::by_month)) continue;
      const auto date = date_of(question_.base);
      if (!date)
        return fail("no date of " + schema_.tables[question_.base].plural_label +
                    " is the one to group by");
      here.is_used = true;
      question_.groups.push_back(
          {.way = {}, .column = *date, .prefix = here.says(Saying::by_year) ? 4 : 7});
    }
    for (const size_t i : group_items_) {
      Item& group = items_[i];
      group.is_used = true;
      if (group.kind == Kind::entity) {
        if (!group_by_table(group.table)) return fail_relation(group);
        continue;
      }
      const auto reached = nearest(group.columns);
      if (!reached) return fail_relation(group);
      question_.groups.push_back(reached->field);
    }
    return true;
  }

  bool group_by_table(size_t table) {
    const auto way = schema_.way(question_.base, table);
    if (!way) return false;
    const SchemaTable& of = schema_.tables[table];
    for (const size_t column : of.title.empty() ? of.key : of.title) {
      question_.groups.push_back({.way = *way, .column = column});
    }
    question_.group_of = table;
    return !question_.groups.empty();
  }

  bool fail_relation(const Item& other) {
    return fail("nothing tells how " + schema_.tables[question_.base].plural_label +
                " relate to \"" + other.words + "\"");
  }

  std::vector<Place> flags(const Item& here) const {
    if (here.kind != Kind::column || here.is_used) return {};
    return filtered(here.columns, [&](const Place& place) {
      return column_of(place).type == TableColumnType::boolean;
    });
  }
  bool has_flag() const {
    return std::ranges::any_of(items_, [&](const Item& here) { return !flags(here).empty(); });
  }

  // "active customers": a boolean column that nothing else made use of.
  bool resolve_flags() {
    for (Item& here : items_) {
      const auto reached = nearest(flags(here));
      if (!reached) continue;
      here.is_used = true;
      question_.conditions.push_back(
          {.field = reached->field, .test = Test::one_of, .values = {"1"}});
    }
    return true;
  }

  // --- nothing may be left over

  bool all_is_used() {
    for (const Item& here : items_) {
      if (here.is_used || here.says(Saying::filler) || here.says(Saying::list)) continue;
      if (here.kind == Kind::entity ? is_on_the_way(here.table) : here.says(Saying::link)) continue;
      return fail("it is not clear what \"" + here.words + "\" asks for");
    }
    return true;
  }

  // A table that the rows lead to is only mentioned in passing: "orders of customers in Germany".
  // An average of its parts is not its average, though.
  bool is_on_the_way(size_t table) const {
    if (table == question_.base) return true;
    const auto passes = [&](const Field& field) {
      size_t here = question_.base;
      return std::ranges::any_of(field.way, [&](size_t reference) {
        here = schema_.tables[here].references[reference].table;
        return here == table;
      });
    };
    const bool is_filter = std::ranges::any_of(
        question_.conditions,
        [&](const TableCondition& condition) { return passes(condition.field); });
    if (is_filter || std::ranges::any_of(question_.groups, passes)) return true;
    return question_.aggregate == Aggregate::sum && schema_.way(question_.base, table).has_value();
  }

  const Schema& schema_;
  std::vector<Item> items_;
  std::vector<Pending> pending_;
  std::vector<size_t> group_items_;
  int64_t top_ = 0;
  TableQuestion question_;
  std::string problem_;
};

// --- SQL

// FROM and the joins that the fields of a question need; names columns.
class Joins {
 public:
  Joins(const Schema& schema, size_t base) : schema_(schema), base_(base) {
    from_ = " FROM " + name(schema.tables[base].name);
    aliases_.push_back({{}, base, schema.tables[base].name});
  }

  std::string column(const Field& field) {
    const Alias alias = alias_of(field.way);
    const std::string column =
        name(alias.name) + "." + name(schema_.tables[alias.table].columns[field.column].name);
    if (field.prefix == 0) return column;
    return "substr(" + column + ", 1, " + std::to_string(field.prefix) + ")";
  }
  std::string own(std::string_view column) const {
    return name(schema_.tables[base_].name) + "." + std::string(column);
  }
  const std::string& from() const { return from_; }

 private:
  struct Alias {
    std::vector<size_t> way;
    size_t table = 0;
    std::string name;
  };

  Alias alias_of(const std::vector<size_t>& way) {
    const auto known = std::ranges::find(aliases_, way, &Alias::way);
    if (known != aliases_.end()) return *known;
    const Alias from = alias_of({way.begin(), way.end() - 1});
    const SchemaReference& reference = schema_.tables[from.table].references[way.back()];
    const SchemaTable& to = schema_.tables[reference.table];
    const auto n_named = std::ranges::count(aliases_, reference.table, &Alias::table);
    const std::string alias = n_named == 0 ? to.name : to.name + " " + std::to_string(n_named + 1);
    from_ += " LEFT JOIN " + name(to.name) + (n_named == 0 ? "" : " AS " + name(alias));
    for (size_t i = 0; i < to.key.size(); ++i) {
      const SchemaColumn& here = schema_.tables[from.table].columns[reference.columns[i]];
      from_ += (i == 0 ? " ON " : " AND ") + name(alias) + "." + name(to.columns[to.key[i]].name) +
               " = " + name(from.name) + "." + name(here.name);
    }
    aliases_.push_back({way, reference.table, alias});
    return aliases_.back();
  }

  const Schema& schema_;
  size_t base_;
  std::string from_;
  std::vector<Alias> aliases_;
};

std::string list_of(const std::vector<std::string>& parts, std::string_view between) {
  std::string text;
  for (size_t i = 0; i < parts.size(); ++i) text += (i > 0 ? std::string(between) : "") + parts[i];
  return text;
}

const char* sign_of(Test test) {
  switch (test) {
    case Test::one_of:
      return " = ";
    case Test::less:
      return " < ";
    case Test::less_or_equal:
      return " <= ";
    case Test::greater:
      return " > ";
    case Test::greater_or_equal:
      return " >= ";
  }
  return "";
}

std::string condition_text(const std::string& column, const TableCondition& condition) {
  if (condition.values.size() == 1) return column + sign_of(condition.test) + condition.values[0];
  return column + " IN (" + list_of(condition.values, ", ") + ")";
}

std::string where_of(const TableQuestion& question, Joins& joins) {
  std::vector<std::string> parts;
  for (const auto& condition : question.conditions) {
    parts.push_back(condition_text(joins.column(condition.field), condition));
  }
  return parts.empty() ? "" : " WHERE " + list_of(parts, " AND ");
}

std::string aggregate_of(const TableQuestion& question, Joins& joins) {
  if (question.aggregate == Aggregate::count) return "count(*)";
  const std::string column = joins.column(*question.measure);
  return (question.aggregate == Aggregate::sum ? "sum(" : "avg(") + column + ")";
}

// What is selected, and what it is called where a ranking selects from it.
struct Selected {
  std::string expression;
  std::string name;
};

std::vector<std::string> expressions(const std::vector<Selected>& columns) {
  std::vector<std::string> result;
  for (const Selected& column : columns) result.push_back(column.expression);
  return result;
}

// Those that rank first by the last of the columns, all of them where several are equal.
std::string ranked(const std::vector<Selected>& columns,
                   const std::string& from,
                   const TableOrder& order,
                   const std::string& then_by) {
  std::vector<std::string> inner, outer;
  for (size_t i = 0; i < columns.size(); ++i) {
    std::string alias = columns[i].name;
    while (std::ranges::find(outer, name(alias)) != outer.end()) alias += "_";
    inner.push_back(columns[i].expression + " AS " + name(alias));
    outer.push_back(name(alias));
  }
  return "SELECT " + list_of(outer, ", ") + " FROM (SELECT " + list_of(inner, ", ") +
         ", rank() OVER (ORDER BY " + columns.back().expression +
         (order.is_descending ? " DESC" : "") + ") AS \"place\"" + from +
         ") WHERE \"place\" <= " + std::to_string(order.limit) + " ORDER BY \"place\", " + then_by +
         " LIMIT " + std::to_string(kRowsMax);
}

std::string and_not_null(const std::string& where, const std::string& column) {
  return where + (where.empty() ? " WHERE " : " AND ") + column + " IS NOT NULL";
}

std::string rows_sql(const Schema& schema, const TableQuestion& question, int64_t limit) {
  Joins joins(schema, question.base);
  const SchemaTable& base = schema.tables[question.base];
  std::vector<Selected> columns = {{joins.own("\"_row\""), "_row"},
                                   {joins.own("\"_document\""), "_document"},
                                   {joins.own("\"_start\""), "_start"},
                                   {joins.own("\"_end\""), "_end"}};
  for (const size_t column : base.title.empty() ? base.key : base.title) {
    columns.push_back({joins.column({.way = {}, .column = column}), base.columns[column].name});
  }
  if (question.measure) {
    columns.push_back(
        {joins.column(*question.measure), base.columns[question.measure->column].name});
  }
  const std::string where = where_of(question, joins);
  if (question.order) {
    const std::string& measure = columns.back().expression;
    return ranked(columns, joins.from() + and_not_null(where, measure), *question.order,
                  "\"_row\"");
  }
  return "SELECT " + list_of(expressions(columns), ", ") + joins.from() + where + " ORDER BY " +
         joins.own("\"_row\"") + " LIMIT " + std::to_string(limit);
}

std::vector<Selected> group_columns(const Schema& schema,
                                    const TableQuestion& question,
                                    Joins& joins) {
  std::vector<Selected> columns;
  for (const Field& group : question.groups) {
    columns.push_back({joins.column(group), "group " + std::to_string(columns.size() + 1)});
  }
  if (!question.group_of) return columns;
  for (const size_t key : schema.tables[*question.group_of].key) {  // two of one name are two
    columns.push_back({joins.column({.way = question.groups.front().way, .column = key}), "key"});
  }
  return columns;
}

}  // namespace

std::string value_sql(const SchemaTable& table,
                      const SchemaColumn& column,
                      std::string_view question) {
  std::string lower(question);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  const std::string value = name(column.name);
  return "SELECT DISTINCT " + value + " FROM " + name(table.name) + " WHERE length(" + value +
         ") > 1 AND instr(" + literal(lower) + ", lower(" + value + ")) > 0 LIMIT 100";
}

Result<TableQuestion> read_question(const Schema& schema,
                                    std::string_view question,
                                    std::span<const KnownValue> values) {
  auto items = Lexer(schema, values, question).items();
  if (!items) return Unexpected(items.error());
  if (items->empty()) return Unexpected("it asks nothing");
  return Reader(schema, *std::move(items)).read();
}

std::string answer_sql(const Schema& schema, const TableQuestion& question) {
  if (question.aggregate == Aggregate::rows) return rows_sql(schema, question, kRowsMax);
  Joins joins(schema, question.base);
  const auto groups = group_columns(schema, question, joins);
  std::vector<Selected> columns(groups.begin(), groups.begin() + std::ssize(question.groups));
  columns.push_back({aggregate_of(question, joins), "value"});
  const std::string where = where_of(question, joins);
  const std::string plain = "SELECT " + list_of(expressions(columns), ", ") + joins.from() + where;
  if (groups.empty()) return plain;
  const std::string group_by = " GROUP BY " + list_of(expressions(groups), ", ");
  if (question.order) {
    const std::string known = and_not_null(where, groups.back().expression);
    return ranked(columns, joins.from() + known + group_by, *question.order, "1");
  }
  const bool is_by_time = question.groups.front().prefix > 0;
  return plain + group_by + " ORDER BY " +
         (is_by_time ? "" : std::to_string(columns.size()) + " DESC, ") + "1 LIMIT " +
         std::to_string(kRowsMax);
}

std::string evidence_sql(const Schema& schema, const TableQuestion& question, int64_t limit) {
  TableQuestion rows = question;
  rows.aggregate = Aggregate::rows;
  if (question.aggregate != Aggregate::rows) rows.order.reset();
  return rows_sql(schema, rows, limit);
}

std::string count_sql(const Schema& schema, const TableQuestion& question) {
  Joins joins(schema, question.base);
  const std::string where = where_of(question, joins);
  return "SELECT count(*)" + joins.from() + where;
}

namespace {

std::string field_label(const Schema& schema, size_t base, const Field& field) {
  size_t table = base;
  for (const size_t reference : field.way) table = schema.tables[table].references[reference].table;
  const std::string& label = schema.tables[table].columns[field.column].label;
  if (field.prefix == 4) return "year of " + label;
  if (field.prefix == 7) return "month of " + label;
  return field.way.empty() ? label : schema.tables[table].singular_label + "'s " + label;
}

}  // namespace

std::string described(const Schema& schema, const TableQuestion& question) {
  const SchemaTable& base = schema.tables[question.base];
  const auto label = [&](const Field& field) { return field_label(schema, question.base, field); };
  std::string text;
  if (question.aggregate == Aggregate::rows)
    text = question.measure ? label(*question.measure) + " of " : "";
  if (question.aggregate == Aggregate::count) text = "number of ";
  if (question.aggregate == Aggregate::sum) text = "sum of " + label(*question.measure) + " of ";
  if (question.aggregate == Aggregate::average)
    text = "average " + label(*question.measure) + " of ";
  text += base.plural_label;
  std::vector<std::string> conditions;
  for (const auto& condition : question.conditions) {
    conditions.push_back(condition_text(label(condition.field), condition));
  }
  if (!conditions.empty()) text += " where " + list_of(conditions, " and ");
  std::vector<std::string> groups;
  for (const Field& group : question.groups) groups.push_back(label(group));
  if (!groups.empty()) text += ", by " + list_of(groups, " and ");
  if (question.order) {
    text += question.order->is_descending ? ", highest first" : ", lowest first";
    text += ", " + std::to_string(question.order->limit);
  }
  return text;
}

}  // namespace widenet::answer

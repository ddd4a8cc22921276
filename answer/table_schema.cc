#include "answer/table_schema.h"

#include <algorithm>
#include <deque>
#include <nlohmann/json.hpp>

namespace widenet::answer {
namespace {

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_word_char(char c) {
  return is_lower(c) || is_upper(c) || is_digit(c) || static_cast<unsigned char>(c) >= 0x80;
}

// Where a capital begins a new word: "unitPrice", "SAPOrder".
bool begins_word(std::string_view name, size_t i) {
  if (i == 0 || !is_upper(name[i])) return false;
  if (is_lower(name[i - 1]) || is_digit(name[i - 1])) return true;
  return is_upper(name[i - 1]) && i + 1 < name.size() && is_lower(name[i + 1]);
}

void add_phrase(std::vector<Phrase>& phrases, std::string_view name) {
  Phrase phrase = phrase_of(name);
  if (phrase.empty() || std::ranges::find(phrases, phrase) != phrases.end()) return;
  phrases.push_back(std::move(phrase));
}

void add_phrases(std::vector<Phrase>& phrases, const nlohmann::json& owner) {
  for (const auto& word : owner.value("words", nlohmann::json::array())) {
    add_phrase(phrases, word.get<std::string>());
  }
}

// "SalesOrder" reads "sales order".
std::string spelled(std::string_view name) {
  std::string text;
  for (size_t i = 0; i < name.size(); ++i) {
    if (begins_word(name, i) || name[i] == '_') text += ' ';
    if (name[i] == '_') continue;
    const bool keeps_capitals = i + 1 < name.size() && is_upper(name[i + 1]);
    text += is_upper(name[i]) && !keeps_capitals && (i == 0 || !is_upper(name[i - 1]))
                ? static_cast<char>(name[i] + 32)
                : name[i];
  }
  return text;
}

// Tables are named either way: "Invoice" and "SalesOrders".
std::string plural_of(const std::string& label) {
  if (singular(label) != label) return label;
  if (label.ends_with('y') && label.size() > 1 &&
      std::string_view("aeiou").find(label[label.size() - 2]) == std::string_view::npos) {
    return label.substr(0, label.size() - 1) + "ies";
  }
  if (label.ends_with('s') || label.ends_with('x') || label.ends_with("ch")) return label + "es";
  return label + "s";
}

// What "is active" says of a row, "active" says before it.
void add_adjectives(std::vector<Phrase>& phrases) {
  for (size_t i = 0, n = phrases.size(); i < n; ++i) {
    const bool is_verb = phrases[i].front() == "is" || phrases[i].front() == "has";
    if (!is_verb || phrases[i].size() < 2) continue;
    phrases.emplace_back(phrases[i].begin() + 1, phrases[i].end());
  }
}

SchemaColumn column_of(const store::TableColumn& column, const nlohmann::json& description) {
  const auto about = description.value(column.name, nlohmann::json::object());
  SchemaColumn result{.name = column.name,
                      .type = column.type,
                      .decimals = column.decimals,
                      .label = about.value("label", spelled(column.name)),
                      .unit = about.value("unit", std::string()),
                      .phrases = {}};
  add_phrase(result.phrases, column.name);
  add_phrase(result.phrases, result.label);
  add_phrases(result.phrases, about);
  if (column.type == store::TableColumnType::boolean) add_adjectives(result.phrases);
  return result;
}

std::optional<size_t> column_named(const SchemaTable& table, std::string_view name) {
  const auto found = std::ranges::find(table.columns, name, &SchemaColumn::name);
  if (found == table.columns.end()) return {};
  return static_cast<size_t>(found - table.columns.begin());
}

std::vector<size_t> columns_named(const SchemaTable& table, const nlohmann::json& names) {
  std::vector<size_t> columns;
  for (const auto& name : names) {
    if (const auto column = column_named(table, name.get<std::string>())) {
      columns.push_back(*column);
    }
  }
  return columns;
}

// The columns between braces in "{LastName}, {FirstName}".
std::vector<size_t> title_columns(const SchemaTable& table, const std::string& title) {
  std::vector<size_t> columns;
  for (size_t open = title.find('{'); open != std::string::npos; open = title.find('{', open + 1)) {
    const size_t close = title.find('}', open);
    if (close == std::string::npos) break;
    const auto column = column_named(table, title.substr(open + 1, close - open - 1));
    if (column && std::ranges::find(columns, *column) == columns.end()) columns.push_back(*column);
  }
  return columns;
}

SchemaTable table_of(const store::RecordTable& table, const nlohmann::json& description) {
  SchemaTable result;
  result.name = table.name;
  const std::string label = spelled(table.name);
  const auto plural = description.value("plural", std::string());
  result.singular_label = plural.empty() ? singular(label) : label;
  result.plural_label = plural.empty() ? plural_of(label) : spelled(plural);
  add_phrase(result.phrases, table.name);
  add_phrase(result.phrases, result.plural_label);
  add_phrases(result.phrases, description);
  const auto about = description.value("columns", nlohmann::json::object());
  for (const auto& column : table.columns) result.columns.push_back(column_of(column, about));
  result.key = columns_named(result, description.value("key", nlohmann::json::array()));
  result.title = title_columns(result, description.value("title", std::string()));
  return result;
}

void add_reference(Schema& schema, size_t from, const nlohmann::json& reference) {
  const auto name = reference.value("entity", std::string());
  const auto to = std::ranges::find(schema.tables, name, &SchemaTable::name);
  if (to == schema.tables.end()) return;  // none of its rows has come yet
  SchemaTable& table = schema.tables[from];
  auto columns = columns_named(table, reference.value("key", nlohmann::json::array()));
  if (columns.empty() || columns.size() != to->key.size()) return;
  table.references.push_back(
      {.table = static_cast<size_t>(to - schema.tables.begin()), .columns = std::move(columns)});
}

}  // namespace

std::string singular(std::string_view word) {
  const auto cut = [&](size_t n) { return std::string(word.substr(0, word.size() - n)); };
  if (word.size() > 4 && word.ends_with("ies")) return cut(3) + "y";
  if (word.size() > 4 && (word.ends_with("sses") || word.ends_with("xes") ||
                          word.ends_with("ches") || word.ends_with("shes"))) {
    return cut(2);
  }
  if (word.size() > 3 && word.ends_with('s') && !word.ends_with("ss") && !word.ends_with("us") &&
      !word.ends_with("is")) {
    return cut(1);
  }
  return std::string(word);
}

Phrase phrase_of(std::string_view name) {
  Phrase phrase;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty()) phrase.push_back(singular(word));
    word.clear();
  };
  for (size_t i = 0; i < name.size(); ++i) {
    if (!is_word_char(name[i])) {
      end_word();
      continue;
    }
    if (begins_word(name, i)) end_word();
    word += is_upper(name[i]) ? static_cast<char>(name[i] + 32) : name[i];
  }
  end_word();
  return phrase;
}

std::optional<std::vector<size_t>> Schema::way(size_t from, size_t to) const {
  struct Step {
    size_t before = 0, reference = 0;
  };
  std::vector<std::optional<Step>> came(tables.size());
  std::deque<size_t> queue = {from};
  while (!queue.empty() && queue.front() != to) {
    const size_t here = queue.front();
    queue.pop_front();
    for (size_t i = 0; i < tables[here].references.size(); ++i) {
      const size_t next = tables[here].references[i].table;
      if (next == from || came[next]) continue;
      came[next] = Step{.before = here, .reference = i};
      queue.push_back(next);
    }
  }
  if (queue.empty()) return {};
  std::vector<size_t> way;
  for (size_t here = to; here != from; here = came[here]->before) {
    way.push_back(came[here]->reference);
  }
  std::ranges::reverse(way);
  return way;
}

Schema schema_of(std::span<const store::RecordTable> tables) {
  Schema schema;
  std::vector<nlohmann::json> descriptions;
  for (const auto& table : tables) {
    descriptions.push_back(nlohmann::json::parse(table.description_json));
    schema.tables.push_back(table_of(table, descriptions.back()));
  }
  for (size_t i = 0; i < descriptions.size(); ++i) {
    if (descriptions[i].contains("parent") && descriptions[i]["parent"].is_object()) {
      add_reference(schema, i, descriptions[i]["parent"]);
    }
    for (const auto& reference : descriptions[i].value("references", nlohmann::json::object())) {
      add_reference(schema, i, reference);
    }
  }
  return schema;
}

}  // namespace widenet::answer

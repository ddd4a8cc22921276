#include "ingest/records.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/utf8.h"
#include "ingest/table.h"
#include "ingest/text.h"

namespace widenet::ingest {
namespace {

constexpr int64_t kMemberCharsMax = 200;
constexpr int64_t kReaderCharsMax = 200;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// "1.234,56", "1,234.56" and "1 234,56" read "1234.56"; what is no number stays.
std::string decimal_of(const std::string& cell) {
  if (cell.size() > 1 && cell.back() == '-' && is_digit(cell.front())) {  // as SAP writes them
    const std::string amount = decimal_of(cell.substr(0, cell.size() - 1));
    return is_number(amount) ? "-" + amount : cell;
  }
  std::string digits;
  const size_t mark = cell.find_last_of(".,");
  const bool is_grouping =  // "1.234": of a lone separator before three digits nobody can tell
      mark != std::string::npos && cell.find_first_of(".,") != mark &&
      std::ranges::count(cell, cell[mark]) > 1;
  for (size_t i = 0; i < cell.size(); ++i) {
    const char c = cell[i];
    if (is_digit(c) || (i == 0 && (c == '-' || c == '+'))) {
      digits += c;
    } else if (i == mark && !is_grouping) {
      digits += '.';
    } else if (c != '.' && c != ',' && c != ' ' && c != '\'') {
      return cell;
    }
  }
  return digits;
}

std::optional<int> small_number(std::string_view text) {
  return text.size() <= 4 ? number_from<int>(text) : std::nullopt;
}

// "03.05.2021", "3/5/21" and SAP's "20210503" read "2021-05-03", whatever follows behind a blank
// kept; SAP's "00000000" is none; what is no date stays.
std::string date_of(const std::string& cell, DateFormat format) {
  if (cell.find_first_not_of("0.") == std::string::npos) return {};
  const size_t end = std::min(cell.find_first_of(" T"), cell.size());
  const std::string_view day = std::string_view(cell).substr(0, end);
  std::vector<std::string_view> parts;
  for (size_t at = 0; at <= day.size();) {
    const size_t stop = std::min(day.find_first_of("-./", at), day.size());
    parts.push_back(day.substr(at, stop - at));
    at = stop + 1;
  }
  if (parts.size() == 1 && day.size() == 8) {
    parts = {day.substr(0, 4), day.substr(4, 2), day.substr(6, 2)};
  } else if (parts.size() == 3 && parts[0].size() < 4) {
    if (format == DateFormat::iso) return cell;
    if (format == DateFormat::mdy) std::swap(parts[0], parts[1]);
    std::swap(parts[0], parts[2]);
  }
  if (parts.size() != 3) return cell;
  const auto year = small_number(parts[0]), month = small_number(parts[1]),
             of_month = small_number(parts[2]);
  if (!year || !month || !of_month || *month < 1 || *month > 12 || *of_month < 1 ||
      *of_month > 31) {
    return cell;
  }
  const auto two = [](int n) { return (n < 10 ? "0" : "") + std::to_string(n); };
  const int whole_year = parts[0].size() == 2 ? 2000 + *year : *year;
  return std::to_string(whole_year) + "-" + two(*month) + "-" + two(*of_month) + cell.substr(end);
}

std::string normalised(const std::string& cell, MappedType type, DateFormat format) {
  if (cell.empty()) return cell;
  if (type == MappedType::decimal) return decimal_of(cell);
  if (type == MappedType::date) return date_of(cell, format);
  if (type == MappedType::boolean) {
    const std::string lower = lowered(cell);
    if (lower == "1" || lower == "x" || lower == "true" || lower == "yes") return "true";
    if (lower == "0" || lower == "false" || lower == "no") return "false";
  }
  return cell;
}

// "12.5" for 12.50000001: what sums of money need, and no more.
std::string four_decimals(double value) {
  std::array<char, 400> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value,
                                 std::chars_format::fixed, 4)
                       .ptr;
  std::string text(digits.data(), end);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

// All rows of one entity, of all its tables.
struct EntityRows {
  const Entity* entity = nullptr;
  std::vector<std::string> columns;
  std::vector<Row> rows;
  std::map<std::string, size_t> by_key;

  std::optional<size_t> column(std::string_view name) const {
    const auto found = std::ranges::find(columns, name);
    if (found == columns.end()) return {};
    return static_cast<size_t>(found - columns.begin());
  }
  std::string cell(const Row& row, std::string_view name) const {
    const auto at = column(name);
    return at && *at < row.size() ? row[*at] : std::string();
  }
  // Empty if one of its columns is.
  std::string key(const Row& row, const std::vector<std::string>& names) const {
    std::string key;
    for (const std::string& name : names) {
      const std::string part = cell(row, name);
      if (part.empty()) return {};
      key += (key.empty() ? "" : "/") + part;
    }
    return key;
  }
};

class Mapper {
 public:
  explicit Mapper(const Mapping& mapping) : mapping_(mapping) {
    for (const Entity& entity : mapping.entities) {
      all_.push_back({.entity = &entity, .columns = {}, .rows = {}, .by_key = {}});
    }
  }

  MappedRecords map(const std::vector<SourceTable>& tables) {
    for (const SourceTable& source : tables) {
      bool is_claimed = false;
      for (EntityRows& rows : all_) {
        if (!claims(*rows.entity, source.name)) continue;
        is_claimed = true;
        take(source, rows);
      }
      if (!is_claimed) warn("\"" + source.name + "\" is of no entity of the mapping");
    }
    for (EntityRows& rows : all_) normalise(rows);
    find_families();
    for (size_t e = 0; e < all_.size(); ++e) make_documents(e);
    make_tables();
    return std::move(result_);
  }

 private:
  using RowId = std::pair<size_t, size_t>;  // entity, row

  void warn(std::string text) {
    if (warned_.insert(text).second) result_.warnings.push_back(one_line(text));
  }

  // --- rows

  void take(const SourceTable& source, EntityRows& all) {
    const Entity& entity = *all.entity;
    std::vector<std::string> names;
    for (const Column& column : source.table.columns) names.push_back(column.name);
    std::vector<const Row*> rows;
    const bool was_headed = names.empty() || !names.front().starts_with("column ");
    if (!entity.header.empty()) {
      if (was_headed && names != entity.header) rows.push_back(&names);
    }
    for (const Row& row : source.table.rows) rows.push_back(&row);
    const auto& header = entity.header.empty() ? names : entity.header;
    std::vector<size_t> places;
    for (const std::string& name : header) {
      const auto known = all.column(name);
      if (!known) all.columns.push_back(name);
      places.push_back(known ? *known : all.columns.size() - 1);
    }
    for (const Row* row : rows) add_row(*row, places, source.name, all);
  }

  void add_row(const Row& cells,
               const std::vector<size_t>& places,
               const std::string& from,
               EntityRows& all) {
    Row row(all.columns.size());
    for (size_t i = 0; i < std::min(cells.size(), places.size()); ++i) row[places[i]] = cells[i];
    const Entity& entity = *all.entity;
    const std::string key = all.key(row, entity.key);
    if (key.empty()) {
      return warn("rows of \"" + from + "\" have no key (" + entity.key.front() +
                  ", ...) and were left out");
    }
    const auto [known, is_new] = all.by_key.try_emplace(key, all.rows.size());
    if (is_new) {
      all.rows.push_back(std::move(row));
      return;
    }
    Row& before = all.rows[known->second];
    const bool is_older = !entity.updated_at.empty() &&
                          all.cell(row, entity.updated_at) < all.cell(before, entity.updated_at);
    if (!is_older) before = std::move(row);
  }

  void normalise(EntityRows& all) {
    const Entity& entity = *all.entity;
    for (const auto& [name, about] : entity.columns) {
      const auto column = all.column(name);
      if (about.formula) continue;
      if (!column) {
        if (!all.rows.empty()) warn_missing(entity, name);
        continue;
      }
      for (Row& row : all.rows) {
        row.resize(all.columns.size());
        row[*column] = normalised(row[*column], about.type, mapping_.date_format);
      }
    }
    for (Row& row : all.rows) row.resize(all.columns.size());
    for (const auto& [name, about] : entity.columns) {
      if (about.formula && !all.rows.empty()) compute(all, name, *about.formula);
    }
    if (entity.deleted) drop_deleted(all, *entity.deleted);
  }

  void compute(EntityRows& all, const std::string& name, const Formula& formula) {
    all.columns.push_back(name);
    for (Row& row : all.rows) {
      const auto value = formula.value([&](const std::string& column) {
        if (!all.column(column)) warn_missing(*all.entity, column);
        return number_from<double>(all.cell(row, column));
      });
      row.push_back(value ? four_decimals(*value) : std::string());
    }
  }

  void warn_missing(const Entity& entity, const std::string& column) {
    warn("no export of \"" + entity.name + "\" has the column \"" + column + "\"");
  }

  static void drop_deleted(EntityRows& all, const DeletedMark& mark) {
    std::erase_if(all.rows, [&](const Row& row) {
      return std::ranges::find(mark.values, all.cell(row, mark.column)) != mark.values.end();
    });
    all.by_key.clear();
    for (size_t i = 0; i < all.rows.size(); ++i) {
      all.by_key.emplace(all.key(all.rows[i], all.entity->key), i);
    }
  }

  // --- which row belongs to which

  std::optional<RowId> find(const EntityRows& from,
                            const Row& row,
                            const MappedReference& reference) const {
    const auto to = std::ranges::find_if(
        all_, [&](const EntityRows& rows) { return rows.entity->name == reference.entity; });
    const std::string key = from.key(row, reference.key);
    const auto found = to->by_key.find(key);
    if (key.empty() || found == to->by_key.end()) return {};
    return RowId{static_cast<size_t>(to - all_.begin()), found->second};
  }

  std::optional<RowId> parent_of(const RowId& id) const {
    const EntityRows& from = all_[id.first];
    if (!from.entity->parent) return {};
    return find(from, from.rows[id.second], *from.entity->parent);
  }

  void find_families() {
    for (size_t e = 0; e < all_.size(); ++e) {
      for (size_t r = 0; r < all_[e].rows.size(); ++r) {
        if (const auto parent = parent_of({e, r})) children_[*parent].push_back({e, r});
      }
    }
  }

  // --- templates

  // {Column}, or {reference.Column}; "parent" is a reference too.
  std::string field(const RowId& id, const std::string& name) {
    const EntityRows& from = all_[id.first];
    const Row& row = from.rows[id.second];
    const size_t dot = name.find('.');
    if (dot == std::string::npos || from.column(name)) {
      if (!from.column(name)) warn_missing(*from.entity, name);
      return from.cell(row, name);
    }
    const std::string as = name.substr(0, dot);
    std::optional<RowId> to;
    if (as == "parent") {
      to = parent_of(id);
    } else if (const auto reference = from.entity->references.find(as);
               reference != from.entity->references.end()) {
      to = find(from, row, reference->second);
    } else {
      warn("entity \"" + from.entity->name + "\" has no reference \"" + as + "\"");
    }
    return to ? field(*to, name.substr(dot + 1)) : std::string();
  }

  struct Filled {
    std::string text;
    bool has_fields = false;
    bool has_value = false;
  };

  Filled fill(const RowId& id, std::string_view pattern) {
    Filled filled;
    while (!pattern.empty()) {
      const size_t open = std::min(pattern.find('{'), pattern.size());
      filled.text += pattern.substr(0, open);
      pattern.remove_prefix(open);
      const size_t close = pattern.find('}');
      if (close == std::string_view::npos) break;
      const std::string value = field(id, std::string(pattern.substr(1, close - 1)));
      filled.has_fields = true;
      filled.has_value |= !value.empty();
      filled.text += value;
      pattern.remove_prefix(close + 1);
    }
    filled.text += pattern;
    return filled;
  }

  std::string label_of(const Entity& entity, const std::string& column) const {
    const auto about = entity.columns.find(column);
    return about == entity.columns.end() || about->second.label.empty() ? column
                                                                        : about->second.label;
  }

  // "Label: value", for every column that says something; and what references lead to, by title.
  std::string all_fields(const RowId& id, std::string_view between) {
    const EntityRows& from = all_[id.first];
    const Row& row = from.rows[id.second];
    std::string text;
    const auto add = [&](const std::string& label, const std::string& value) {
      if (!text.empty()) text += between;
      text.append(label).append(": ").append(value);
    };
    for (size_t i = 0; i < from.columns.size(); ++i) {
      if (!row[i].empty()) add(label_of(*from.entity, from.columns[i]), row[i]);
    }
    for (const auto& [name, reference] : from.entity->references) {
      if (const auto to = find(from, row, reference)) add(name, title_of(*to));
    }
    return text;
  }

  std::string title_of(const RowId& id) {
    const EntityRows& from = all_[id.first];
    const std::string title = one_line(fill(id, from.entity->title).text);
    if (!title.empty()) return title;
    return one_line(from.entity->name + " " + from.key(from.rows[id.second], from.entity->key));
  }

  void write_body(const RowId& id, TextBuilder& out) {
    const Entity& entity = *all_[id.first].entity;
    if (entity.body.empty()) {
      out.add(canonical_text(all_fields(id, "\n")));
      return;
    }
    std::string_view rest = entity.body;
    while (!rest.empty()) {
      const size_t end = std::min(rest.find('\n'), rest.size());
      const Filled line = fill(id, rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (line.has_fields && !line.has_value) continue;
      out.add(canonical_text(line.text));
      out.end_line();
    }
  }

  // --- documents

  void make_documents(size_t e) {
    for (size_t r = 0; r < all_[e].rows.size(); ++r) {
      const RowId id{e, r};
      if (parent_of(id)) continue;  // it is part of its parent's
      const EntityRows& from = all_[e];
      const size_t document = result_.documents.size();
      TextBuilder out;
      const std::string title = title_of(id);
      out.add(from.entity->name + ": " + title);
      out.end_line();
      write_body(id, out);
      place_[id] = {document, {.start_char = 0, .end_char = out.n_chars()}};
      write_children(id, document, out);
      RecordDocument record{.member = member_of(id), .title = title, .text = out.take()};
      for (const std::string& column : from.entity->readers) {
        const std::string reader = from.cell(from.rows[r], column);
        if (!reader.empty()) record.readers.emplace_back(slice_chars(reader, 0, kReaderCharsMax));
      }
      result_.documents.push_back(std::move(record));
    }
  }

  std::string member_of(const RowId& id) const {
    const EntityRows& from = all_[id.first];
    const std::string key = from.key(from.rows[id.second], from.entity->key);
    return std::string(slice_chars(one_line(from.entity->name + "/" + key), 0, kMemberCharsMax));
  }

  // The rows that belong to a row, those of one entity together.
  void write_children(const RowId& id, size_t document, TextBuilder& out) {
    const auto children = children_.find(id);
    if (children == children_.end()) return;
    std::optional<size_t> entity;
    for (const RowId& child : children->second) {
      const Entity& of = *all_[child.first].entity;
      if (entity != child.first) {
        out.end_line();
        out.add((of.plural.empty() ? of.name : of.plural) + ":");
        out.end_line();
      }
      entity = child.first;
      const std::string line =
          of.line.empty() ? all_fields(child, "; ") : fill(child, of.line).text;
      const CharRange range = out.add(cell_text(line));
      out.end_line();
      place_[child] = {document, {.start_char = range.start_char, .end_char = range.end_char}};
      write_children(child, document, out);
    }
  }

  // --- tables

  void make_tables() {
    for (size_t e = 0; e < all_.size(); ++e) {
      EntityRows& from = all_[e];
      if (from.rows.empty()) continue;
      EntityTable mapped{.entity = from.entity, .table = {}, .documents = {}};
      std::vector<Row> rows = from.rows;
      rows.insert(rows.begin(), from.columns);
      Result<Table> table = make_table(std::move(rows), one_line(from.entity->name));
      if (!table) {
        warn("entity \"" + from.entity->name + "\" has no table: " + table.error());
        continue;
      }
      if (table->rows.size() != from.rows.size()) {  // its columns have names that none can have
        warn("entity \"" + from.entity->name + "\" has no table: two of its columns have one " +
             "name, or one has a number for a name");
        continue;
      }
      mapped.table = *std::move(table);
      for (auto& column : mapped.table.columns) {
        const auto about = from.entity->columns.find(column.name);
        const bool is_text =
            about != from.entity->columns.end() && about->second.type == MappedType::text;
        if (is_text) column.type = ColumnType::text;
      }
      for (size_t r = 0; r < from.rows.size(); ++r) {
        const auto& [document, line] = place_.at({e, r});
        mapped.documents.push_back(document);
        mapped.table.lines.push_back(line);
      }
      result_.tables.push_back(std::move(mapped));
    }
  }

  const Mapping& mapping_;
  std::vector<EntityRows> all_;  // in the mapping's order
  std::map<RowId, std::vector<RowId>> children_;
  std::map<RowId, std::pair<size_t, RowLine>> place_;  // document, range
  std::set<std::string> warned_;
  MappedRecords result_;
};

}  // namespace

MappedRecords map_records(const Mapping& mapping, const std::vector<SourceTable>& tables) {
  return Mapper(mapping).map(tables);
}

}  // namespace widenet::ingest

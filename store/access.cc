#include "store/access.h"

#include <algorithm>

#include "base/utf8.h"
#include "store/document_rows.h"
#include "store/store.h"

namespace widenet::store {
bool may_read(const Reader& reader, const std::vector<std::string>& readers) {
  if (reader.reads_all || readers.empty()) return true;
  return std::ranges::any_of(readers, [&](const std::string& name) {
    return std::ranges::find(reader.names, name) != reader.names.end();
  });
}

bool is_reader_name(const std::string& name) {
  constexpr int64_t kCharsMax = 200;
  return !name.empty() && is_valid_utf8(name) && count_chars(name) <= kCharsMax &&
         name.find('\n') == std::string::npos;
}

std::optional<std::string> readable_condition(Database& db,
                                              CollectionId collection,
                                              const Reader& reader) {
  if (reader.reads_all) return {};
  const bool is_open = !db.find_integer(
      "SELECT 1 FROM documents WHERE collection_id = ?1 AND readers_id <> 0 LIMIT 1", collection);
  if (is_open) return {};
  std::string ids;
  auto lists = db.query("SELECT id, readers FROM reader_lists");
  while (lists.step()) {
    if (!may_read(reader, split_lines(lists.text(1)))) continue;
    if (!ids.empty()) ids += ", ";
    ids += std::to_string(lists.integer(0));
  }
  return "readers_id IN (" + ids + ")";
}

int64_t reader_list(Database& db, std::vector<std::string> readers) {
  for (const std::string& name : readers) {
    if (is_reader_name(name)) continue;
    throw StoreError("cannot name \"" + to_valid_utf8(name) +
                     "\" as a reader: a name is UTF-8 of 1 to 200 characters on one line");
  }
  std::ranges::sort(readers);
  readers.erase(std::unique(readers.begin(), readers.end()), readers.end());
  const std::string lines = joined(readers);
  if (const auto known = db.find_integer("SELECT id FROM reader_lists WHERE readers = ?1", lines)) {
    return *known;
  }
  db.run("INSERT INTO reader_lists (readers) VALUES (?1)", lines);
  return db.last_insert_id();
}

}  // namespace widenet::store

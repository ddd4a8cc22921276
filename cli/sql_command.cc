// `widenet sql`: one SELECT over the tables of a collection.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/support.h"

namespace widenet::cli {
namespace {

struct SqlOptions {
  DataOptions data;
  std::string sql;
  std::string collection;
  int64_t rows_max = store::TableLimits().rows_max;
  std::vector<std::string> names;  // of the reader; none: the operator
  bool json = false;
};

nlohmann::json to_json(const store::TableCell& cell) {
  return std::visit(
      [](const auto& value) -> nlohmann::json {
        if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::monostate>) {
          return nullptr;
        } else {
          return value;
        }
      },
      cell);
}

std::string shown(const store::TableCell& cell) {
  const auto json = to_json(cell);
  if (json.is_null()) return {};
  return json.is_string() ? json.get<std::string>() : json.dump();
}

void print(const store::TableRows& found) {
  for (size_t i = 0; i < found.columns.size(); ++i) {
    std::printf("%s%s", i > 0 ? "\t" : "", found.columns[i].c_str());
  }
  std::printf("\n");
  for (const auto& row : found.rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      std::printf("%s%s", i > 0 ? "\t" : "", shown(row[i]).c_str());
    }
    std::printf("\n");
  }
  if (found.is_cut) std::fprintf(stderr, "widenet: there are more rows than these\n");
}

void print_json(const store::TableRows& found) {
  nlohmann::json rows = nlohmann::json::array();
  for (const auto& row : found.rows) {
    nlohmann::json cells = nlohmann::json::array();
    for (const auto& cell : row) cells.push_back(to_json(cell));
    rows.push_back(std::move(cells));
  }
  const nlohmann::json json = {
      {"columns", found.columns}, {"rows", rows}, {"is_cut", found.is_cut}};
  std::printf("%s\n", json.dump(2).c_str());
}

void run(const SqlOptions& options) {
  const auto store = open_store(options.data);
  const auto collection = find_collection(*store, options.collection);
  const auto found = store->read_tables(collection.id, reader_named(options.names))
                         ->query(options.sql, {.rows_max = options.rows_max});
  if (!found) {
    throw CommandError("cannot query the tables of \"" + options.collection +
                       "\": " + found.error() + " (widenet ls " + options.collection +
                       " lists tables and columns)");
  }
  options.json ? print_json(*found) : print(*found);
}

}  // namespace

void add_sql_command(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("sql", "Run a SELECT over the tables of a collection");
  const auto options = std::make_shared<SqlOptions>();
  verb->add_option("sql", options->sql, "One SELECT; _row and _document say where a row is from")
      ->required();
  verb->add_option("--collection", options->collection, "Whose tables")->required();
  add_reader_option(*verb, options->names);
  verb->add_option("--limit", options->rows_max, "Rows to print at most")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  verb->add_flag("--json", options->json, "Print JSON");
  add_data_option(*verb, options->data);
  verb->callback([options] { run(*options); });
}

}  // namespace widenet::cli

// `widenet ls`: which collections, documents and tables there are, their state and errors.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/support.h"

namespace widenet::cli {
namespace {

struct LsOptions {
  DataOptions data;
  std::string collection;
  bool json = false;
};

std::vector<store::Document> documents_of(const store::Store& store, store::CollectionId id) {
  std::vector<store::Document> all;
  for (store::Paging paging;;) {
    auto page = store.documents(id, paging);
    if (page.empty()) return all;
    paging.after_id = page.back().id;
    all.insert(all.end(), page.begin(), page.end());
  }
}

nlohmann::json to_json(const store::Collection& c) {
  return {{"id", c.id},
          {"name", c.name},
          {"ready", c.n_ready},
          {"pending", c.n_pending},
          {"failed", c.n_failed},
          {"chunks", c.n_chunks},
          {"tokens", c.n_tokens},
          {"characters", c.n_chars},
          {"bytes", c.original_bytes}};
}

nlohmann::json to_json(const store::Document& d) {
  return {{"id", d.id},           {"key", d.key},           {"title", d.title},
          {"format", d.format},   {"version", d.version},   {"state", name_of(d.state)},
          {"error", d.error},     {"warnings", d.warnings}, {"pages", d.n_pages},
          {"chunks", d.n_chunks}, {"tokens", d.n_tokens},   {"bytes", d.bytes}};
}

const char* name_of(store::TableColumnType type) {
  switch (type) {
    case store::TableColumnType::text:
      return "text";
    case store::TableColumnType::integer:
      return "integer";
    case store::TableColumnType::real:
      return "real";
    case store::TableColumnType::date:
      return "date";
    case store::TableColumnType::boolean:
      return "boolean";
  }
  return "";
}

nlohmann::json to_json(const store::RecordTable& table) {
  nlohmann::json columns = nlohmann::json::array();
  for (const auto& column : table.columns) {
    columns.push_back({{"name", column.name}, {"type", name_of(column.type)}});
  }
  return {{"name", table.name},
          {"document", table.document},
          {"rows", table.n_rows},
          {"columns", std::move(columns)}};
}

template <typename Items>
nlohmann::json array_of(const Items& items) {
  nlohmann::json array = nlohmann::json::array();
  for (const auto& item : items) array.push_back(to_json(item));
  return array;
}

void print(const store::Collection& c) {
  std::printf("%-24s %6s ready", c.name.c_str(), grouped(c.n_ready).c_str());
  if (c.n_pending > 0) std::printf(", %s pending", grouped(c.n_pending).c_str());
  if (c.n_failed > 0) std::printf(", %s failed", grouped(c.n_failed).c_str());
  std::printf("  %s tokens\n", grouped(c.n_tokens).c_str());
}

void print(const store::Document& d) {
  const std::string label = "D" + std::to_string(d.id);
  std::printf("%-6s %-10s %9s tokens  %s", label.c_str(), name_of(d.state),
              grouped(d.n_tokens).c_str(), d.key.c_str());
  if (!d.title.empty() && d.title != d.key) std::printf("  \"%s\"", d.title.c_str());
  std::printf("\n");
  if (!d.error.empty()) std::printf("       %s\n", d.error.c_str());
  for (const auto& warning : d.warnings) std::printf("       warning: %s\n", warning.c_str());
}

void print(const store::RecordTable& table) {
  std::printf("table  \"%s\", %s:", table.name.c_str(), counted(table.n_rows, "row").c_str());
  for (const auto& column : table.columns) std::printf(" \"%s\"", column.name.c_str());
  std::printf("\n");
}

void run(const LsOptions& options) {
  const auto store = open_store(options.data);
  if (options.collection.empty()) {
    const auto collections = store->collections();
    if (options.json) {
      std::printf("%s\n", nlohmann::json{{"collections", array_of(collections)}}.dump(2).c_str());
      return;
    }
    for (const auto& collection : collections) print(collection);
    if (collections.empty()) std::printf("No documents yet: add some with widenet ingest.\n");
    return;
  }
  const auto collection = find_collection(*store, options.collection).id;
  const auto documents = documents_of(*store, collection);
  const auto tables = store->record_tables({collection});
  if (options.json) {
    const nlohmann::json json = {{"documents", array_of(documents)}, {"tables", array_of(tables)}};
    std::printf("%s\n", json.dump(2).c_str());
    return;
  }
  for (const auto& document : documents) print(document);
  for (const auto& table : tables) print(table);
}

}  // namespace

void add_ls_command(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("ls", "List collections, or the documents of one");
  const auto options = std::make_shared<LsOptions>();
  verb->add_option("collection", options->collection, "Whose documents to list");
  verb->add_flag("--json", options->json, "Print JSON");
  add_data_option(*verb, options->data);
  verb->callback([options] { run(*options); });
}

}  // namespace widenet::cli

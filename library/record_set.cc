#include "library/record_set.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/file.h"
#include "ingest/records.h"
#include "ingest/text.h"
#include "ingest/zip_writer.h"
#include "library/typed_table.h"

namespace widenet::library {
namespace {

constexpr size_t kMappingBytesMax = 1 << 20;
constexpr size_t kExportBytesMax = size_t{512} << 20;

std::string member_name(const ingest::ExtractedDocument& document) {
  const auto name = document.metadata.find("name");
  return name == document.metadata.end() ? std::string() : name->second;
}

std::string_view last_part(std::string_view path) {
  return path.substr(path.find_last_of('/') + 1);
}

// A file of one table is known by its own name, a workbook's sheets by "book.xlsx/Sheet".
std::vector<ingest::SourceTable> tables_of(
    const std::vector<ingest::ExtractedDocument>& extracted) {
  std::vector<ingest::SourceTable> tables;
  for (const auto& document : extracted) {
    const std::string file(last_part(member_name(document)));
    const bool has_sheets = document.format == "xlsx" || document.format == "ods";
    for (const auto& table : document.tables) {
      const bool is_named =
          has_sheets || (document.format == "json" && table.name != ingest::stem_of(file));
      tables.push_back({.name = is_named ? file + "/" + table.name : file, .table = table});
    }
  }
  return tables;
}

nlohmann::json reference_json(const ingest::MappedReference& reference) {
  return {{"entity", reference.entity}, {"key", reference.key}};
}

// What questions call the table and its columns (answer/table_schema.h).
nlohmann::json description_of(const ingest::Entity& entity) {
  nlohmann::json references = nlohmann::json::object();
  for (const auto& [name, reference] : entity.references) {
    references[name] = reference_json(reference);
  }
  nlohmann::json columns = nlohmann::json::object();
  for (const auto& [name, column] : entity.columns) {
    columns[name] = {{"words", column.words}};
    if (!column.label.empty()) columns[name]["label"] = column.label;
    if (!column.unit.empty()) columns[name]["unit"] = column.unit;
  }
  nlohmann::json description = {{"plural", entity.plural}, {"words", entity.words},
                                {"key", entity.key},       {"title", entity.title},
                                {"columns", columns},      {"references", references}};
  if (entity.parent) description["parent"] = reference_json(*entity.parent);
  return description;
}

ingest::ExtractedDocument document_of(ingest::RecordDocument record) {
  ingest::ExtractedDocument document;
  document.title = std::move(record.title);
  document.format = "record";
  document.text = std::move(record.text);
  document.metadata["name"] = std::move(record.member);
  return document;
}

bool claims_file(const ingest::Mapping& mapping, std::string_view name) {
  return std::ranges::any_of(mapping.entities, [&](ingest::Entity entity) {
    for (std::string& pattern : entity.files)
      pattern.resize(std::min(pattern.find('/'), pattern.size()));
    return ingest::claims(entity, name);
  });
}

}  // namespace

std::optional<Result<RecordSet>> read_record_set(
    const std::vector<ingest::ExtractedDocument>& extracted) {
  if (extracted.empty() || extracted.front().format != "zip") return {};
  const auto file = std::ranges::find(extracted, kMappingName, member_name);
  if (file == extracted.end()) return {};
  const auto mapping = ingest::parse_mapping(file->text);
  if (!mapping) {
    return Result<RecordSet>(
        Unexpected("its mapping cannot be used: " + mapping.error() + " (in mapping.toml)"));
  }
  ingest::MappedRecords mapped = ingest::map_records(*mapping, tables_of(extracted));
  RecordSet set;
  set.warnings = std::move(mapped.warnings);
  for (auto& record : mapped.documents) {
    set.readers.push_back(std::move(record.readers));
    set.documents.push_back(document_of(std::move(record)));
  }
  for (const auto& table : mapped.tables) {
    auto typed = typed_table(table.table);
    if (!typed) {
      set.warnings.push_back(typed.error());
      continue;
    }
    auto description = nlohmann::json::parse(typed->description_json);  // what the cells say
    description.merge_patch(description_of(*table.entity));
    typed->description_json = description.dump();
    typed->parts = table.documents;
    set.tables.push_back(*std::move(typed));
  }
  if (set.documents.empty()) {
    return Result<RecordSet>(
        Unexpected("no row of its exports became a document" +
                   (set.warnings.empty() ? std::string() : ": " + set.warnings.front())));
  }
  return Result<RecordSet>(std::move(set));
}

store::Added add_record_set(store::Store& store,
                            store::CollectionId collection,
                            const std::string& key,
                            const std::filesystem::path& mapping_file,
                            std::vector<SourceFile>& files,
                            std::optional<store::JobId> job,
                            const std::optional<std::vector<std::string>>& readers) {
  const std::string toml = read_file(mapping_file, kMappingBytesMax);
  const auto mapping = ingest::parse_mapping(toml);
  if (!mapping) {
    throw MappingError("cannot use the mapping \"" + mapping_file.string() +
                       "\": " + mapping.error());
  }
  const auto is_export = [&](const SourceFile& file) {
    return claims_file(*mapping, file.path.filename().string());
  };
  std::vector<std::pair<std::string, std::string>> packed = {{kMappingName, toml}};
  for (const SourceFile& file : files) {
    if (is_export(file)) packed.emplace_back(file.key, read_file(file.path, kExportBytesMax));
  }
  if (packed.size() == 1) {
    throw MappingError("cannot use the mapping \"" + mapping_file.string() +
                       "\": none of the files is an export that it names (see its `files`)");
  }
  std::erase_if(files, is_export);
  store::NewDocument document;
  document.collection = collection;
  document.key = key;
  document.format = "zip";
  document.sha256 = store.put_original(ingest::write_zip(packed));
  document.job = job;
  document.readers = readers;
  return store.add_document(document);
}

}  // namespace widenet::library

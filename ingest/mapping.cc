#include "ingest/mapping.h"

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "ingest/text.h"

namespace widenet::ingest {
namespace {

constexpr size_t kEntitiesMax = 100;

// Inside this file only: what is wrong with the mapping.
struct Refusal {
  std::string reason;
};

[[noreturn]] void refuse(const toml::node& where, const std::string& what) {
  throw Refusal{"line " + std::to_string(where.source().begin.line) + ": " + what};
}

std::string text_in(const toml::node& node, const std::string& key) {
  const auto* text = node.as_string();
  if (text == nullptr) refuse(node, "\"" + key + "\" must be a text");
  return text->get();
}

std::vector<std::string> texts_in(const toml::node& node, const std::string& key) {
  if (node.is_string()) return {text_in(node, key)};
  const auto* array = node.as_array();
  if (array == nullptr) refuse(node, "\"" + key + "\" must be a text or a list of texts");
  std::vector<std::string> texts;
  for (const auto& item : *array) texts.push_back(text_in(item, key));
  return texts;
}

const toml::table& table_in(const toml::node& node, const std::string& key) {
  const auto* table = node.as_table();
  if (table == nullptr) refuse(node, "\"" + key + "\" must be a table");
  return *table;
}

template <typename Value, size_t n>
Value named(const toml::node& node,
            const std::string& key,
            const std::array<std::pair<std::string_view, Value>, n>& names) {
  const std::string text = text_in(node, key);
  std::string known;
  for (const auto& [name, value] : names) {
    if (name == text) return value;
    known += (known.empty() ? "" : ", ") + std::string(name);
  }
  refuse(node, "\"" + key + "\" must be one of " + known);
}

[[noreturn]] void refuse_key(const toml::key& key, std::string_view where) {
  throw Refusal{"line " + std::to_string(key.source().begin.line) + ": \"" +
                std::string(key.str()) + "\" is no setting of " + std::string(where)};
}

MappedReference reference_in(const toml::node& node, const std::string& name) {
  MappedReference reference;
  for (const auto& [key, value] : table_in(node, name)) {
    if (key == "entity") {
      reference.entity = text_in(value, "entity");
    } else if (key == "key") {
      reference.key = texts_in(value, "key");
    } else {
      refuse_key(key, name);
    }
  }
  if (reference.entity.empty() || reference.key.empty()) {
    refuse(node, "\"" + name + "\" needs an entity and a key");
  }
  return reference;
}

DeletedMark deleted_in(const toml::node& node) {
  DeletedMark mark;
  for (const auto& [key, value] : table_in(node, "deleted")) {
    if (key == "column") {
      mark.column = text_in(value, "column");
    } else if (key == "values") {
      mark.values = texts_in(value, "values");
    } else {
      refuse_key(key, "deleted");
    }
  }
  if (mark.column.empty() || mark.values.empty()) {
    refuse(node, "\"deleted\" needs a column and values");
  }
  return mark;
}

MappedColumn column_in(const toml::node& node, const std::string& name) {
  constexpr std::array<std::pair<std::string_view, MappedType>, 5> kTypes = {
      {{"text", MappedType::text},
       {"integer", MappedType::integer},
       {"decimal", MappedType::decimal},
       {"date", MappedType::date},
       {"boolean", MappedType::boolean}}};
  MappedColumn column;
  for (const auto& [key, value] : table_in(node, name)) {
    if (key == "type") {
      column.type = named(value, "type", kTypes);
    } else if (key == "label") {
      column.label = text_in(value, "label");
    } else if (key == "words") {
      column.words = texts_in(value, "words");
    } else if (key == "unit") {
      column.unit = text_in(value, "unit");
    } else if (key == "formula") {
      auto formula = Formula::parse(text_in(value, "formula"));
      if (!formula) refuse(value, formula.error());
      column.formula = *std::move(formula);
    } else {
      refuse_key(key, "column \"" + name + "\"");
    }
  }
  return column;
}

void read_setting(const std::string& name,
                  const toml::key& key,
                  const toml::node& value,
                  Entity& entity) {
  if (name == "name") {
    entity.name = text_in(value, name);
  } else if (name == "plural") {
    entity.plural = text_in(value, name);
  } else if (name == "words") {
    entity.words = texts_in(value, name);
  } else if (name == "files") {
    entity.files = texts_in(value, name);
  } else if (name == "header") {
    entity.header = texts_in(value, name);
  } else if (name == "key") {
    entity.key = texts_in(value, name);
  } else if (name == "title") {
    entity.title = text_in(value, name);
  } else if (name == "body") {
    entity.body = text_in(value, name);
  } else if (name == "line") {
    entity.line = text_in(value, name);
  } else if (name == "updated_at") {
    entity.updated_at = text_in(value, name);
  } else if (name == "deleted") {
    entity.deleted = deleted_in(value);
  } else if (name == "readers") {
    entity.readers = texts_in(value, name);
  } else if (name == "parent") {
    entity.parent = reference_in(value, name);
  } else if (name == "references") {
    for (const auto& [as, to] : table_in(value, name)) {
      entity.references[std::string(as.str())] = reference_in(to, std::string(as.str()));
    }
  } else if (name == "columns") {
    for (const auto& [column, about] : table_in(value, name)) {
      entity.columns[std::string(column.str())] = column_in(about, std::string(column.str()));
    }
  } else {
    refuse_key(key, "an entity");
  }
}

Entity entity_in(const toml::node& node) {
  Entity entity;
  for (const auto& [key, value] : table_in(node, "entity")) {
    read_setting(std::string(key.str()), key, value, entity);
  }
  if (entity.name.empty() || entity.name.find('/') != std::string::npos) {
    refuse(node, "an entity needs a name, without \"/\"");
  }
  if (entity.files.empty()) {
    refuse(node, "entity \"" + entity.name + "\" needs files: names or patterns of its exports");
  }
  if (entity.key.empty()) {
    refuse(node,
           "entity \"" + entity.name + "\" needs a key: the columns that tell its rows apart");
  }
  return entity;
}

const Entity* find_entity(const Mapping& mapping, const std::string& name) {
  const auto found = std::ranges::find(mapping.entities, name, &Entity::name);
  return found == mapping.entities.end() ? nullptr : &*found;
}

void check_reference(const Mapping& mapping,
                     const Entity& entity,
                     const MappedReference& reference) {
  const Entity* to = find_entity(mapping, reference.entity);
  if (to == nullptr) {
    throw Refusal{"entity \"" + entity.name + "\" refers to \"" + reference.entity +
                  "\", which is no entity here"};
  }
  if (to->key.size() != reference.key.size()) {
    throw Refusal{"entity \"" + entity.name + "\" refers to \"" + to->name + "\" by " +
                  std::to_string(reference.key.size()) + " columns; its key has " +
                  std::to_string(to->key.size())};
  }
}

void check_parents(const Mapping& mapping, const Entity& entity) {
  std::set<std::string> seen = {entity.name};
  for (const Entity* at = &entity; at->parent;) {
    at = find_entity(mapping, at->parent->entity);
    if (!seen.insert(at->name).second) {
      throw Refusal{"entity \"" + entity.name + "\" is its own parent"};
    }
  }
}

void check(const Mapping& mapping) {
  if (mapping.entities.empty()) throw Refusal{"it has no [[entity]]"};
  if (mapping.entities.size() > kEntitiesMax) throw Refusal{"it has more than 100 entities"};
  std::set<std::string> names;
  for (const Entity& entity : mapping.entities) {
    if (!names.insert(lowered(entity.name)).second) {
      throw Refusal{"two entities are called \"" + entity.name + "\""};
    }
    if (entity.parent) check_reference(mapping, entity, *entity.parent);
    for (const auto& [name, reference] : entity.references) {
      check_reference(mapping, entity, reference);
    }
  }
  for (const Entity& entity : mapping.entities) check_parents(mapping, entity);
}

Mapping mapping_in(const toml::table& file) {
  constexpr std::array<std::pair<std::string_view, DateFormat>, 3> kFormats = {
      {{"iso", DateFormat::iso}, {"dmy", DateFormat::dmy}, {"mdy", DateFormat::mdy}}};
  Mapping mapping;
  for (const auto& [key, value] : file) {
    if (key == "name") {
      mapping.name = text_in(value, "name");
    } else if (key == "date_format") {
      mapping.date_format = named(value, "date_format", kFormats);
    } else if (key == "entity" && value.is_array_of_tables()) {
      for (const auto& entity : *value.as_array()) mapping.entities.push_back(entity_in(entity));
    } else {
      refuse_key(key, "a mapping");
    }
  }
  check(mapping);
  return mapping;
}

bool matches(std::string_view pattern, std::string_view name) {
  if (pattern.empty()) return name.empty();
  if (pattern.front() == '*') {
    return matches(pattern.substr(1), name) || (!name.empty() && matches(pattern, name.substr(1)));
  }
  return !name.empty() && (pattern.front() == '?' || pattern.front() == name.front()) &&
         matches(pattern.substr(1), name.substr(1));
}

}  // namespace

Result<Mapping> parse_mapping(std::string_view toml_text) {
  try {
    return mapping_in(toml::parse(toml_text));
  } catch (const Refusal& refusal) {
    return Unexpected{refusal.reason};
  } catch (const toml::parse_error& error) {
    return Unexpected{"line " + std::to_string(error.source().begin.line) + ": " +
                      std::string(error.description())};
  }
}

bool claims(const Entity& entity, std::string_view name) {
  const std::string lower = lowered(name);
  return std::ranges::any_of(
      entity.files, [&](const std::string& pattern) { return matches(lowered(pattern), lower); });
}

}  // namespace widenet::ingest

#include "cli/api_keys.h"

#include <algorithm>
#include <set>

#include "cli/support.h"

namespace widenet::cli {
namespace {

std::vector<std::string> names_in(const toml::node& value, const std::string& what) {
  std::vector<std::string> names;
  const auto* array = value.as_array();
  if (array == nullptr) throw CommandError(what + " must be an array of strings");
  for (const auto& each : *array) {
    const auto name = each.value_exact<std::string>();
    if (!name || name->empty()) throw CommandError(what + " must hold strings that are not empty");
    names.push_back(*name);
  }
  return names;
}

std::string text_in(const toml::node& value, const std::string& what) {
  const auto text = value.value_exact<std::string>();
  if (!text || text->empty()) throw CommandError(what + " must be a string that is not empty");
  return *text;
}

bool is_digest(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

api::ApiKey read_key(const toml::table& table, const std::string& where) {
  api::ApiKey key;
  key.principal.reader.reads_all = false;
  key.principal.may_write = false;
  for (const auto& [setting, value] : table) {
    const std::string name(setting.str());
    const std::string what = where + ": \"" + name + "\"";
    if (name == "name") {
      key.principal.name = text_in(value, what);
    } else if (name == "sha256") {
      key.sha256 = text_in(value, what);
      if (!is_digest(key.sha256)) throw CommandError(what + " must be 64 digits of lower-case hex");
    } else if (name == "tenant") {
      key.principal.tenant = text_in(value, what);
      if (key.principal.tenant.find('/') != std::string::npos) {
        throw CommandError(what + " must have no slash");
      }
    } else if (name == "collections") {
      key.principal.collections = names_in(value, what);
      if (key.principal.collections.empty()) throw CommandError(what + " must name some");
    } else if (name == "groups") {
      auto groups = names_in(value, what);
      key.principal.reader.reads_all = std::ranges::count(groups, "*") > 0;
      if (!key.principal.reader.reads_all) key.principal.reader.names = std::move(groups);
    } else if (name == "may") {
      const std::string may = text_in(value, what);
      if (may != "read" && may != "write") throw CommandError(what + " must be read or write");
      key.principal.may_write = may == "write";
    } else {
      throw CommandError(what +
                         " is no setting of a key (there are name, sha256, tenant, collections, "
                         "groups and may)");
    }
  }
  if (key.principal.name.empty() || key.sha256.empty()) {
    throw CommandError(where + " needs a name and a sha256");
  }
  return key;
}

}  // namespace

std::vector<api::ApiKey> read_api_keys(const toml::node& value,
                                       const std::filesystem::path& config) {
  const std::string problem = "cannot use the keys in \"" + config.string() + "\": ";
  const auto* tables = value.as_array();
  if (tables == nullptr || !tables->is_homogeneous(toml::node_type::table)) {
    throw CommandError(problem + "each begins with [[key]]");
  }
  std::vector<api::ApiKey> keys;
  std::set<std::string> owners, digests;
  for (const auto& table : *tables) {
    const std::string where = problem + "key " + std::to_string(keys.size() + 1);
    keys.push_back(read_key(*table.as_table(), where));
    const bool is_new = owners.insert(keys.back().principal.owner()).second &&
                        digests.insert(keys.back().sha256).second;
    if (!is_new) throw CommandError(where + " has the name or the sha256 of one before");
  }
  return keys;
}

}  // namespace widenet::cli

// Whose request it is, and what that one may see and do.
#pragma once

#include <string>
#include <vector>

#include "store/records.h"

namespace widenet::api {

// By default the operator: who asks without a key where none is needed, or with the server's own.
struct Principal {
  std::string name{};    // of its API key
  std::string tenant{};  // sees collections "TENANT/..." alone, without that prefix; empty: all
  std::vector<std::string> collections{};  // of these names alone, "crm-*" among them; empty: all
  store::Reader reader{};
  bool may_write = true;

  bool is_operator() const { return tenant.empty() && collections.empty() && reader.reads_all; }
  // As what its uploads and conversations are kept.
  std::string owner() const {
    return name.empty() && tenant.empty() ? std::string() : tenant + "/" + name;
  }
};

}  // namespace widenet::api

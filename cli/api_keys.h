// API keys in widenet.toml, beside the operator's.
//
//   [[key]]
//   name = "sales-app"
//   sha256 = "..."                     # of the key: printf %s "$KEY" | sha256sum
//   tenant = "acme"                    # sees collections "acme/..." alone, without that prefix
//   collections = ["crm", "papers-*"]  # of these alone; default: all of its tenant
//   groups = ["sales", "emea"]         # reads documents whose readers name one of these, beside
//                                      # those that name nobody; ["*"]: all documents
//   may = "write"                      # upload, change and delete; default "read"
#pragma once

#include <toml++/toml.h>

#include <filesystem>
#include <vector>

#include "api/http/guard.h"

namespace widenet::cli {

// `value` is what the configuration says of "key".  Throws CommandError naming what is wrong.
std::vector<api::ApiKey> read_api_keys(const toml::node& value,
                                       const std::filesystem::path& config);

}  // namespace widenet::cli

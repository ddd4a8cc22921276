// Files packed into a ZIP archive, in memory.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace widenet::ingest {

// The same files in the same order give the same bytes.  Names are UTF-8.
std::string write_zip(const std::vector<std::pair<std::string, std::string>>& files);

}  // namespace widenet::ingest

// What the extracting child does to itself before it looks at foreign bytes.  None of it can be
// undone.
#pragma once

#include <filesystem>

#include "ingest/extract_child.h"

namespace widenet::ingest {

// Memory, CPU time, file size, descriptors; no core dumps, no new privileges; death with the
// parent.  Throws ExtractError.
void limit_resources(const ExtractLimits& limits);

enum class Rights {
  parse_only,  // compute, read and write what is open, and end
  run_tools,   // also start programs, read the system's files, and write below `folder`
};

// Throws ExtractError if the kernel refuses the system-call filter.  Landlock is used where there
// is one.
void give_up_rights(Rights rights, const std::filesystem::path& folder);

}  // namespace widenet::ingest

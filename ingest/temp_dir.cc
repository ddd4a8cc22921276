#include "ingest/temp_dir.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <string>

#include "ingest/process.h"

namespace widenet::ingest {

TempDir::TempDir() {
  const char* base = getenv("TMPDIR");
  std::string pattern = (base == nullptr || *base == '\0') ? "/tmp" : base;
  pattern += "/widenet-XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) {
    throw ExtractError("cannot make a directory like " + pattern + ": " + strerror(errno));
  }
  path_ = pattern;
}

}  // namespace widenet::ingest

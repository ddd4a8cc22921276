// Any bytes, parsed as one format: no crash, and what comes out keeps the promises that the parent
// checks.
#include <string_view>

#include "base/check.h"
#include "ingest/extract.h"
#include "tests/fuzz/fuzz_target.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace widenet::ingest;  // NOLINT(google-build-using-namespace)
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto extraction = extract(WN_FUZZ_FORMAT, bytes, "name.csv");
  if (extraction) WN_CHECK(extraction_from_json(to_json(*extraction)).has_value());
  return 0;
}

// Any bytes as the output of a child that was taken over: refused, or accepted and then unchanged
// by another trip.
#include <string_view>

#include "base/check.h"
#include "ingest/document.h"
#include "tests/fuzz/fuzz_target.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace widenet::ingest;  // NOLINT(google-build-using-namespace)
  const auto extraction =
      extraction_from_json(std::string_view(reinterpret_cast<const char*>(data), size));
  if (extraction) WN_CHECK(extraction_from_json(to_json(*extraction)).has_value());
  return 0;
}

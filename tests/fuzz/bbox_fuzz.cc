// Any bytes as the output of pdftotext and tesseract, laid out into a page of text.
#include <string_view>

#include "base/check.h"
#include "ingest/pdf_layout.h"
#include "tests/fuzz/fuzz_target.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace widenet::ingest;  // NOLINT(google-build-using-namespace)
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto document = read_bbox_layout(bytes);
  if (!document) return 0;
  TextBuilder text;
  int32_t number = 0;
  int64_t at = 0;
  for (const LayoutPage& layout : document->pages) {
    const Page page = write_page(layout, ++number, text);
    WN_CHECK(at <= page.start_char && page.start_char <= page.end_char);
    at = page.end_char;
  }
  write_page(read_tesseract_tsv(bytes, 0.36F), ++number, text);
  WN_CHECK(is_canonical(text.text()));
  return 0;
}

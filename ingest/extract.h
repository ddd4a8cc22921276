// From bytes to documents, in this process.  Foreign bytes come here only inside the sandboxed
// child (ingest/extract_child.h); calling it elsewhere is for tests and fuzzers.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "ingest/document.h"

namespace widenet::ingest {

enum class Format {
  txt,
  md,
  html,
  pdf,
  docx,
  odt,
  xlsx,
  ods,
  pptx,
  odp,
  epub,
  csv,
  tsv,
  json,
  jsonl,
  eml,
  mbox,
  rtf,
  xml,
  zip
};

std::string_view format_name(Format format);
std::optional<Format> format_named(std::string_view name);

// Readers of PDF look for its mark among the first 1024 bytes; but a ZIP may begin with a PDF in
// it.
bool looks_like_pdf(std::string_view bytes);

// By content where it tells (a PDF stays one under any name), by the name's extension among the
// text formats.  The reason of a refusal says what the bytes are, if that is known.
Result<Format> detect_format(std::string_view bytes, std::string_view name);

// Parses `bytes` as what `format` names, or as what detect_format finds for "auto".  `name` is the
// file's name, for detection and titles; it is never opened.  The reason of a refusal is meant for
// the user and does not repeat the name.  Takes what memory and time the bytes make it take: limits
// are the sandbox's.  May throw std::bad_alloc.
Result<Extraction> extract(std::string_view format, std::string_view bytes, std::string_view name);

}  // namespace widenet::ingest

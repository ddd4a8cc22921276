// Plain text and Markdown: kept as they are, decoded and made canonical.
#include <utility>

#include "ingest/parsers.h"
#include "ingest/text.h"

namespace widenet::ingest {
namespace {

ExtractedDocument document_of(std::string_view format, std::string_view bytes) {
  const DecodedText decoded = decode_text(bytes);
  ExtractedDocument document;
  document.format = format;
  document.text = canonical_text(decoded.text);
  warn_of_guess(decoded, document);
  return document;
}

std::string_view next_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.size(), line.size() + 1));
  return line;
}

// The first heading, in either of Markdown's two ways; or front matter's "title:".
std::string title_of_markdown(std::string_view text) {
  std::string_view before;
  for (bool in_code = false; !text.empty();) {
    const std::string_view line = next_line(text);
    if (line.starts_with("```") || line.starts_with("~~~")) in_code = !in_code;
    if (in_code) continue;
    const size_t hashes = line.find_first_not_of('#');
    if (hashes != std::string_view::npos && hashes >= 1 && hashes <= 6 && line[hashes] == ' ') {
      const std::string_view heading = trimmed(line.substr(hashes));
      return one_line(heading.substr(0, heading.find_last_not_of("# ") + 1));
    }
    const bool underline = line.size() >= 3 && line.find_first_not_of('=') == line.npos;
    if (underline && !trimmed(before).empty()) return one_line(before);
    if (line.starts_with("title:")) {
      const std::string_view value = trimmed(line.substr(6));
      const bool quoted = value.size() > 1 && value.front() == '"' && value.back() == '"';
      return one_line(quoted ? value.substr(1, value.size() - 2) : value);
    }
    before = line;
  }
  return {};
}

Parsed single(ExtractedDocument document) {
  Extraction extraction;
  extraction.documents.push_back(std::move(document));
  return extraction;
}

}  // namespace

void warn_of_guess(const DecodedText& decoded, ExtractedDocument& document) {
  if (!decoded.guessed) return;
  document.warnings.push_back("the characters' encoding was guessed: " + decoded.charset);
}

Parsed parse_txt(std::string_view bytes, std::string_view) {
  return single(document_of("txt", bytes));
}

Parsed parse_md(std::string_view bytes, std::string_view) {
  ExtractedDocument document = document_of("md", bytes);
  document.title = title_of_markdown(document.text);
  return single(std::move(document));
}

}  // namespace widenet::ingest

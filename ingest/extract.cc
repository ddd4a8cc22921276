#include "ingest/extract.h"

#include <algorithm>
#include <array>
#include <utility>

#include "ingest/parsers.h"
#include "ingest/text.h"
#include "ingest/zip.h"

namespace widenet::ingest {
namespace {

struct FormatEntry {
  Format format;
  std::string_view name;
  Parsed (*parse)(std::string_view bytes, std::string_view name);
};

constexpr FormatEntry kFormats[] = {
    {Format::txt, "txt", parse_txt},       {Format::md, "md", parse_md},
    {Format::html, "html", parse_html},    {Format::pdf, "pdf", parse_pdf},
    {Format::docx, "docx", parse_docx},    {Format::odt, "odt", parse_odt},
    {Format::xlsx, "xlsx", parse_xlsx},    {Format::ods, "ods", parse_ods},
    {Format::pptx, "pptx", parse_pptx},    {Format::odp, "odp", parse_odp},
    {Format::epub, "epub", parse_epub},    {Format::csv, "csv", parse_csv},
    {Format::tsv, "tsv", parse_tsv},       {Format::json, "json", parse_json},
    {Format::jsonl, "jsonl", parse_jsonl}, {Format::eml, "eml", parse_eml},
    {Format::mbox, "mbox", parse_mbox},    {Format::rtf, "rtf", parse_rtf},
    {Format::xml, "xml", parse_xml},       {Format::zip, "zip", parse_zip},
};

struct Extension {
  std::string_view extension;
  Format format;
};
constexpr Extension kExtensions[] = {
    {"md", Format::md},       {"markdown", Format::md},  {"htm", Format::html},
    {"html", Format::html},   {"xhtml", Format::html},   {"csv", Format::csv},
    {"tsv", Format::tsv},     {"tab", Format::tsv},      {"json", Format::json},
    {"jsonl", Format::jsonl}, {"ndjson", Format::jsonl}, {"eml", Format::eml},
    {"xml", Format::xml},     {"rss", Format::xml},      {"atom", Format::xml},
    {"xsd", Format::xml},     {"xsl", Format::xml},      {"xslt", Format::xml},
    {"svg", Format::xml},     {"dbk", Format::xml},      {"kml", Format::xml},
    {"gpx", Format::xml},     {"plist", Format::xml},    {"wsdl", Format::xml},
};

// What is certainly not text, by its first bytes, and cannot be read.
struct Magic {
  std::string_view bytes;
  const char* reason;
};
constexpr Magic kUnreadable[] = {
    {"\xD0\xCF\x11\xE0",
     "this is an encrypted or pre-2007 Office file; save it as DOCX, XLSX, PPTX or PDF"},
    {"\x89PNG", "this is a PNG image"},
    {"\xFF\xD8\xFF", "this is a JPEG image"},
    {"GIF8", "this is a GIF image"},
    {"II*", "this is a TIFF image"},
    {"MM\0*", "this is a TIFF image"},
    {"\x1F\x8B", "this is a gzip archive; unpack it first"},
    {"BZh", "this is a bzip2 archive; unpack it first"},
    {"\xFD"
     "7zXZ",
     "this is an xz archive; unpack it first"},
    {"7z\xBC\xAF", "this is a 7z archive; unpack it first"},
    {"Rar!", "this is a RAR archive; unpack it first"},
    {"\x7F"
     "ELF",
     "this is a program"},
    {"MZ\x90", "this is a program"},
    {"SQLite format 3", "this is an SQLite database"},
};

// The kinds of ZIP that say what they are in an entry "mimetype"; templates end in more.
struct MimeType {
  std::string_view type;
  Format format;
};
constexpr MimeType kMimeTypes[] = {
    {"application/epub+zip", Format::epub},
    {"application/vnd.oasis.opendocument.text", Format::odt},
    {"application/vnd.oasis.opendocument.spreadsheet", Format::ods},
    {"application/vnd.oasis.opendocument.presentation", Format::odp},
};

// And those that do not, by an entry that they have.
struct Member {
  std::string_view prefix;
  Format format;
};
constexpr Member kMembers[] = {
    {"META-INF/container.xml", Format::epub},
    {"word/document", Format::docx},
    {"xl/workbook", Format::xlsx},
    {"ppt/presentation", Format::pptx},
};

bool looks_like_zip(std::string_view bytes) {
  return bytes.starts_with("PK\x03\x04") || bytes.starts_with("PK\x05\x06");
}

// By the names of entries, because an archive or a document may hold such files as they are.
Result<Format> detect_zip(std::string_view bytes) {
  std::optional<Format> by_member;
  bool is_binary = false;
  const auto entries = read_zip(bytes, [&](std::string_view name) {
    for (const Member& member : kMembers) {
      if (!by_member && name.starts_with(member.prefix)) by_member = member.format;
    }
    is_binary = is_binary || name == "xl/workbook.bin";
    return name == "mimetype";
  });
  if (entries && entries->contains("mimetype")) {
    const std::string_view type = trimmed(entries->at("mimetype"));
    for (const MimeType& known : kMimeTypes) {
      if (type.starts_with(known.type)) return known.format;
    }
    if (type.starts_with("application/vnd.oasis.opendocument")) {
      return Unexpected{"this is an OpenDocument drawing, formula or database; save it as PDF"};
    }
  }
  if (is_binary) return Unexpected{"this is a binary spreadsheet (XLSB); save it as XLSX"};
  return by_member.value_or(Format::zip);  // its parser says what is wrong with it
}

// Formats whose content is certain, so that a name that says another is worth a word.
constexpr std::array kCertain = {"pdf", "docx", "odt", "xlsx", "ods", "pptx", "odp", "epub"};

bool looks_like_html(std::string_view head) {
  const std::string lower = lowered(head.substr(0, 1024));
  return lower.starts_with("<!doctype html") || lower.starts_with("<html") ||
         (lower.starts_with("<!--") && lower.find("<html") != std::string::npos) ||
         (lower.starts_with("<?xml") && lower.find("<html") != std::string::npos);
}

// A header block that begins the text and has at least two of a mail's usual fields.
bool looks_like_mail(std::string_view text) {
  constexpr std::array kFields = {"from:",     "to:",         "subject:",      "date:",
                                  "received:", "message-id:", "mime-version:", "return-path:"};
  int64_t fields = 0;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (trimmed(line).empty()) break;
    if (line[0] == ' ' || line[0] == '\t') continue;
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) return false;
    if (line.substr(0, colon).find(' ') != std::string_view::npos) return false;
    const std::string field = lowered(line.substr(0, colon + 1));
    fields += std::find(kFields.begin(), kFields.end(), field) != kFields.end() ? 1 : 0;
  }
  return fields >= 2;
}

Format detect_text(std::string_view text, std::string_view extension) {
  const std::string_view head = trimmed(text.substr(0, 64 << 10));
  for (const Extension& known : kExtensions) {
    if (known.extension != extension) continue;
    const bool is_json = known.format == Format::json || known.format == Format::jsonl;
    const bool is_denied = (known.format != Format::html && looks_like_html(head)) ||
                           (is_json && !head.starts_with('{') && !head.starts_with('[')) ||
                           (known.format == Format::xml && !head.starts_with('<'));
    if (!is_denied) return known.format;
  }
  if (looks_like_html(head)) return Format::html;
  if (head.starts_with("<?xml")) return Format::xml;
  if (looks_like_mbox(head)) return Format::mbox;
  if (looks_like_mail(head)) return Format::eml;
  return Format::txt;
}

const FormatEntry& entry_of(Format format) {
  return *std::find_if(std::begin(kFormats), std::end(kFormats),
                       [&](const FormatEntry& entry) { return entry.format == format; });
}

}  // namespace

std::string_view format_name(Format format) {
  return entry_of(format).name;
}

std::optional<Format> format_named(std::string_view name) {
  for (const FormatEntry& entry : kFormats) {
    if (entry.name == name) return entry.format;
  }
  return std::nullopt;
}

bool looks_like_pdf(std::string_view bytes) {
  return !looks_like_zip(bytes) && bytes.substr(0, 1024).find("%PDF-") != std::string_view::npos;
}

Result<Format> detect_format(std::string_view bytes, std::string_view name) {
  if (bytes.empty()) return Unexpected{"the file is empty"};
  if (looks_like_zip(bytes)) return detect_zip(bytes);
  if (looks_like_pdf(bytes)) return Format::pdf;
  if (bytes.starts_with("{\\rtf")) return Format::rtf;
  for (const Magic& magic : kUnreadable) {
    if (bytes.starts_with(magic.bytes)) return Unexpected{magic.reason};
  }
  const std::string extension = extension_of(name);
  const DecodedText head = decode_text(bytes.substr(0, 64 << 10));
  if (looks_binary(head.text)) {
    return Unexpected{"the bytes are neither text nor a known format" +
                      (extension.empty() ? "" : ", whatever the name says (." + extension + ")")};
  }
  if (trimmed(head.text).empty() && bytes.size() <= size_t{64} << 10) {
    return Unexpected{"the file has only blanks"};
  }
  return detect_text(head.text, extension);
}

Result<Extraction> extract(std::string_view format, std::string_view bytes, std::string_view name) {
  if (bytes.empty()) return Unexpected{"the file is empty"};
  std::optional<Format> chosen = format_named(format);
  if (!chosen && format != "auto") return Unexpected{"unknown format " + std::string(format)};
  if (!chosen) {
    const Result<Format> detected = detect_format(bytes, name);
    if (!detected) return Unexpected{detected.error()};
    chosen = *detected;
  }
  Result<Extraction> extraction = entry_of(*chosen).parse(bytes, name);
  if (!extraction) return extraction;
  std::string extension = extension_of(name);
  for (ExtractedDocument& document : extraction->documents) {
    if (document.text.empty()) return Unexpected{"the file has no text"};
    if (static_cast<int64_t>(document.text.size()) > kTextBytesMax) {
      return Unexpected{"the text is longer than 64 MiB; split the file"};
    }
    const bool is_certain =
        std::find(kCertain.begin(), kCertain.end(), extension) != kCertain.end();
    if (is_certain && extension != document.format) {
      document.warnings.push_back("the name says " + extension + ", the content is " +
                                  document.format);
    }
  }
  return extraction;
}

}  // namespace widenet::ingest

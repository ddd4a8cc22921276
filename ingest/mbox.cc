// Mailboxes (RFC 4155 and its dialects): each message is handed on as an attachment, and the
// mailbox's own text is the list of their subjects.
#include <algorithm>
#include <string>
#include <utility>

#include "ingest/parsers.h"
#include "ingest/text.h"

namespace widenet::ingest {
namespace {

constexpr std::string_view kSeparator = "From ";

std::string_view line_at(std::string_view text, size_t at) {
  return text.substr(at, std::min(text.find('\n', at), text.size() - 1) - at + 1);
}

bool is_blank_line(std::string_view line) {
  return line == "\n" || line == "\r\n";
}

// "Name: value".  What follows a separator, but hardly a sentence that begins with "From".
bool is_field(std::string_view line) {
  const size_t colon = line.find(':');
  return colon != line.npos && colon > 0 && line.find_first_of(" \t") > colon;
}

// Dialects disagree about which lines of a body are quoted, so a separator needs an empty line
// before it and a header's field after it.
bool is_separator(std::string_view bytes, size_t at, bool after_blank) {
  const std::string_view line = line_at(bytes, at);
  if (!after_blank || !line.starts_with(kSeparator)) return false;
  const size_t next = at + line.size();
  return next < bytes.size() && is_field(line_at(bytes, next));
}

// Undoes the quoting of lines like a separator: ">From " was "From ", ">>From " was ">From ".
std::string unquoted(std::string_view message) {
  std::string text;
  text.reserve(message.size());
  for (size_t at = 0; at < message.size();) {
    std::string_view line = line_at(message, at);
    at += line.size();
    const size_t quotes = std::min(line.find_first_not_of('>'), line.size());
    if (quotes > 0 && line.substr(quotes).starts_with(kSeparator)) line.remove_prefix(1);
    text += line;
  }
  return text;
}

// The message that begins behind the separator at `at`, which moves to the next separator.
std::string_view next_message(std::string_view bytes, size_t& at) {
  at += line_at(bytes, at).size();
  const size_t start = at;
  bool after_blank = false;
  while (at < bytes.size() && !is_separator(bytes, at, after_blank)) {
    const std::string_view line = line_at(bytes, at);
    after_blank = is_blank_line(line);
    at += line.size();
  }
  return bytes.substr(start, at - start);
}

// "message 3: Subject; from: Ida; date: ...".
std::string summary_of(const std::string& label, std::string_view message) {
  const size_t end = std::min({message.find("\n\n"), message.find("\r\n\r\n"), message.size()});
  const Parsed header = parse_eml(message.substr(0, end), "");
  std::string summary = label;
  if (!header) return summary;
  const auto& fields = header->documents[0].metadata;
  for (const char* name : {"subject", "from", "date"}) {
    const auto field = fields.find(name);
    if (field == fields.end()) continue;
    summary += summary == label ? ": " : "; ";
    summary += std::string(name) + ": " + field->second;
  }
  return summary;
}

}  // namespace

bool looks_like_mbox(std::string_view text) {
  return is_separator(text, 0, /*after_blank=*/true);
}

Parsed parse_mbox(std::string_view bytes, std::string_view name) {
  bytes.remove_prefix(std::min(bytes.find_first_not_of("\r\n"), bytes.size()));
  if (!looks_like_mbox(bytes)) return Unexpected{"the mailbox does not begin with a message"};
  Extraction extraction;
  TextBuilder text;
  int64_t n_messages = 0;
  int64_t bytes_left = kAttachmentBytesMax;
  bool is_full = false;
  for (size_t at = 0; at < bytes.size(); ++n_messages) {
    const std::string_view message = next_message(bytes, at);
    is_full = is_full || extraction.attachments.size() == size_t{kAttachmentsMax} ||
              static_cast<int64_t>(message.size()) > bytes_left;
    if (is_full) continue;
    bytes_left -= static_cast<int64_t>(message.size());
    const std::string label = "message " + std::to_string(n_messages + 1);
    text.add(summary_of(label, message));
    text.end_line();
    extraction.attachments.push_back({label + ".eml", unquoted(message)});
  }
  ExtractedDocument document;
  document.format = "mbox";
  document.title = one_line(name.substr(name.rfind('/') + 1));
  document.text = text.take();
  const int64_t n_read = std::ssize(extraction.attachments);
  if (n_messages > n_read) {
    document.warnings.push_back(
        "only the first " + std::to_string(n_read) + " of " + std::to_string(n_messages) +
        " messages were read: a mailbox may have " + std::to_string(kAttachmentsMax) + " of " +
        std::to_string(kAttachmentBytesMax >> 20) + " MiB together; split it");
  }
  if (document.text.empty()) return Unexpected{"no message of the mailbox fits the limits"};
  extraction.documents.push_back(std::move(document));
  return extraction;
}

}  // namespace widenet::ingest

#include "ingest/zip.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <vector>

namespace widenet::ingest {
namespace {

using Reader = std::unique_ptr<struct archive, decltype(&archive_read_free)>;

std::string reason_of(struct archive* reader) {
  const char* reason = archive_error_string(reader);
  return reason == nullptr ? "damaged" : reason;
}

// Appends the current entry's bytes to `contents`, as long as they fit into what is left.
Result<bool> read_entry(struct archive* reader, int64_t& bytes_left, std::string& contents) {
  std::array<char, 64 << 10> buffer;
  while (true) {
    const la_ssize_t got = archive_read_data(reader, buffer.data(), buffer.size());
    if (got == 0) return true;
    if (got < 0) return Unexpected{"the ZIP archive cannot be unpacked: " + reason_of(reader)};
    bytes_left -= got;
    if (bytes_left < 0) return Unexpected{"the ZIP archive unpacks to more than the limit allows"};
    contents.append(buffer.data(), static_cast<size_t>(got));
  }
}

std::string percent_decoded(std::string_view text) {
  std::string decoded;
  for (size_t at = 0; at < text.size(); ++at) {
    unsigned char byte = 0;
    const std::string_view digits = text.substr(at + 1, 2);
    const bool is_escape =
        text[at] == '%' && digits.size() == 2 &&
        std::from_chars(digits.data(), digits.data() + 2, byte, 16).ptr == digits.data() + 2;
    decoded += is_escape ? static_cast<char>(byte) : text[at];
    at += is_escape ? 2 : 0;
  }
  return decoded;
}

}  // namespace

Result<std::map<std::string, std::string>> read_zip(
    std::string_view bytes,
    const std::function<bool(std::string_view name)>& wants,
    const ZipLimits& limits) {
  const Reader reader(archive_read_new(), &archive_read_free);
  archive_read_support_format_zip(reader.get());
  if (archive_read_open_memory(reader.get(), bytes.data(), bytes.size()) != ARCHIVE_OK) {
    return Unexpected{"the ZIP archive cannot be opened: " + reason_of(reader.get())};
  }
  std::map<std::string, std::string> entries;
  int64_t bytes_left = limits.bytes_max;
  struct archive_entry* entry = nullptr;
  for (int64_t count = 0;; ++count) {
    const int status = archive_read_next_header(reader.get(), &entry);
    if (status == ARCHIVE_EOF) break;
    if (status < ARCHIVE_WARN) {
      return Unexpected{"the ZIP archive is damaged: " + reason_of(reader.get())};
    }
    if (count == limits.entries_max) return Unexpected{"the ZIP archive has too many entries"};
    const char* name = archive_entry_pathname_utf8(entry);
    if (name == nullptr || !wants(name)) continue;
    if (archive_entry_is_data_encrypted(entry) != 0) return Unexpected{"the ZIP is encrypted"};
    const Result<bool> read = read_entry(reader.get(), bytes_left, entries[name]);
    if (!read) return Unexpected{read.error()};
  }
  return entries;
}

std::string resolved_name(std::string_view source, std::string_view reference) {
  const std::string path = percent_decoded(reference.substr(0, reference.find('#')));
  std::string whole = path;
  if (!path.starts_with('/')) whole = std::string(source.substr(0, source.rfind('/') + 1)) + path;
  std::vector<std::string_view> steps;
  for (std::string_view rest = whole; !rest.empty();) {
    const std::string_view step = rest.substr(0, rest.find('/'));
    rest.remove_prefix(std::min(rest.size(), step.size() + 1));
    if (step == ".." && !steps.empty()) steps.pop_back();
    if (!step.empty() && step != "." && step != "..") steps.push_back(step);
  }
  std::string name;
  for (const std::string_view step : steps) {
    if (!name.empty()) name += '/';
    name += step;
  }
  return name;
}

}  // namespace widenet::ingest

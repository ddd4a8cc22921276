#include "ingest/zip.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "ingest/text.h"

namespace widenet::ingest {
namespace {

std::string reason_of(struct archive* reader) {
  const char* reason = archive_error_string(reader);
  return reason == nullptr ? "damaged" : reason;
}

// Programs that do not say UTF-8 mean the code page of old PCs or, where much of the name is not
// ASCII, their country's.
std::string name_of(struct archive_entry* entry) {
  constexpr std::ptrdiff_t kTelling = 6;
  const char* raw = archive_entry_pathname_utf8(entry);
  if (raw == nullptr) raw = archive_entry_pathname(entry);
  const std::string_view name = raw == nullptr ? std::string_view() : raw;
  const auto n_foreign = std::count_if(name.begin(), name.end(),
                                       [](char c) { return static_cast<uint8_t>(c) >= 0x80; });
  if (n_foreign >= kTelling || is_valid_utf8(name)) return decode_text(name).text;
  return decoded_as(name, "IBM437").value_or(std::string());
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

ZipReader::ZipReader(std::string_view bytes, const ZipLimits& limits)
    : reader_(archive_read_new(), &archive_read_free),
      entries_left_(limits.entries_max),
      bytes_left_(limits.bytes_max) {
  archive_read_support_format_zip(reader_.get());
  if (archive_read_open_memory(reader_.get(), bytes.data(), bytes.size()) != ARCHIVE_OK) {
    problem_ = "the ZIP archive cannot be opened: " + reason_of(reader_.get());
  }
}

Result<std::optional<ZipEntry>> ZipReader::next() {
  if (!problem_.empty()) return Unexpected{problem_};
  struct archive_entry* entry = nullptr;
  const int status = archive_read_next_header(reader_.get(), &entry);
  if (status == ARCHIVE_EOF) return std::optional<ZipEntry>();
  if (status < ARCHIVE_WARN) {
    return Unexpected{"the ZIP archive is damaged: " + reason_of(reader_.get())};
  }
  if (entries_left_-- <= 0) return Unexpected{"the ZIP archive has too many entries"};
  const auto type = archive_entry_filetype(entry);
  return std::optional<ZipEntry>({.name = name_of(entry),
                                  .is_folder = type == AE_IFDIR,
                                  .is_file = type == AE_IFREG,
                                  .is_encrypted = archive_entry_is_data_encrypted(entry) != 0});
}

Result<std::string> ZipReader::read() {
  std::string contents;
  std::array<char, 64 << 10> buffer;
  while (true) {
    const la_ssize_t got = archive_read_data(reader_.get(), buffer.data(), buffer.size());
    if (got == 0) return contents;
    if (got < 0) {
      return Unexpected{"the ZIP archive cannot be unpacked: " + reason_of(reader_.get())};
    }
    bytes_left_ -= got;
    if (bytes_left_ < 0) return Unexpected{"the ZIP archive unpacks to more than the limit allows"};
    contents.append(buffer.data(), static_cast<size_t>(got));
  }
}

Result<std::map<std::string, std::string>> read_zip(
    std::string_view bytes,
    const std::function<bool(std::string_view name)>& wants,
    const ZipLimits& limits) {
  std::map<std::string, std::string> entries;
  ZipReader reader(bytes, limits);
  while (true) {
    const Result<std::optional<ZipEntry>> entry = reader.next();
    if (!entry) return Unexpected{entry.error()};
    if (!*entry) return entries;
    if (!wants((*entry)->name)) continue;
    if ((*entry)->is_encrypted) return Unexpected{"the ZIP is encrypted"};
    Result<std::string> contents = reader.read();
    if (!contents) return Unexpected{contents.error()};
    entries[(*entry)->name] = *std::move(contents);
  }
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

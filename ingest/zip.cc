#include "ingest/zip.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <array>
#include <utility>

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

}  // namespace widenet::ingest

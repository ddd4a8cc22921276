#include "ingest/zip_writer.h"

#include <archive.h>
#include <archive_entry.h>

#include <memory>

#include "base/check.h"

namespace widenet::ingest {
namespace {

constexpr int64_t kFirstZipSecond = 315'532'800;  // 1980: the format knows no time before

la_ssize_t append(struct archive*, void* bytes, const void* more, size_t n) {
  static_cast<std::string*>(bytes)->append(static_cast<const char*>(more), n);
  return static_cast<la_ssize_t>(n);
}

}  // namespace

std::string write_zip(const std::vector<std::pair<std::string, std::string>>& files) {
  std::string bytes;
  const std::unique_ptr<struct archive, int (*)(struct archive*)> writer(archive_write_new(),
                                                                         archive_write_free);
  archive_write_set_format_zip(writer.get());
  archive_write_set_options(writer.get(), "zip:hdrcharset=UTF-8");
  archive_write_set_bytes_in_last_block(writer.get(), 1);
  WN_CHECK(archive_write_open(writer.get(), &bytes, nullptr, append, nullptr) == ARCHIVE_OK);
  for (const auto& [name, content] : files) {
    const std::unique_ptr<struct archive_entry, void (*)(struct archive_entry*)> entry(
        archive_entry_new(), archive_entry_free);
    archive_entry_set_pathname_utf8(entry.get(), name.c_str());
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), 0644);
    archive_entry_set_mtime(entry.get(), kFirstZipSecond, 0);
    archive_entry_set_size(entry.get(), std::ssize(content));
    WN_CHECK(archive_write_header(writer.get(), entry.get()) == ARCHIVE_OK);
    WN_CHECK(archive_write_data(writer.get(), content.data(), content.size()) ==
             static_cast<la_ssize_t>(content.size()));
  }
  WN_CHECK(archive_write_close(writer.get()) == ARCHIVE_OK);
  return bytes;
}

}  // namespace widenet::ingest

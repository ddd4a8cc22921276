#include "tests/ingest/make_zip.h"

#include <archive.h>
#include <archive_entry.h>

#include "base/check.h"

namespace widenet::ingest {

std::string make_zip(const std::vector<std::pair<std::string, std::string>>& entries,
                     int64_t repeat) {
  std::string bytes(8 << 20, '\0');
  size_t used = 0;
  struct archive* writer = archive_write_new();
  archive_write_set_format_zip(writer);
  archive_write_set_options(writer, "zip:compression-level=1");
  archive_write_set_bytes_in_last_block(writer, 1);
  WN_CHECK(archive_write_open_memory(writer, bytes.data(), bytes.size(), &used) == ARCHIVE_OK);
  for (const auto& [name, content] : entries) {
    struct archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_size(entry, static_cast<int64_t>(content.size()) * repeat);
    WN_CHECK(archive_write_header(writer, entry) == ARCHIVE_OK);
    for (int64_t i = 0; i < repeat; ++i) {
      archive_write_data(writer, content.data(), content.size());
    }
    archive_entry_free(entry);
  }
  WN_CHECK(archive_write_close(writer) == ARCHIVE_OK);
  archive_write_free(writer);
  bytes.resize(used);
  return bytes;
}

std::string make_docx(const std::string& xml) {
  return make_zip({{"word/document.xml",
                    "<w:document xmlns:w=\"w\"><w:body>" + xml + "</w:body></w:document>"}});
}

}  // namespace widenet::ingest

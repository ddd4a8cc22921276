// ZIP archives of files: each file is handed on as an attachment, and the archive's own text is the
// list of their names.
#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ingest/parsers.h"
#include "ingest/text.h"
#include "ingest/zip.h"

namespace widenet::ingest {
namespace {

constexpr size_t kNamedMax = 20;  // entries named in a warning

std::vector<std::string_view> parts_of(std::string_view path) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t slash = std::min(path.find('/'), path.size());
    parts.push_back(path.substr(0, slash));
    if (slash == path.size()) return parts;
    path.remove_prefix(slash + 1);
  }
}

// Names are never opened as paths, but who reads them should not be led to believe in them.
bool leads_outside(std::string_view path) {
  const auto parts = parts_of(path);
  const bool has_drive = path.size() > 1 && path[1] == ':';
  return path.starts_with('/') || has_drive || std::count(parts.begin(), parts.end(), "..") > 0;
}

// What systems keep beside the files: .DS_Store, .git, the Mac's resource forks.
bool is_hidden(std::string_view path) {
  const auto parts = parts_of(path);
  return std::any_of(parts.begin(), parts.end(), [](std::string_view part) {
    return part == "__MACOSX" || (part.starts_with('.') && part != ".");
  });
}

// Names by the reason why their entries were left out.
class LeftOut {
 public:
  void add(const std::string& reason, const std::string& name) { names_[reason].push_back(name); }

  void warn(ExtractedDocument& document) const {
    for (const auto& [reason, names] : names_) {
      std::string list;
      for (size_t i = 0; i < std::min(names.size(), kNamedMax); ++i) {
        list += (i > 0 ? ", " : "") + names[i];
      }
      if (names.size() > kNamedMax) {
        list += " and " + std::to_string(names.size() - kNamedMax) + " more";
      }
      document.warnings.push_back(one_line("left out because " + reason + ": " + list));
    }
  }

  bool empty() const { return names_.empty(); }

 private:
  std::map<std::string, std::vector<std::string>> names_;
};

// Why an entry that is no folder is left out; empty for one that is read.
std::string reason_against(const ZipEntry& entry, const std::set<std::string>& seen) {
  if (entry.name.empty()) return "its name cannot be read";
  if (!entry.is_file) return "it is a link or a device";
  if (leads_outside(entry.name)) return "its name leads out of the archive";
  if (is_hidden(entry.name)) return "it is hidden";
  if (seen.contains(entry.name)) return "another file has its name";
  if (entry.is_encrypted) return "it is encrypted (unpack the archive with its password first)";
  return {};
}

}  // namespace

Parsed parse_zip(std::string_view bytes, std::string_view name) {
  Extraction extraction;
  LeftOut left_out;
  std::set<std::string> seen;
  ZipReader reader(bytes, {.bytes_max = kAttachmentBytesMax});
  while (true) {
    const Result<std::optional<ZipEntry>> next = reader.next();
    if (!next) return Unexpected{next.error()};
    if (!*next) break;
    ZipEntry entry = **next;
    std::replace(entry.name.begin(), entry.name.end(), '\\', '/');  // some Windows programs
    entry.name = one_line(entry.name);
    if (entry.is_folder || entry.name.ends_with('/')) continue;
    std::string reason = reason_against(entry, seen);
    if (reason.empty() && extraction.attachments.size() == size_t{kAttachmentsMax}) {
      reason = "there are more than " + std::to_string(kAttachmentsMax) + " files";
    }
    if (reason.empty()) {
      Result<std::string> contents = reader.read();
      if (reader.is_exhausted()) {
        return Unexpected{"the ZIP archive unpacks to more than " +
                          std::to_string(kAttachmentBytesMax >> 20) + " MiB; split it"};
      }
      if (contents) {
        seen.insert(entry.name);
        extraction.attachments.push_back({entry.name, *std::move(contents)});
        continue;
      }
      reason = contents.error();
    }
    left_out.add(reason, entry.name);
  }
  ExtractedDocument document;
  document.format = "zip";
  document.title = one_line(name.substr(name.rfind('/') + 1));
  left_out.warn(document);
  if (extraction.attachments.empty()) {
    return Unexpected{left_out.empty()
                          ? "the ZIP archive holds no files"
                          : "no file of the ZIP archive can be read; " + document.warnings.front()};
  }
  TextBuilder text;
  text.add("Files in this archive:");
  for (const Attachment& file : extraction.attachments) {
    text.end_line();
    text.add("- " + file.name);
  }
  document.text = text.take();
  extraction.documents.push_back(std::move(document));
  return extraction;
}

}  // namespace widenet::ingest

// The parent's side of the sandbox: starts a child for each file and attachment, and judges what it
// says.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/file.h"
#include "base/utf8.h"
#include "ingest/extract.h"
#include "ingest/extract_child.h"
#include "ingest/temp_dir.h"
#include "ingest/text.h"

namespace widenet::ingest {
namespace {

using Clock = std::chrono::steady_clock;
using Documents = Result<std::vector<ExtractedDocument>>;

constexpr int kAttachmentDepthMax = 3;                     // a mail in a mail in a mail
constexpr int kNestedZipsMax = 2;                          // a ZIP in a ZIP in a ZIP
constexpr int64_t kAttachedBytesMax = int64_t{512} << 20;  // at all depths together

struct Input {
  int fd = -1;
  std::string name;
  std::string format;
  std::string path{};  // the name inside the outermost file; empty for that file
  int depth = 0;       // of files around it
  int n_zips = 0;      // how many of them are ZIPs
};

std::vector<std::string> environment_with(const TempDir& folder) {
  // OpenBLAS, which the program links for other verbs, would start threads and take memory for
  // them.
  std::vector<std::string> environment = {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8",
                                          "OPENBLAS_NUM_THREADS=1",
                                          "TMPDIR=" + folder.path().string()};
  for (const char* name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"}) {
    const char* value = std::getenv(name);
    if (value != nullptr) environment.push_back(std::string(name) + '=' + value);
  }
  return environment;
}

// The line that the child meant for the user, whatever its libraries printed around it.
std::string reason_in(std::string_view errors) {
  const size_t at = errors.rfind(kChildReason);
  if (at == std::string_view::npos) return {};
  errors.remove_prefix(at + kChildReason.size());
  return one_line(to_valid_utf8(errors.substr(0, errors.find('\n'))));
}

std::string reason_of(const ProcessResult& result, const ExtractLimits& limits) {
  switch (result.end) {
    case ProcessEnd::timed_out:
      return "reading the file took longer than " + std::to_string(limits.wall_max.count()) +
             " s and was stopped";
    case ProcessEnd::too_much_output:
      return "the file expands to more than " + std::to_string(limits.output_bytes_max >> 20) +
             " MiB";
    case ProcessEnd::signalled:
      if (result.code == SIGXCPU) {
        return "reading the file took more than " + std::to_string(limits.cpu_max.count()) +
               " s of CPU time and was stopped";
      }
      return "the file broke its reader (signal " + std::to_string(result.code) + ")";
    case ProcessEnd::exited:
      break;
  }
  const std::string reason = reason_in(result.errors);
  return reason.empty() ? "the reader failed with status " + std::to_string(result.code) : reason;
}

// Extracts a file and what it carries, within one time limit for all of it.
class FileExtractor {
 public:
  explicit FileExtractor(const ExtractOptions& options)
      : options_(options), deadline_(Clock::now() + options.limits.wall_max) {}

  Documents extract(const Input& input) {
    Result<Extraction> extraction = run_child(input);
    if (!extraction) return Unexpected{extraction.error()};
    std::vector<ExtractedDocument> documents = std::move(extraction->documents);
    if (documents.empty()) return Unexpected{"the file has no text"};
    const bool is_zip = documents[0].format == format_name(Format::zip);
    if (is_zip && input.n_zips > kNestedZipsMax) {
      return Unexpected{"it is a ZIP inside too many others; unpack the outer ones first"};
    }
    const std::string carrier = documents[0].title.empty() ? input.name : documents[0].title;
    int64_t n_over_limit = 0;
    for (const Attachment& attachment : extraction->attachments) {
      if (attachments_left_ == 0) {
        ++n_over_limit;
        continue;
      }
      --attachments_left_;
      const Input inner{.fd = -1,
                        .name = attachment.name,
                        .format = "auto",
                        .path = (input.path.empty() ? "" : input.path + "/") + attachment.name,
                        .depth = input.depth + 1,
                        .n_zips = input.n_zips + (is_zip ? 1 : 0)};
      Documents attached = extract_attachment(inner, attachment.bytes);
      if (!attached) {
        documents[0].warnings.push_back(
            one_line("\"" + attachment.name + "\" was not read: " + attached.error()));
        continue;
      }
      for (ExtractedDocument& document : *attached) {
        document.metadata.try_emplace("attached_to", carrier);
        documents.push_back(std::move(document));
      }
    }
    if (n_over_limit > 0) {
      documents[0].warnings.push_back(std::to_string(n_over_limit) +
                                      " files inside were not read: all levels together may have " +
                                      std::to_string(kAttachmentsMax));
    }
    return documents;
  }

 private:
  Result<Extraction> run_child(const Input& input) {
    const ExtractLimits& limits = options_.limits;
    const TempDir folder;
    const ProcessResult result = run_process(
        {.arguments = {options_.program.string(), "extract", input.format, "--name=" + input.name,
                       "--memory=" + std::to_string(limits.memory_bytes_max),
                       "--cpu=" + std::to_string(limits.cpu_max.count()),
                       "--input=" + std::to_string(limits.input_bytes_max)},
         .environment = environment_with(folder),
         .stdin_fd = input.fd,
         .own_group = true,
         .output_bytes_max = limits.output_bytes_max,
         .wall_max = std::max(
             std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now()),
             std::chrono::milliseconds(1))});
    if (!result.succeeded()) return Unexpected{reason_of(result, limits)};
    return extraction_from_json(result.output);
  }

  Documents extract_attachment(Input input, const std::string& bytes) {
    if (input.depth > kAttachmentDepthMax) return Unexpected{"it is nested too deeply"};
    if (bytes.empty()) return Unexpected{"it is empty"};
    if (std::ssize(bytes) > attached_bytes_left_) {
      return Unexpected{"the files inside are larger than " +
                        std::to_string(kAttachedBytesMax >> 20) + " MiB together"};
    }
    attached_bytes_left_ -= std::ssize(bytes);
    const FileDescriptor memory(memfd_create("attachment", MFD_CLOEXEC));
    if (!memory.is_open()) {
      throw ExtractError(std::string("cannot hold an attachment: ") + strerror(errno));
    }
    size_t written = 0;
    while (written < bytes.size()) {
      const ssize_t count = write(memory.get(), bytes.data() + written, bytes.size() - written);
      if (count < 0)
        throw ExtractError(std::string("cannot hold an attachment: ") + strerror(errno));
      written += static_cast<size_t>(count);
    }
    lseek(memory.get(), 0, SEEK_SET);
    input.fd = memory.get();
    Documents documents = extract(input);
    if (!documents) return documents;
    ExtractedDocument& first = documents->front();
    if (first.title.empty()) first.title = one_line(input.name.substr(input.name.rfind('/') + 1));
    first.metadata["name"] = one_line(input.path);
    return documents;
  }

  const ExtractOptions& options_;
  Clock::time_point deadline_;
  int64_t attachments_left_ = kAttachmentsMax;
  int64_t attached_bytes_left_ = kAttachedBytesMax;
};

}  // namespace

Documents extract_file(const std::filesystem::path& path,
                       std::string_view name,
                       const ExtractOptions& options) {
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  struct stat status {};
  if (!file.is_open() || fstat(file.get(), &status) != 0) {
    return Unexpected{std::string("the file cannot be opened: ") + strerror(errno)};
  }
  if (!S_ISREG(status.st_mode)) return Unexpected{"this is not a regular file"};
  if (status.st_size == 0) return Unexpected{"the file is empty"};
  if (status.st_size > options.limits.input_bytes_max) {
    return Unexpected{"the file is larger than " +
                      std::to_string(options.limits.input_bytes_max >> 20) + " MiB"};
  }
  return FileExtractor(options).extract(
      {.fd = file.get(), .name = one_line(to_valid_utf8(name)), .format = options.format});
}

}  // namespace widenet::ingest

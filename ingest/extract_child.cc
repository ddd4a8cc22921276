// The child's side of the sandbox; extract_file.cc is the parent's.
#include "ingest/extract_child.h"

#include <errno.h>
#include <iconv.h>
#include <locale.h>
#include <string.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>

#include "ingest/extract.h"
#include "ingest/sandbox.h"
#include "ingest/text.h"

namespace widenet::ingest {
namespace {

int refuse(const std::string& reason) {
  std::fprintf(stderr, "%.*s%s\n", static_cast<int>(kChildReason.size()), kChildReason.data(),
               reason.c_str());
  return 1;
}

Result<std::string> read_stdin(int64_t bytes_max) {
  std::string bytes;
  std::array<char, 256 << 10> buffer;
  while (true) {
    const ssize_t got = read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Unexpected{std::string("the file cannot be read: ") + strerror(errno)};
    if (got == 0) return bytes;
    bytes.append(buffer.data(), static_cast<size_t>(got));
    if (static_cast<int64_t>(bytes.size()) > bytes_max) {
      return Unexpected{"the file is larger than " + std::to_string(bytes_max >> 20) + " MiB"};
    }
  }
}

// The C library's converters are files, which mails' headers need and the filter forbids to open.
// An open converter keeps its file loaded, so these are opened before and never closed.
void load_converters() {
  for (const char* charset :
       {"ISO-8859-1",   "ISO-8859-2",   "ISO-8859-5",   "ISO-8859-7",   "ISO-8859-8",
        "ISO-8859-9",   "ISO-8859-15",  "WINDOWS-1250", "WINDOWS-1251", "WINDOWS-1252",
        "WINDOWS-1253", "WINDOWS-1254", "WINDOWS-1255", "WINDOWS-1256", "KOI8-R",
        "KOI8-U",       "ISO-2022-JP",  "SHIFT_JIS",    "EUC-JP",       "GB2312",
        "GBK",          "GB18030",      "BIG5",         "EUC-KR",       "UTF-16",
        "UTF-7"}) {
    iconv_open("UTF-8", charset);
    iconv_open(charset, "UTF-8");
  }
}

// Whether the bytes could be a mail; cheap, because opening the converters is not (20 ms).
bool may_be_mail(std::string_view bytes) {
  return lowered(bytes.substr(0, 64 << 10)).find("subject:") != std::string::npos;
}

// Decided by the first bytes alone, because the rights depend on it.
bool needs_tools(const ExtractChildOptions& options, std::string_view bytes) {
  return options.format == "pdf" || (options.format == "auto" && looks_like_pdf(bytes));
}

void give_up_rights_for(const ExtractChildOptions& options, std::string_view bytes) {
  if (needs_tools(options, bytes)) {
    const char* folder = std::getenv("TMPDIR");
    give_up_rights(Rights::run_tools, folder == nullptr ? "/tmp" : folder);
  } else {
    if (may_be_mail(bytes)) load_converters();
    give_up_rights(Rights::parse_only, {});
  }
}

int extract_to_stdout(const ExtractChildOptions& options, std::string_view bytes) {
  const Result<Extraction> extraction = extract(options.format, bytes, options.name);
  if (!extraction) return refuse(extraction.error());
  const std::string json = to_json(*extraction);
  if (std::fwrite(json.data(), 1, json.size(), stdout) != json.size() || std::fflush(stdout) != 0) {
    return refuse(std::string("the result cannot be written: ") + strerror(errno));
  }
  return 0;
}

}  // namespace

int run_extract_child(const ExtractChildOptions& options) {
  try {
    limit_resources(options.limits);
    // libarchive drops names that the locale has no letters for; the locale is a file, like those
    // of load_converters.
    setlocale(LC_CTYPE, "C.UTF-8");
    const Result<std::string> bytes = read_stdin(options.limits.input_bytes_max);
    if (!bytes) return refuse(bytes.error());
    give_up_rights_for(options, *bytes);
    return extract_to_stdout(options, *bytes);
  } catch (const std::bad_alloc&) {
    return refuse("reading the file takes more memory than the limit of " +
                  std::to_string(options.limits.memory_bytes_max >> 20) + " MiB");
  } catch (const std::exception& error) {
    return refuse(error.what());
  }
}

}  // namespace widenet::ingest

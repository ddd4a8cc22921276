// PDF by poppler's pdftotext, and by tesseract for pages that have no text.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "ingest/parsers.h"
#include "ingest/pdf_layout.h"
#include "ingest/process.h"
#include "ingest/temp_dir.h"
#include "ingest/text.h"

namespace widenet::ingest {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kScanPixels = 2600;          // of a scanned page's longer side: A4 at about 220 dpi
constexpr int64_t kScannedPagesMax = 300;  // beyond these, pages without text stay empty
constexpr std::chrono::seconds kScanTimeMax{240};  // of all pages together
constexpr std::chrono::seconds kToolTimeMax{300};
constexpr int64_t kToolOutputMax = int64_t{512} << 20;

// Runs in the process group of this process, which whoever started it kills as a whole: the sandbox
// lets nobody inside it send signals.
ProcessResult run_tool(std::vector<std::string> arguments) {
  const char* temp = std::getenv("TMPDIR");
  return run_process({.arguments = std::move(arguments),
                      .environment = {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "OMP_THREAD_LIMIT=1",
                                      std::string("TMPDIR=") + (temp == nullptr ? "/tmp" : temp)},
                      .own_group = false,
                      .output_bytes_max = kToolOutputMax,
                      .wall_max = kToolTimeMax});
}

std::string first_line(std::string_view text) {
  return one_line(to_valid_utf8(text.substr(0, text.find('\n'))));
}

// Why pdftotext gave nothing, in the user's words.
std::string reason_of(const ProcessResult& result) {
  const std::string said = first_line(result.errors);
  if (result.errors.find("Incorrect password") != std::string::npos) {
    return "the PDF is encrypted and needs a password";
  }
  if (result.end == ProcessEnd::timed_out) return "reading the PDF took too long";
  if (result.end == ProcessEnd::too_much_output) return "the PDF holds too much text";
  if (result.end == ProcessEnd::signalled) {
    return "the PDF reader died of signal " + std::to_string(result.code) +
           " (a damaged file, or too little memory or time)";
  }
  return "the PDF is damaged" + (said.empty() ? "" : ": " + said);
}

// Replaces pages without text by what tesseract sees on them.
class Scanner {
 public:
  Scanner(std::filesystem::path pdf, std::filesystem::path folder)
      : pdf_(std::move(pdf)), folder_(std::move(folder)) {}

  const std::vector<std::string>& warnings() const { return warnings_; }

  void read_pages(std::vector<LayoutPage>& pages) {
    const auto deadline = Clock::now() + kScanTimeMax;
    int64_t read = 0;
    int64_t left = 0;
    for (size_t i = 0; i < pages.size(); ++i) {
      if (pages[i].has_words()) continue;
      const bool may = read < kScannedPagesMax && Clock::now() < deadline && failure_.empty();
      if (!may) {
        ++left;
        continue;
      }
      read_page(static_cast<int>(i) + 1, pages[i]);
      read += pages[i].has_words() ? 1 : 0;
    }
    if (read > 0) warn(read, "read by character recognition");
    if (left > 0) warn(left, "without text left out" + (failure_.empty() ? "" : ": " + failure_));
  }

 private:
  void warn(int64_t count, const std::string& what) {
    warnings_.push_back(std::to_string(count) + (count == 1 ? " page " : " pages ") + what);
  }

  void read_page(int number, LayoutPage& page) {
    const std::string image = (folder_ / "page").string();
    const std::string n = std::to_string(number);
    const ProcessResult drawn =
        run_tool({"pdftoppm", "-q", "-gray", "-singlefile", "-f", n, "-l", n, "-scale-to",
                  std::to_string(kScanPixels), pdf_.string(), image});
    if (!drawn.succeeded()) return;  // this page stays empty
    const ProcessResult seen =
        run_tool({"tesseract", image + ".pgm", "stdout", "--psm", "3", "tsv"});
    if (!seen.succeeded()) {
      failure_ = "tesseract failed: " + first_line(seen.errors);
      return;
    }
    const float longer = std::max(page.width, page.height);
    LayoutPage scanned = read_tesseract_tsv(seen.output, longer / kScanPixels);
    scanned.width = page.width;
    scanned.height = page.height;
    page = std::move(scanned);
  }

  std::filesystem::path pdf_;
  std::filesystem::path folder_;
  std::string failure_;
  std::vector<std::string> warnings_;
};

void set_properties(const LayoutDocument& layout, ExtractedDocument& document) {
  for (const auto& [name, value] : layout.properties) {
    const std::string line = one_line(value);
    if (line.empty()) continue;
    if (name == "title") document.title = line;
    if (name == "author" || name == "subject") document.metadata[name] = line;
    if (name == "creationdate") document.metadata["date"] = line;
  }
}

}  // namespace

Parsed parse_pdf(std::string_view bytes, std::string_view) {
  const TempDir folder;
  const std::filesystem::path pdf = folder.path() / "input.pdf";
  std::ofstream(pdf, std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  const ProcessResult result =
      run_tool({"pdftotext", "-bbox-layout", "-enc", "UTF-8", pdf.string(), "-"});
  if (!result.succeeded()) return Unexpected{reason_of(result)};
  Result<LayoutDocument> layout = read_bbox_layout(result.output);
  if (!layout) return Unexpected{layout.error()};
  if (layout->pages.empty()) return Unexpected{reason_of(result)};

  Scanner scanner(pdf, folder.path());
  scanner.read_pages(layout->pages);
  ExtractedDocument document;
  document.format = "pdf";
  document.warnings = scanner.warnings();
  set_properties(*layout, document);
  TextBuilder text;
  int32_t number = 0;
  for (const LayoutPage& page : layout->pages) {
    document.pages.push_back(write_page(page, ++number, text));
  }
  document.text = text.take();
  Extraction extraction;
  extraction.documents.push_back(std::move(document));
  return extraction;
}

}  // namespace widenet::ingest

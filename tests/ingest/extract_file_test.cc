// The sandbox from the parent's side: children that hang, flood, crash, lie or try to get out.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/file.h"
#include "ingest/extract_child.h"
#include "tests/support/temporary_directory.h"

namespace widenet::ingest {
namespace {

using std::chrono::seconds;
using test::TemporaryDirectory;

const std::filesystem::path kGolden = std::filesystem::path(WN_TESTS_DIR) / "golden/ingest";

ExtractOptions options_for(const std::string& format = "auto") {
  ExtractOptions options;
  options.program = std::filesystem::path(WN_BINARY_DIR) / "extract_program";
  options.format = format;
  return options;
}

std::string refusal_of(const std::filesystem::path& path, const ExtractOptions& options) {
  const auto documents = extract_file(path, path.filename().string(), options);
  return documents ? "it was read" : documents.error();
}

// Any file will do for children that do not read it.
std::string refusal_of_child(const std::string& behaviour, const ExtractLimits& limits = {}) {
  ExtractOptions options = options_for(behaviour);
  options.limits = limits;
  return refusal_of(kGolden / "policy.md", options);
}

TEST(ExtractFileTest, EveryGoldenDocumentPassesTheSandbox) {
  for (const auto& entry : std::filesystem::directory_iterator(kGolden)) {
    if (entry.path().extension() != ".expected") continue;
    const std::filesystem::path path = entry.path().parent_path() / entry.path().stem();
    const auto documents = extract_file(path, path.filename().string(), options_for());
    ASSERT_TRUE(documents.has_value()) << path << ": " << documents.error();
    const ExtractedDocument& first = (*documents)[0];
    EXPECT_EQ(first.title + "\n----\n" + first.text + "\n", read_file(entry.path())) << path;
  }
}

TEST(ExtractFileTest, ScannedPagesPassTheSandbox) {
  const auto documents = extract_file(kGolden / "scanned.pdf", "scanned.pdf", options_for());
  ASSERT_TRUE(documents.has_value()) << documents.error();
  EXPECT_NE((*documents)[0].text.find("INV-2041"), std::string::npos);
}

TEST(ExtractFileTest, AttachmentsBecomeDocuments) {
  const auto documents = extract_file(kGolden / "thread.eml", "thread.eml", options_for());
  ASSERT_TRUE(documents.has_value()) << documents.error();
  ASSERT_EQ(documents->size(), 2U);
  EXPECT_EQ((*documents)[1].title, "prices.csv");
  EXPECT_EQ((*documents)[1].text, "item: Bolt; price: 0.12");
  EXPECT_EQ((*documents)[1].metadata.at("attached_to"), "Re: Offer for the café");
}

TEST(ExtractFileTest, AnUnreadableAttachmentIsAWarningOfItsMail) {
  const TemporaryDirectory folder;
  std::ofstream(folder.path() / "a.eml")
      << "From: a@b.example\nSubject: s\nMIME-Version: 1.0\nContent-Type: multipart/mixed; "
         "boundary=x\n\n--x\nContent-Type: text/plain\n\nhello\n--x\nContent-Type: "
         "application/zip\nContent-Disposition: attachment; "
         "filename=\"../../x.zip\"\n\nPK\x03\x04\n"
         "--x--\n";
  const auto documents = extract_file(folder.path() / "a.eml", "a.eml", options_for());
  ASSERT_TRUE(documents.has_value()) << documents.error();
  ASSERT_EQ(documents->size(), 1U);
  ASSERT_EQ((*documents)[0].warnings.size(), 1U);
  EXPECT_EQ((*documents)[0].warnings[0],
            "\"../../x.zip\" was not read: the ZIP archive is damaged: Truncated ZIP file header");
}

TEST(ExtractFileTest, RefusalsComeWithTheChildsReason) {
  const TemporaryDirectory folder;
  const auto path = folder.path() / "file";
  std::ofstream(path) << "";
  EXPECT_EQ(refusal_of(path, options_for()), "the file is empty");
  std::ofstream(path) << "\x89PNG....";
  EXPECT_EQ(refusal_of(path, options_for()), "this is a PNG image");
  EXPECT_EQ(refusal_of(kGolden / "encrypted.pdf", options_for()),
            "the PDF is encrypted and needs a password");
  EXPECT_EQ(refusal_of(folder.path() / "missing", options_for()),
            "the file cannot be opened: No such file or directory");
  EXPECT_EQ(refusal_of(folder.path(), options_for()), "this is not a regular file");
}

TEST(ExtractFileTest, LimitsAreEnforced) {
  const TemporaryDirectory folder;
  const auto path = folder.path() / "big.txt";
  std::ofstream(path) << std::string(3 << 20, 'x');
  ExtractOptions options = options_for();
  options.limits.input_bytes_max = 2 << 20;
  EXPECT_EQ(refusal_of(path, options), "the file is larger than 2 MiB");
  options = options_for();
  options.limits.output_bytes_max = 1 << 20;
  EXPECT_EQ(refusal_of(path, options), "the file expands to more than 1 MiB");
}

TEST(ExtractFileTest, AHangingChildIsKilledWithItsGroup) {
  const auto before = std::chrono::steady_clock::now();
  EXPECT_EQ(refusal_of_child("test-hang", {.wall_max = seconds(1)}),
            "reading the file took longer than 1 s and was stopped");
  EXPECT_EQ(refusal_of_child("test-leave-a-child", {.wall_max = seconds(1)}),
            "reading the file took longer than 1 s and was stopped");
  EXPECT_LT(std::chrono::steady_clock::now() - before, seconds(30));
}

TEST(ExtractFileTest, AFloodingCrashingOrLyingChildLosesItsDocument) {
  EXPECT_EQ(refusal_of_child("test-flood", {.output_bytes_max = 1 << 20}),
            "the file expands to more than 1 MiB");
  EXPECT_EQ(refusal_of_child("test-crash"), "the file broke its reader (signal 6)");
  EXPECT_TRUE(refusal_of_child("test-lie").starts_with("the extractor's output is damaged"));
  EXPECT_TRUE(refusal_of_child("test-silent").starts_with("the extractor's output is damaged"));
}

TEST(ExtractFileTest, TheSandboxHoldsItsRights) {
  EXPECT_EQ(refusal_of_child("test-forbidden-parse"),
            "reads 0 writes 0 connects 0 leaves 0 forks 0");
  EXPECT_TRUE(refusal_of_child("test-forbidden-tools").ends_with("connects 0 leaves 0 forks 0"));
}

TEST(ExtractFileTest, AMissingProgramIsAnError) {
  ExtractOptions options = options_for();
  options.program = "/no/such/program";
  EXPECT_THROW((void)extract_file(kGolden / "policy.md", "policy.md", options), ExtractError);
}

TEST(ExtractFileTest, NothingIsLeftInTheTemporaryDirectory) {
  const TemporaryDirectory folder;
  setenv("TMPDIR", folder.path().c_str(), 1);
  EXPECT_EQ(refusal_of(kGolden / "invoice.pdf", options_for()), "it was read");
  EXPECT_TRUE(refusal_of_child("test-hang", {.wall_max = seconds(1)}).starts_with("reading"));
  unsetenv("TMPDIR");
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace widenet::ingest

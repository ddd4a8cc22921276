// Files that hold files: ZIP archives and mailboxes, in the parsers and through the sandbox.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "ingest/extract.h"
#include "ingest/extract_child.h"
#include "ingest/zip.h"
#include "tests/ingest/make_zip.h"
#include "tests/ingest/parse.h"
#include "tests/support/temporary_directory.h"

namespace widenet::ingest {
namespace {

using Documents = Result<std::vector<ExtractedDocument>>;

ExtractOptions options() {
  ExtractOptions options;
  options.program = std::filesystem::path(WN_BINARY_DIR) / "extract_program";
  return options;
}

Documents extract_golden_file(const std::string& name) {
  return extract_file(std::filesystem::path(WN_TESTS_DIR) / "golden/ingest" / name, name,
                      options());
}

Documents extract_bytes(const std::string& bytes, const std::string& name) {
  const test::TemporaryDirectory folder;
  const auto path = folder.path() / "file";
  std::ofstream(path) << bytes;
  return extract_file(path, name, options());
}

std::vector<std::string> names_of(const Documents& documents) {
  std::vector<std::string> names;
  for (size_t i = 1; documents && i < documents->size(); ++i) {
    names.push_back((*documents)[i].metadata.at("name"));
  }
  return names;
}

TEST(ArchiveTest, MembersBecomeDocumentsUnderTheirPaths) {
  const auto documents = extract_golden_file("papers.zip");
  ASSERT_TRUE(documents.has_value()) << documents.error();
  EXPECT_EQ(names_of(documents), (std::vector<std::string>{"policies/travel.md", "stock.csv"}));
  EXPECT_EQ((*documents)[1].title, "Travel");
  EXPECT_EQ((*documents)[1].metadata.at("attached_to"), "papers.zip");
  EXPECT_EQ((*documents)[2].title, "stock.csv");
  EXPECT_EQ((*documents)[0].warnings,
            (std::vector<std::string>{
                "left out because it is a link or a device: link",
                "left out because it is hidden: .DS_Store, __MACOSX/._stock.csv",
                "left out because its name leads out of the archive: ../../etc/passwd"}));
}

// Found with a real archive: in the C locale, libarchive gives no name for "日本.txt".
TEST(ArchiveTest, NamesMayBeInAnyEncoding) {
  std::string zip = make_zip({{"Gr__e.txt", "old"}, {"______.txt", "new"}});
  const auto rename = [&](const std::string& from, const std::string& to, char flag) {
    for (size_t at = zip.find(from); at != zip.npos; at = zip.find(from, at + 1)) {
      zip.replace(at, to.size(), to);
      const bool is_local = zip.compare(at - 30, 4, "PK\x03\x04") == 0;
      char& flags = zip[is_local ? at - 30 + 7 : at - 46 + 9];
      flags = static_cast<char>((flags & ~8) | flag);
    }
  };
  rename("Gr__e.txt",
         "Gr\x81\xE1"
         "e.txt",
         0);
  rename("______.txt", "日本.txt", 8);
  EXPECT_EQ(names_of(extract_bytes(zip, "out.zip")),
            (std::vector<std::string>{"Grüße.txt", "日本.txt"}));
}

TEST(ArchiveTest, NestedArchivesAreOpenedTwoDeep) {
  std::string zip = make_zip({{"a.txt", "deepest"}});
  for (int level = 3; level > 0; --level) {
    zip = make_zip({{"in" + std::to_string(level) + ".zip", zip}, {"b.txt", "words"}});
  }
  const auto documents = extract_bytes(zip, "out.zip");
  ASSERT_TRUE(documents.has_value()) << documents.error();
  EXPECT_EQ(names_of(documents),
            (std::vector<std::string>{"in1.zip", "in1.zip/in2.zip", "in1.zip/in2.zip/b.txt",
                                      "in1.zip/b.txt", "b.txt"}));
  EXPECT_EQ((*documents)[2].warnings,
            std::vector<std::string>{"\"in3.zip\" was not read: it is a ZIP inside too many "
                                     "others; unpack the outer ones first"});
}

TEST(ArchiveTest, AnArchiveOfPapersIsNoPaper) {
  const auto documents =
      extract_bytes(make_zip({{"notes/word/document.txt", "about Word"},
                              {"a.docx", make_docx("<w:p><w:r><w:t>Agreed</w:t></w:r></w:p>")},
                              {"b.bin", "\x89PNG"}}),
                    "out.zip");
  ASSERT_TRUE(documents.has_value()) << documents.error();
  ASSERT_EQ(documents->size(), 3U);
  EXPECT_EQ((*documents)[0].format, "zip");
  EXPECT_EQ((*documents)[0].warnings,
            std::vector<std::string>{"\"b.bin\" was not read: this is a PNG image"});
  EXPECT_EQ((*documents)[1].text, "about Word");
  EXPECT_EQ((*documents)[2].text, "Agreed");
}

TEST(ArchiveTest, AStoredPdfAtItsStartIsNotTakenForIt) {
  EXPECT_EQ(*detect_format("PK\x03\x04 ... a.pdf %PDF-1.4", "a.zip"), Format::zip);
}

TEST(ArchiveTest, EmptyOnesBombsAndDamageAreRefused) {
  EXPECT_EQ(refusal_of("zip", make_zip({})), "the ZIP archive holds no files");
  EXPECT_EQ(refusal_of("zip", make_zip({{"../a", "x"}})),
            "no file of the ZIP archive can be read; left out because its name leads out of the "
            "archive: ../a");
  EXPECT_EQ(refusal_of("zip", make_zip({{"a", std::string(1 << 20, ' ')}}, 200)),
            "the ZIP archive unpacks to more than 128 MiB; split it");
  EXPECT_FALSE(extract("zip", "PK\x03\x04", ""));
}

TEST(ArchiveTest, EncryptedMembersAreNamed) {
  std::string zip = make_zip({{"open.txt", "words"}, {"secret.txt", "more words"}});
  const size_t local = zip.rfind("PK\x03\x04");
  const size_t central = zip.rfind("PK\x01\x02");
  zip[local + 6] = static_cast<char>(zip[local + 6] | 1);  // the flag that says so
  zip[central + 8] = static_cast<char>(zip[central + 8] | 1);
  const auto extraction = extract("zip", zip, "");
  ASSERT_TRUE(extraction.has_value()) << extraction.error();
  ASSERT_EQ(extraction->attachments.size(), 1U);
  EXPECT_EQ(extraction->attachments[0].name, "open.txt");
  EXPECT_EQ(extraction->documents[0].warnings,
            std::vector<std::string>{"left out because it is encrypted (unpack the archive with "
                                     "its password first): secret.txt"});
}

TEST(ArchiveTest, MoreFilesThanTheLimitAreCounted) {
  std::vector<std::pair<std::string, std::string>> files;
  for (int i = 0; i < 1010; ++i) files.emplace_back("f" + std::to_string(i), "x");
  const auto extraction = extract("zip", make_zip(files), "");
  ASSERT_TRUE(extraction.has_value()) << extraction.error();
  EXPECT_EQ(extraction->attachments.size(), size_t{kAttachmentsMax});
  ASSERT_EQ(extraction->documents[0].warnings.size(), 1U);
  EXPECT_TRUE(extraction->documents[0].warnings[0].starts_with(
      "left out because there are more than 1000 files: f1000, f1001"));
}

TEST(MailboxTest, MessagesAndTheirAttachmentsBecomeDocuments) {
  const auto documents = extract_golden_file("team.mbox");
  ASSERT_TRUE(documents.has_value()) << documents.error();
  EXPECT_EQ(names_of(documents), (std::vector<std::string>{"message 1.eml", "message 2.eml",
                                                           "message 2.eml/prices.csv"}));
  const ExtractedDocument& first = (*documents)[1];
  EXPECT_EQ(first.title, "Café opening");
  EXPECT_TRUE(first.text.ends_with(
      "From Monday on we open at seven.\nFrom here it is ten minutes to the station.\n\nIda"))
      << first.text;
  EXPECT_EQ((*documents)[3].metadata.at("attached_to"), "Prices");
}

TEST(MailboxTest, ContentDecides) {
  EXPECT_EQ(*detect_format("From a@b Mon\nFrom: a@b\n\nhi\n", "2026-March.txt"), Format::mbox);
  EXPECT_EQ(*detect_format("From Monday on\nwe open: at seven\n", "a.txt"), Format::txt);
  EXPECT_EQ(refusal_of("mbox", "hi"), "the mailbox does not begin with a message");
}

TEST(MailboxTest, QuotesLoseOneMark) {
  const auto extraction =
      extract("mbox", "From a\nSubject: s\n\n>From b\n>>From c\n>Frome\nFrom d\n\nFrom e\nx\n", "");
  ASSERT_TRUE(extraction.has_value()) << extraction.error();
  ASSERT_EQ(extraction->attachments.size(), 1U);
  EXPECT_EQ(extraction->attachments[0].bytes,
            "Subject: s\n\nFrom b\n>From c\n>Frome\nFrom d\n\nFrom e\nx\n");
}

TEST(MailboxTest, MoreMessagesThanTheLimitAreCounted) {
  const auto extraction = extract("mbox", repeated("From a\nSubject: s\n\nhi\n\n", 1200), "");
  ASSERT_TRUE(extraction.has_value()) << extraction.error();
  EXPECT_EQ(extraction->attachments.size(), size_t{kAttachmentsMax});
  EXPECT_EQ(extraction->documents[0].warnings,
            std::vector<std::string>{
                "only the first 1000 of 1200 messages were read: a mailbox may have 1000 of 128 "
                "MiB together; split it"});
}

}  // namespace
}  // namespace widenet::ingest

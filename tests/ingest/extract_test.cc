// Detection, the parsers on golden documents, and what they do with damaged and hostile bytes.
#include "ingest/extract.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/file.h"
#include "base/utf8.h"
#include "ingest/text.h"
#include "ingest/zip.h"
#include "tests/ingest/make_zip.h"
#include "tests/ingest/parse.h"

namespace widenet::ingest {
namespace {

TEST(ExtractTest, GoldenDocumentsReadAsExpected) {
  int64_t compared = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kGolden)) {
    if (entry.path().extension() != ".expected") continue;
    const std::string name = entry.path().stem();
    const ExtractedDocument document = only_document(extract_golden(name));
    EXPECT_EQ(document.title + "\n----\n" + document.text + "\n", read_file(entry.path())) << name;
    EXPECT_TRUE(is_canonical(document.text)) << name;
    EXPECT_TRUE(document.format == extension_of(name)) << name;
    ++compared;
  }
  EXPECT_GE(compared, 18);
}

TEST(ExtractTest, ContentDecidesOverTheName) {
  EXPECT_EQ(*detect_format("%PDF-1.4 ...", "letter.txt"), Format::pdf);
  EXPECT_EQ(*detect_format("<!DOCTYPE html><p>404", "report.pdf"), Format::html);
  EXPECT_EQ(*detect_format("just words", "report.docx"), Format::txt);
  EXPECT_EQ(*detect_format("{\"a\": 1}", "a.json"), Format::json);
  EXPECT_EQ(*detect_format("not json", "a.json"), Format::txt);
  EXPECT_EQ(*detect_format("From: a@b.example\nTo: c@d.example\n\nhi", "unknown"), Format::eml);
  EXPECT_EQ(*detect_format("Note: this\nTo: be read\n\nhi", "note.txt"), Format::txt);
  EXPECT_EQ(*detect_format("a,b\n1,2\n", "a.csv"), Format::csv);
}

TEST(ExtractTest, RefusalsSayWhatTheBytesAre) {
  EXPECT_EQ(refusal_of("auto", ""), "the file is empty");
  EXPECT_EQ(refusal_of("auto", " \n\t\n"), "the file has only blanks");
  EXPECT_EQ(refusal_of("auto", "\x89PNG\r\n", "scan.pdf"), "this is a PNG image");
  EXPECT_EQ(refusal_of("auto", "\xD0\xCF\x11\xE0 old", "a.doc"),
            "this is an encrypted or pre-2007 Office file; save it as DOCX, XLSX, PPTX or PDF");
  EXPECT_EQ(refusal_of("auto", make_zip({{"xl/workbook.bin", "x"}})),
            "this is a binary spreadsheet (XLSB); save it as XLSX");
  EXPECT_EQ(
      refusal_of("auto", make_zip({{"mimetype", "application/vnd.oasis.opendocument.graphics"}})),
      "this is an OpenDocument drawing, formula or database; save it as PDF");
  EXPECT_EQ(refusal_of("auto", repeated(std::string_view("\x01\x02\x80\0\x03", 5), 100), "a.csv"),
            "the bytes are neither text nor a known format, whatever the name says (.csv)");
  EXPECT_EQ(refusal_of("nonsense", "x"), "unknown format nonsense");
}

TEST(ExtractTest, AWrongNameIsAWarning) {
  const ExtractedDocument document = only_document(extract("auto", "just words", "report.pdf"));
  ASSERT_EQ(document.warnings.size(), 1U);
  EXPECT_EQ(document.warnings[0], "the name says pdf, the content is txt");
}

TEST(ExtractTest, NulBytesInTextAreDropped) {
  const std::string text =
      repeated("A line of ordinary text.\n", 40) + std::string(1, '\0') + "End";
  EXPECT_TRUE(text_of("auto", text, "a.txt").ends_with("text.\nEnd"));
}

TEST(CsvTest, DialectsAreDetected) {
  EXPECT_EQ(text_of("csv", "a,b\n1,2\n"), "a: 1; b: 2");
  EXPECT_EQ(text_of("csv", "a;b\n1,5;2\n"), "a: 1,5; b: 2");
  EXPECT_EQ(text_of("csv", "a\tb\n1\t2\n"), "a: 1; b: 2");
  EXPECT_EQ(text_of("csv", "a|b\r\n1|2\r\n"), "a: 1; b: 2");
  EXPECT_EQ(text_of("csv", "sep=;\na;b\n1;2\n"), "a: 1; b: 2");
  EXPECT_EQ(text_of("csv", "name\nIda\nRex\n"), "name: Ida\nname: Rex");
}

TEST(CsvTest, ColumnsAreTyped) {
  const ExtractedDocument document =
      only_document(extract("csv", "id,code,price,note\n1,007,2.50,x\n-2,010,3,\n", "orders.csv"));
  ASSERT_EQ(document.tables.size(), 1U);
  const Table& table = document.tables[0];
  EXPECT_EQ(table.name, "orders");
  ASSERT_EQ(table.columns.size(), 4U);
  EXPECT_EQ(table.columns[0].type, ColumnType::integer);
  EXPECT_EQ(table.columns[1].type, ColumnType::text) << "a leading zero makes a code";
  EXPECT_EQ(table.columns[2].type, ColumnType::real);
  EXPECT_EQ(table.columns[3].type, ColumnType::text);
  EXPECT_EQ(table.rows[1], (std::vector<std::string>{"-2", "010", "3", ""}));
}

TEST(CsvTest, RowsWithoutHeaderAndOfUnequalWidth) {
  EXPECT_EQ(text_of("csv", "1,2\n3,4,5\n"),
            "column 1: 1; column 2: 2\ncolumn 1: 3; column 2: 4; column 3: 5");
  EXPECT_EQ(text_of("csv", ",a,b\n0,x,y\n"), "column 1: 0; a: x; b: y") << "an unnamed index";
  EXPECT_EQ(text_of("csv", "a,a\nx,y\n"), "column 1: a; column 2: a\ncolumn 1: x; column 2: y");
}

// Found by fuzzing: the parent refused a table whose column had a name of two lines or 300 letters.
TEST(CsvTest, ColumnNamesAreShortUniqueLines) {
  const std::string long_name(500, 'n');
  const ExtractedDocument document =
      only_document(extract("csv", long_name + "1," + long_name + "2,\"a  \n b\"\nx,y,z\n", ""));
  ASSERT_EQ(document.tables.size(), 1U);
  const std::vector<Column>& columns = document.tables[0].columns;
  EXPECT_EQ(columns[0].name, long_name.substr(0, 200));
  EXPECT_EQ(columns[1].name, long_name.substr(0, 200) + " (2)");
  EXPECT_EQ(columns[2].name, "a b");
  EXPECT_TRUE(extraction_from_json(to_json({{document}, {}})).has_value());
}

TEST(CsvTest, QuotesMayHoldAnythingOrStayOpen) {
  EXPECT_EQ(text_of("csv", "a,b\n\"x,\"\"y\"\"\nz\",2\n"), "a: x,\"y\" z; b: 2");
  EXPECT_EQ(text_of("csv", "a,b\n1,\"open\n2,3"), "a: 1; b: open 2,3");
}

TEST(JsonTest, RecordsOfOneArrayAreATable) {
  const ExtractedDocument document = only_document(extract(
      "json",
      R"({"Genre": [{"Id": 1, "Name": "Rock"}, {"Id": 2, "Name": "Jazz", "Tags": ["a", "b"]}],
          "One": [{"x": 1}], "Sale": {"Lines": [{"Sum": 1.5}, {"Sum": null, "At": {"City": "Ulm"}},
          {}, {"Sum": 2, "Note": "of\ntwo lines"}]}})",
      "music.json"));
  ASSERT_EQ(document.tables.size(), 2U);  // one record makes none
  const Table& genre = document.tables[0];
  EXPECT_EQ(genre.name, "Genre");
  ASSERT_EQ(genre.columns.size(), 3U);
  EXPECT_EQ(genre.columns[0].type, ColumnType::integer);
  EXPECT_EQ(genre.rows[1], (std::vector<std::string>{"2", "Jazz", "a, b"}));
  EXPECT_EQ(genre.rows[0][2], "");
  const auto line = [&](const Table& table, size_t row) {
    return slice_chars(document.text, table.lines[row].start_char, table.lines[row].end_char);
  };
  EXPECT_EQ(line(genre, 1), "Id: 2; Name: Jazz; Tags: a, b");
  const Table& lines = document.tables[1];
  EXPECT_EQ(lines.name, "Sale.Lines");
  ASSERT_EQ(lines.rows.size(), 3U);
  EXPECT_EQ(lines.rows[1], (std::vector<std::string>{"", "Ulm", ""}));
  EXPECT_EQ(lines.rows[2], (std::vector<std::string>{"2", "", "of two lines"}));
  EXPECT_EQ(line(lines, 2), "Sum: 2\nNote: of\ntwo lines");
  EXPECT_TRUE(extraction_from_json(to_json({{document}, {}})).has_value());

  const ExtractedDocument events =
      only_document(extract("jsonl", "{\"No\": 1}\n{\"No\": 2}\n", "events.jsonl"));
  ASSERT_EQ(events.tables.size(), 1U);
  EXPECT_EQ(events.tables[0].name, "events");
}

TEST(JsonTest, DeepNestingIsRefusedNotOverflowed) {
  EXPECT_EQ(refusal_of("json", repeated("[", 1'000'000)),
            "the JSON is nested more than 200 levels deep");
  EXPECT_EQ(text_of("json", repeated("[", 199) + "1" + repeated("]", 199)), "1");
}

TEST(JsonTest, MalformedSaysWhere) {
  EXPECT_EQ(refusal_of("json", "{\"a\": [1, 2"), "the JSON is malformed at byte 12");
  EXPECT_EQ(refusal_of("jsonl", "{\"a\": 1}\n{\"a\"\n"), "line 2: the JSON is malformed at byte 6");
}

TEST(JsonTest, NumbersKeepTheirDigits) {
  EXPECT_EQ(text_of("json", R"({"a": 1.50, "b": 12345678901234567890123, "c": -0})"),
            "a: 1.50\nb: 12345678901234567890123\nc: 0");
}

TEST(JsonTest, LongRecordsTakeALineForEachField) {
  const std::string body(500, 'x');
  EXPECT_EQ(text_of("json", R"([{"id": 1, "body": ")" + body + R"("}, {"id": 2}])"),
            "id: 1\nbody: " + body + "\n\nid: 2");
}

TEST(HtmlTest, DeepNestingEndsNotCrashes) {
  const std::string opening = "<html><p>top</p>" + repeated("<div>", 100'000);
  EXPECT_TRUE(text_of("html", opening + "deep" + repeated("</div>", 9)).starts_with("top"));
  EXPECT_EQ(text_of("html", "<html>" + repeated("<div>", 210) + "deep"), "deep");
}

TEST(HtmlTest, DeclaredCharsetIsHonoured) {
  EXPECT_EQ(text_of("html", "<html><meta charset=\"windows-1251\"><p>\xCF\xF0\xE8</p>"), "При");
}

TEST(HtmlTest, EntitiesOfADoctypeAreNotExpanded) {
  const std::string html =
      "<!DOCTYPE html [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;\"><!ENTITY x SYSTEM "
      "\"file:///etc/passwd\">]><html><p>&b;&x; fine</p></html>";
  const std::string text = text_of("html", html);
  EXPECT_NE(text.find("fine"), std::string::npos);
  EXPECT_EQ(text.find("hahaha"), std::string::npos);
  EXPECT_EQ(text.find("root:"), std::string::npos);
}

TEST(HtmlTest, UnknownTagsAndNoTagsAreText) {
  EXPECT_EQ(text_of("html", "<foo>a <bar>b</bar></foo>"), "a b");
  EXPECT_EQ(text_of("html", "no tag at all"), "no tag at all");
  EXPECT_EQ(refusal_of("html", "<html><script>x</script></html>"), "the file has no text");
}

TEST(DocxTest, EntitiesAreNotExpanded) {
  const std::string docx =
      make_zip({{"word/document.xml",
                 "<!DOCTYPE d [<!ENTITY a \"hahaha\"><!ENTITY b \"&a;&a;&a;&a;\"><!ENTITY x SYSTEM "
                 "\"file:///etc/passwd\">]><w:document xmlns:w=\"w\"><w:body><w:p><w:r><w:t>&b;&x; "
                 "fine</w:t></w:r></w:p></w:body></w:document>"}});
  EXPECT_EQ(text_of("docx", docx), "&b;&x; fine");
}

TEST(DocxTest, DeepNestingIsCutWithAWarning) {
  const std::string xml = "<w:p><w:r><w:t>top</w:t></w:r></w:p>" + repeated("<w:sdt>", 100'000) +
                          "<w:p><w:r><w:t>deep</w:t></w:r></w:p>" + repeated("</w:sdt>", 100'000);
  const ExtractedDocument document = only_document(extract("docx", make_docx(xml), ""));
  EXPECT_EQ(document.text, "top");
  EXPECT_EQ(document.warnings.size(), 1U);
}

TEST(DocxTest, DamagedArchivesAndXmlAreRefused) {
  const std::string docx = golden("agreement.docx");
  for (const size_t size : {docx.size() / 4, docx.size() / 2, docx.size() - 700}) {
    const Result<Extraction> extraction = extract("docx", docx.substr(0, size), "");
    EXPECT_FALSE(extraction) << size << " bytes";
  }
  EXPECT_EQ(refusal_of("docx", make_zip({{"word/document.xml", "<w:document><w:p></w:document>"}})),
            "the document's XML is damaged: Start-end tags mismatch");
  EXPECT_EQ(refusal_of("docx", make_zip({{"a", "b"}})), "the DOCX has no word/document.xml");
}

TEST(ZipTest, EntriesOutsideAreOnlyNames) {
  const auto entries = read_zip(make_zip({{"../../etc/passwd", "x"}, {"a", "y"}}),
                                [](std::string_view name) { return name == "a"; });
  ASSERT_TRUE(entries.has_value());
  EXPECT_EQ(entries->size(), 1U);
}

TEST(ZipTest, BombsAreRefused) {
  const std::string bomb = make_zip({{"a", std::string(1 << 20, ' ')}}, 11);
  EXPECT_LT(bomb.size(), size_t{1} << 20);
  const auto bombed = read_zip(bomb, [](auto) { return true; }, {.bytes_max = 10 << 20});
  ASSERT_FALSE(bombed);
  EXPECT_EQ(bombed.error(), "the ZIP archive unpacks to more than the limit allows");
  const std::string many = make_zip({{"a", "1"}, {"b", "2"}, {"c", "3"}});
  const auto refused = read_zip(many, [](auto) { return true; }, {.entries_max = 2});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), "the ZIP archive has too many entries");
}

TEST(EmlTest, AttachmentsComeAsTheyAre) {
  const Result<Extraction> extraction = extract_golden("thread.eml");
  ASSERT_TRUE(extraction.has_value());
  ASSERT_EQ(extraction->attachments.size(), 1U) << "the inline picture is left out";
  EXPECT_EQ(extraction->attachments[0].name, "prices.csv");
  EXPECT_EQ(extraction->attachments[0].bytes, "item,price\nBolt,0.12\n");
}

TEST(EmlTest, DeepNestingIsCutWithAWarning) {
  std::string mail = "From: a@b.example\nSubject: deep\nMIME-Version: 1.0\n";
  for (int i = 0; i < 200; ++i) {
    const std::string mark = "b" + std::to_string(i);
    mail += "Content-Type: multipart/mixed; boundary=\"" + mark + "\"\n\n--" + mark + "\n";
  }
  mail += "Content-Type: text/plain\n\nbottom\n";
  const ExtractedDocument document = only_document(extract("eml", mail, ""));
  EXPECT_EQ(document.text, "From: a@b.example\nSubject: deep");
  EXPECT_EQ(document.warnings.size(), 1U);
}

TEST(EmlTest, WithoutHeadersItIsRefused) {
  EXPECT_EQ(refusal_of("eml", "only words, no headers at all"), "the mail has no headers");
  EXPECT_EQ(refusal_of("eml", "X-Spam: no\n\nhi"), "the mail has no From, To, Date or Subject");
}

TEST(PdfTest, PagesAndWordBoxesLieInTheText) {
  const ExtractedDocument document = only_document(extract_golden("invoice.pdf"));
  ASSERT_EQ(document.pages.size(), 2U);
  EXPECT_EQ(document.pages[1].number, 2);
  EXPECT_FLOAT_EQ(document.pages[0].width, 595);
  EXPECT_TRUE(slice_chars(document.text, document.pages[1].start_char, document.pages[1].end_char)
                  .starts_with("Terms of delivery"));
  const WordBox& first = document.pages[0].words.front();
  EXPECT_EQ(slice_chars(document.text, first.start_char, first.end_char), "Brackwater");
  EXPECT_NEAR(first.left, 60, 1);
  EXPECT_NEAR(first.bottom, 842 - 780, 5);
}

TEST(PdfTest, ScannedPagesAreRecognised) {
  const ExtractedDocument document = only_document(extract_golden("scanned.pdf"));
  EXPECT_NE(document.text.find("INV-2041"), std::string::npos) << document.text;
  EXPECT_NE(document.text.find("31 March 2026"), std::string::npos);
  ASSERT_EQ(document.warnings.size(), 1U);
  EXPECT_EQ(document.warnings[0], "1 page read by character recognition");
  const WordBox& first = document.pages[0].words.front();
  EXPECT_NEAR(first.left, 60, 3) << "pixels were scaled to points";
}

TEST(PdfTest, PasswordsAndDamageAreNamed) {
  EXPECT_EQ(refusal_of("auto", golden("encrypted.pdf")),
            "the PDF is encrypted and needs a password");
  EXPECT_TRUE(text_of("auto", golden("owner-locked.pdf")).starts_with("Brackwater"));
  EXPECT_TRUE(refusal_of("auto", "%PDF-1.4\nnothing").starts_with("the PDF is damaged"));
  EXPECT_TRUE(
      refusal_of("auto", golden("invoice.pdf").substr(0, 600)).starts_with("the PDF is damaged"));
}

}  // namespace
}  // namespace widenet::ingest

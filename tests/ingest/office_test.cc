// Spreadsheets, presentations, OpenDocument texts and books: what they yield beside their golden
// texts, and what hostile ones do.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "ingest/sheets.h"
#include "ingest/text.h"
#include "ingest/zip.h"
#include "tests/ingest/make_zip.h"
#include "tests/ingest/parse.h"

namespace widenet::ingest {
namespace {

using Entries = std::vector<std::pair<std::string, std::string>>;

// `data` is what <sheetData> holds.
std::string make_xlsx(const std::string& data, const std::string& strings = "") {
  return make_zip(
      {{"xl/workbook.xml",
        R"(<workbook><sheets><sheet name="S" sheetId="1" r:id="a"/></sheets></workbook>)"},
       {"xl/_rels/workbook.xml.rels",
        R"(<Relationships><Relationship Id="a" Type="t/worksheet" Target="worksheets/s.xml"/>)"
        R"(<Relationship Id="b" Type="t/sharedStrings" Target="strings.xml"/></Relationships>)"},
       {"xl/strings.xml", "<sst>" + strings + "</sst>"},
       {"xl/worksheets/s.xml", "<worksheet><sheetData>" + data + "</sheetData></worksheet>"}});
}

// `body` is what <office:KIND> holds.
std::string make_odf(const std::string& kind, const std::string& body, Entries more = {}) {
  more.insert(more.begin(), {"mimetype", "application/vnd.oasis.opendocument." + kind});
  more.emplace_back("content.xml", "<office:document-content><office:body><office:" + kind + ">" +
                                       body + "</office:" + kind +
                                       "></office:body></office:document-content>");
  return make_zip(more);
}

std::string make_ods(const std::string& rows) {
  return make_odf("spreadsheet", "<table:table table:name=\"S\">" + rows + "</table:table>");
}

std::string make_pptx(const std::string& shapes) {
  return make_zip({{"ppt/presentation.xml",
                    R"(<p:presentation><p:sldIdLst><p:sldId id="1" r:id="a"/></p:sldIdLst>)"
                    "</p:presentation>"},
                   {"ppt/_rels/presentation.xml.rels",
                    R"(<Relationships><Relationship Id="a" Type="t/slide" Target="slides/s.xml"/>)"
                    "</Relationships>"},
                   {"ppt/slides/s.xml",
                    "<p:sld><p:cSld><p:spTree>" + shapes + "</p:spTree></p:cSld></p:sld>"}});
}

std::string make_shape(const std::string& text) {
  return "<p:sp><p:txBody><a:p><a:r><a:t>" + text + "</a:t></a:r></a:p></p:txBody></p:sp>";
}

std::string make_epub(const std::string& spine, Entries more) {
  more.emplace_back(
      "META-INF/container.xml",
      R"(<container><rootfiles><rootfile full-path="o/b.opf"/></rootfiles></container>)");
  more.emplace_back("o/b.opf",
                    R"(<package><manifest> <item id="a" href="a.xhtml"/><item id="out")"
                    R"( href="../../../etc/passwd"/><item id="web" href="https://example.com/"/>)"
                    "</manifest><spine>" +
                        spine + "</spine></package>");
  return make_zip(more);
}

// Repeats, drops or overwrites a few stretches, or puts a large number for a digit.
void damage(std::string& content, std::mt19937& random) {
  for (uint32_t n = random() % 4 + 1; n > 0 && !content.empty(); --n) {
    const size_t at = random() % content.size();
    const size_t size = random() % 40;
    const size_t digit = content.find_first_of("0123456789", at);
    switch (random() % 4) {
      case 0:
        content.insert(at, content.substr(random() % content.size(), size));
        break;
      case 1:
        content.erase(at, size);
        break;
      case 2:
        content[at] = static_cast<char>(random() % 256);
        break;
      default:
        if (digit != std::string::npos) content.replace(digit, 1, "-99999999999999999999.5e307");
    }
  }
}

TEST(OfficeTest, ContentDecidesWhichZipItIs) {
  for (const auto& [name, format] : {std::pair("prices.xlsx", Format::xlsx),
                                     {"stock.ods", Format::ods},
                                     {"review.pptx", Format::pptx},
                                     {"safety.odp", Format::odp},
                                     {"lease.odt", Format::odt},
                                     {"guide.epub", Format::epub},
                                     {"agreement.docx", Format::docx}}) {
    const Result<Format> detected = detect_format(golden(name), "file.bin");
    ASSERT_TRUE(detected.has_value()) << name << ": " << detected.error();
    EXPECT_EQ(*detected, format) << name;
  }
  const ExtractedDocument document = only_document(extract("auto", golden("stock.ods"), "a.xlsx"));
  ASSERT_EQ(document.warnings.size(), 2U);
  EXPECT_EQ(document.warnings[1], "the name says xlsx, the content is ods");
}

// Searching the archive's bytes took a text with a stored workbook inside for the workbook.
TEST(OfficeTest, AnEmbeddedDocumentDoesNotDecide) {
  const std::string pptx = make_zip(
      {{"ppt/presentation.xml", "x"}, {"ppt/embeddings/word/document.xml", "PK xl/workbook.xml"}});
  EXPECT_EQ(*detect_format(pptx, ""), Format::pptx);
}

TEST(OfficeTest, PagesLieInTheText) {
  for (const char* name : {"prices.xlsx", "stock.ods", "review.pptx", "safety.odp", "guide.epub"}) {
    const ExtractedDocument document = only_document(extract_golden(name));
    EXPECT_FALSE(document.pages.empty()) << name;
    EXPECT_TRUE(extraction_from_json(to_json({{document}, {}})).has_value()) << name;
  }
  const ExtractedDocument review = only_document(extract_golden("review.pptx"));
  ASSERT_EQ(review.pages.size(), 2U);
  EXPECT_EQ(review.pages[1].number, 3) << "the hidden slide keeps its number";
  EXPECT_TRUE(slice_chars(review.text, review.pages[1].start_char, review.pages[1].end_char)
                  .starts_with("Sales by region"));
  EXPECT_EQ(review.warnings, std::vector<std::string>{"hidden slides were left out: 2"});
}

TEST(OfficeTest, TablesOfSheetsAreTypedAndNamed) {
  const ExtractedDocument document = only_document(extract_golden("prices.xlsx"));
  ASSERT_EQ(document.tables.size(), 2U);
  EXPECT_EQ(document.tables[0].name, "Prices");
  EXPECT_EQ(document.tables[1].name, "Hours & days");
  EXPECT_EQ(document.tables[0].columns[1].name, "Price");
  EXPECT_EQ(document.tables[0].columns[1].type, ColumnType::real);
  EXPECT_EQ(document.tables[0].rows.size(), 3U);
  EXPECT_EQ(document.warnings, std::vector<std::string>{"hidden sheets were left out: Costs"});
}

TEST(OfficeTest, MomentsAreIso8601) {
  EXPECT_EQ(iso_moment(46'112, Moment::date), "2026-03-31");
  EXPECT_EQ(iso_moment(46'112.5, Moment::date_time), "2026-03-31T12:00");
  EXPECT_EQ(iso_moment(0.75 + 1.0 / 86'400, Moment::time), "18:00:01");
  EXPECT_EQ(iso_moment(1.5, Moment::duration), "36:00");
  EXPECT_EQ(iso_moment(2'958'465, Moment::date), "9999-12-31");
  for (const double none : {-1.0, 2'958'466.0, 1e300, std::nan("")}) {
    EXPECT_EQ(iso_moment(none, Moment::date), "") << none;
  }
  EXPECT_EQ(shown_number(0.1 + 0.2), "0.3");
  EXPECT_EQ(shown_number(100'000), "100000");
}

TEST(OfficeTest, EntitiesAreNotExpanded) {
  const std::string doctype =
      "<!DOCTYPE d [<!ENTITY a \"hahaha\"><!ENTITY b \"&a;&a;\"><!ENTITY x SYSTEM "
      "\"file:///etc/passwd\">]>";
  const std::string odt = make_zip(
      {{"mimetype", "application/vnd.oasis.opendocument.text"},
       {"content.xml", doctype + "<d><body><text><text:p>&b;&x; fine</text:p></text></body>"
                                 "</d>"}});
  EXPECT_EQ(text_of("auto", odt), "&b;&x; fine");
}

TEST(OfficeTest, DeepNestingIsCutWithAWarning) {
  const std::string sections = repeated("<text:section>", 100'000) + "<text:p>deep</text:p>" +
                               repeated("</text:section>", 100'000);
  const std::string groups =
      repeated("<p:grpSp>", 100'000) + make_shape("deep") + repeated("</p:grpSp>", 100'000);
  const std::string drawings = repeated("<draw:g>", 100'000) + "<draw:frame><text:p>deep</text:p>" +
                               "</draw:frame>" + repeated("</draw:g>", 100'000);
  const std::string rows =
      repeated("<table:table-row-group>", 100'000) + repeated("</table:table-row-group>", 100'000);
  const std::string cell = "<table:table-cell><text:p>top</text:p></table:table-cell>";
  for (const auto& [format, bytes] :
       {std::pair("odt", make_odf("text", "<text:p>top</text:p>" + sections)),
        {"pptx", make_pptx(make_shape("top") + groups)},
        {"odp",
         make_odf("presentation", "<draw:page><draw:frame><text:p>top</text:p></draw:frame>" +
                                      drawings + "</draw:page>")},
        {"ods", make_ods("<table:table-row>" + cell + "</table:table-row>" + rows)}}) {
    const ExtractedDocument document = only_document(extract(format, bytes, ""));
    EXPECT_TRUE(document.text.ends_with("top")) << format << ": " << document.text;
    EXPECT_EQ(document.warnings.size(), 1U) << format;
  }
}

TEST(OfficeTest, DamageIsRefusedWithAReason) {
  for (const char* name :
       {"prices.xlsx", "stock.ods", "review.pptx", "safety.odp", "lease.odt", "guide.epub"}) {
    const std::string bytes = golden(name);
    const std::string format = extension_of(name);
    for (size_t size = 0; size < bytes.size(); size += 41) {
      EXPECT_NE(refusal_of(format, bytes.substr(0, size)), "") << name << ", " << size << " bytes";
    }
    EXPECT_NE(refusal_of(format, make_zip({{"a", "b"}})), "it was read") << name;
  }
  EXPECT_EQ(refusal_of("xlsx", make_xlsx("<row><c></row>")),
            "the document's XML is damaged: Start-end tags mismatch");
  EXPECT_EQ(refusal_of("xlsx", make_zip({{"a", "b"}})), "the XLSX has no xl/workbook.xml");
  EXPECT_EQ(refusal_of("odt", make_zip({{"mimetype", "application/vnd.oasis.opendocument.text"}})),
            "the document has no content.xml; it may hold only styles");
  EXPECT_EQ(refusal_of("ods", make_odf("text", "<text:p>x</text:p>")),
            "the document's content.xml has no office:spreadsheet");
}

// Damage behind the archive's checksums, where the fuzz targets' bytes seldom get.
TEST(OfficeTest, DamagedPartsKeepThePromises) {
  for (const char* name : {"prices.xlsx", "stock.ods", "review.pptx", "safety.odp", "lease.odt",
                           "guide.epub", "agreement.docx"}) {
    const auto parts = read_zip(golden(name), [](auto) { return true; });
    ASSERT_TRUE(parts.has_value()) << name;
    for (uint32_t seed = 0; seed < 60; ++seed) {
      std::mt19937 random(seed);
      Entries damaged(parts->begin(), parts->end());
      for (auto& [part, content] : damaged) {
        if (part != "mimetype" && random() % 2 == 0) damage(content, random);
      }
      const auto extraction = extract(extension_of(name), make_zip(damaged), name);
      if (!extraction) continue;
      const auto checked = extraction_from_json(to_json(*extraction));
      EXPECT_TRUE(checked.has_value()) << name << ", seed " << seed << ": " << checked.error();
    }
  }
}

TEST(OfficeTest, ProtectedDocumentsAreRefused) {
  EXPECT_EQ(refusal_of("odt", make_odf("text", "",
                                       {{"META-INF/manifest.xml", "<m><m:encryption-data/></m>"}})),
            "the document is encrypted and needs a password; save it without one");
  const auto encryption = [](const std::string& uri) {
    return "<encryption><EncryptedData><CipherData><CipherReference URI=\"" + uri +
           "\"/></CipherData></EncryptedData></encryption>";
  };
  const std::string spine = "<itemref idref=\"a\"/>";
  const std::string chapter = "<html><p>words</p></html>";
  EXPECT_EQ(
      refusal_of("epub", make_epub(spine, {{"o/a.xhtml", chapter},
                                           {"META-INF/encryption.xml", encryption("o/a.xhtml")}})),
      "the book's chapters are encrypted (DRM); only a copy without protection can be read");
  EXPECT_EQ(
      text_of("epub", make_epub(spine, {{"o/a.xhtml", chapter},
                                        {"META-INF/encryption.xml", encryption("o/font.otf")}})),
      "words");
}

TEST(XlsxTest, CellsLieWhereTheySayOrBehindTheOneBefore) {
  const std::string cell = "<c t=\"str\"><v>x</v></c>";
  EXPECT_EQ(text_of("xlsx", make_xlsx("<row><c r=\"C1\"><v>1</v></c><c><v>2</v></c></row>"
                                      "<row><c r=\"D9\"><v>3</v></c></row>")),
            "S\n\ncolumn 1: 1; column 2: 2\ncolumn 2: 3");
  EXPECT_EQ(text_of("xlsx", make_xlsx("<row><c r=\"ZZZZZZZZZZZZZZZ1\"><v>1</v></c>" + cell +
                                      "<c r=\"A1\" t=\"s\"><v>7</v></c></row>"
                                      "<row><c r=\"A2\" t=\"str\"><v>x</v></c></row>")),
            "S\n\ncolumn 1: x");
}

TEST(XlsxTest, RemarksAboveAHeaderAreText) {
  const auto row = [](const std::vector<std::string>& cells) {
    std::string xml = "<row>";
    for (const std::string& cell : cells) xml += "<c t=\"str\"><v>" + cell + "</v></c>";
    return xml + "</row>";
  };
  const std::string header = row({"Name", "Age", "Town"});
  const std::string data = row({"Ida", "61", "Oxmoor"}) + row({"Rex", "", "Tarn"});
  EXPECT_EQ(
      text_of("xlsx", make_xlsx(row({"Staff"}) + row({"as of", "", "March"}) + header + data)),
      "S\n\nStaff\nas of | March\n\nName: Ida; Age: 61; Town: Oxmoor\nName: Rex; Town: Tarn");
  EXPECT_EQ(text_of("xlsx", make_xlsx(row({"", "May", "June"}) + row({"Rent", "4", "5"}))),
            "S\n\ncolumn 1: Rent; May: 4; June: 5");
  // Nothing tells a header from a row of words that happens to be the first without a gap.
  EXPECT_EQ(text_of("xlsx", make_xlsx(row({"Ida", "", "Tarn"}) + row({"Rex", "cook", "Oxmoor"}))),
            "S\n\ncolumn 1: Ida; column 3: Tarn\ncolumn 1: Rex; column 2: cook; column 3: Oxmoor");
}

TEST(XlsxTest, CellsFarApartTakeNoMemoryInBetween) {
  std::string rows = "<row><c r=\"A1\"><v>1</v></c></row>";
  for (int i = 0; i < 100'000; ++i) rows += "<row><c r=\"XFD1\"><v>2</v></c></row>";
  const ExtractedDocument document = only_document(extract("xlsx", make_xlsx(rows), ""));
  ASSERT_EQ(document.tables.size(), 1U);
  EXPECT_EQ(document.tables[0].columns.size(), 2U);
}

TEST(XlsxTest, AStairOfCellsIsRefused) {
  std::string rows;
  for (int i = 0; i < 5'000; ++i) {
    std::string column;
    for (int n = i + 1; n > 0; n = (n - 1) / 26) {
      column.insert(column.begin(), static_cast<char>('A' + (n - 1) % 26));
    }
    rows += "<row><c r=\"" + column + "1\"><v>1</v></c></row>";
  }
  EXPECT_EQ(refusal_of("xlsx", make_xlsx(rows)), kTooMuchInTables);
}

TEST(XlsxTest, AStringUsedOftenIsRefused) {
  const std::string strings = "<si><t>" + std::string(1 << 20, 'x') + "</t></si>";
  const std::string row = "<row><c t=\"s\"><v>0</v></c></row>";
  EXPECT_EQ(refusal_of("xlsx", make_xlsx(repeated(row, 100), strings)), kTooMuchInTables);
}

TEST(OdsTest, RepeatedNothingIsNothing) {
  const std::string empty =
      R"(<table:table-row table:number-rows-repeated="1048576"><table:table-cell)"
      R"( table:number-columns-repeated="9223372036854775807"/></table:table-row>)";
  const std::string cell =
      "<table:table-row><table:table-cell><text:p>x</text:p></table:table-cell></table:table-row>";
  EXPECT_EQ(text_of("ods", make_ods(repeated(empty, 1'000) + cell)), "S\n\ncolumn 1: x");
}

TEST(OdsTest, RepeatedTextIsRefused) {
  const auto cell = [](const std::string& text, const std::string& repeats) {
    return R"(<table:table-row table:number-rows-repeated=")" + repeats +
           R"("><table:table-cell table:number-columns-repeated=")" + repeats + "\"><text:p>" +
           text + "</text:p></table:table-cell></table:table-row>";
  };
  EXPECT_EQ(text_of("ods", make_ods(cell("x", "2") + cell("y", "-7"))),
            "S\n\ncolumn 1: x; column 2: x\ncolumn 1: x; column 2: x\ncolumn 1: y");
  EXPECT_EQ(refusal_of("ods", make_ods(cell("x", "1000000"))), kTooMuchInTables);
  EXPECT_EQ(refusal_of("ods", make_ods(cell(std::string(1 << 20, 'x'), "100"))), kTooMuchInTables);
}

TEST(OdtTest, CellsOfATextAreNotMultiplied) {
  const std::string text =
      text_of("odt", make_odf("text",
                              "<table:table><table:table-row><table:table-cell "
                              "table:number-columns-repeated=\"999999\"><text:p>x</text:p>"
                              "</table:table-cell><table:table-cell "
                              "table:number-columns-repeated=\"999999\"/></table:table-row>"
                              "</table:table>"));
  EXPECT_TRUE(text.starts_with("x |  |  |"));
  EXPECT_LT(text.size(), 1'000U);
}

TEST(EpubTest, NamesOutsideTheBookAreNeverRead) {
  const ExtractedDocument document = only_document(
      extract("epub",
              make_epub("\n<itemref idref=\"out\"/>\n<itemref idref=\"web\"/><itemref idref=\"a\"/>"
                        "<itemref idref=\"a\"/><itemref idref=\"none\"/>",
                        {{"o/a.xhtml", "<html><p>once</p></html>"}}),
              ""));
  EXPECT_EQ(document.text, "once");
  EXPECT_EQ(document.warnings,
            std::vector<std::string>{"chapters that the archive does not hold were left out: 2"});
}

TEST(ZipTest, ReferencesResolveInsideTheArchive) {
  EXPECT_EQ(resolved_name("xl/workbook.xml", "worksheets/s.xml"), "xl/worksheets/s.xml");
  EXPECT_EQ(resolved_name("ppt/slides/s.xml", "../notes/n.xml#x"), "ppt/notes/n.xml");
  EXPECT_EQ(resolved_name("a/b", "/xl/./s%20t.xml"), "xl/s t.xml");
  EXPECT_EQ(resolved_name("a/b", "../../../../etc/passwd"), "etc/passwd");
  EXPECT_EQ(resolved_name("a", "%zz%"), "%zz%");
  EXPECT_EQ(resolved_name("", ""), "");
}

}  // namespace
}  // namespace widenet::ingest

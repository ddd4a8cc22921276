// Words with boxes to text: columns, rows, paragraphs, hyphens.
#include "ingest/pdf_layout.h"

#include <gtest/gtest.h>

#include <string>

#include "base/utf8.h"

namespace widenet::ingest {
namespace {

// A line of words 6 points wide a letter and 10 high.
LayoutLine line_at(float left, float top, int64_t block, const std::string& text) {
  LayoutLine line{.box = {left, top, left, top + 10}, .block = block, .words = {}};
  float at = left;
  for (size_t from = 0; from < text.size();) {
    const size_t to = std::min(text.find(' ', from), text.size());
    const float right = at + 6 * static_cast<float>(to - from);
    line.words.push_back({{at, top, right, top + 10}, text.substr(from, to - from)});
    line.box.right = right;
    at = right + 4;
    from = to + 1;
  }
  return line;
}

std::string written(const LayoutPage& page) {
  TextBuilder out;
  write_page(page, 1, out);
  return out.take();
}

TEST(PdfLayoutTest, TableColumnsBecomeRows) {
  const LayoutPage page{600,
                        800,
                        {line_at(50, 100, 1, "Net sales"), line_at(50, 112, 1, "Cost of sales"),
                         line_at(300, 100, 2, "82,959"), line_at(300, 112, 2, "47,074"),
                         line_at(400, 101, 3, "81,434"), line_at(400, 113, 3, "46,179")}};
  EXPECT_EQ(written(page), "Net sales | 82,959 | 81,434\nCost of sales | 47,074 | 46,179");
}

TEST(PdfLayoutTest, LongLabelsBesideNumbersAreRowsToo) {
  const LayoutPage page{600,
                        800,
                        {line_at(50, 100, 1, "Payments for the acquisition of property"),
                         line_at(50, 112, 1, "Proceeds from the sale of securities"),
                         line_at(400, 100, 2, "$ 7"), line_at(400, 112, 2, "(9)")}};
  EXPECT_EQ(written(page),
            "Payments for the acquisition of property | $ 7\n"
            "Proceeds from the sale of securities | (9)");
}

TEST(PdfLayoutTest, LongValuesBesideTheirNamesAreRowsToo) {
  const LayoutPage page{600,
                        800,
                        {line_at(50, 100, 1, "Passing rent"), line_at(50, 112, 1, "Tenant's break"),
                         line_at(200, 100, 2, "412,000 a year, paid quarterly in advance"),
                         line_at(200, 112, 2, "25 March 2031 on twelve months' notice")}};
  EXPECT_EQ(written(page),
            "Passing rent | 412,000 a year, paid quarterly in advance\n"
            "Tenant's break | 25 March 2031 on twelve months' notice");
}

TEST(PdfLayoutTest, ParagraphLinesAreJoinedAndHyphensHealed) {
  const LayoutPage page{600,
                        800,
                        {line_at(50, 100, 1, "Goods remain the property of the sell-"),
                         line_at(50, 112, 1, "er until they have been paid for."),
                         line_at(50, 124, 1, "Our part is well-known, and the A-"),
                         line_at(50, 136, 1, "series is not cut here at all.")}};
  EXPECT_EQ(written(page),
            "Goods remain the property of the seller until they have been paid for. Our part is "
            "well-known, and the A-series is not cut here at all.");
}

TEST(PdfLayoutTest, ColumnsOfProseAreReadOneAfterTheOther) {
  const LayoutPage page{
      600,
      800,
      {line_at(50, 50, 1, "A heading that stands over both of the two columns of text"),
       line_at(50, 100, 2, "left one of the column"),
       line_at(320, 100, 3, "right one of the column"),
       line_at(50, 112, 2, "left two of the column"),
       line_at(320, 112, 3, "right two of the column"),
       line_at(50, 124, 2, "left three of the column"),
       line_at(320, 124, 3, "right three of the column"), line_at(50, 700, 4, "Page 7")}};
  // Lines of one block come one after the other in the tools' output.
  LayoutPage ordered = page;
  std::stable_sort(ordered.lines.begin(), ordered.lines.end(),
                   [](const LayoutLine& a, const LayoutLine& b) { return a.block < b.block; });
  EXPECT_EQ(written(ordered),
            "A heading that stands over both of the two columns of text\n\n"
            "left one of the column left two of the column left three of the column\n\n"
            "right one of the column right two of the column right three of the column\n\n"
            "Page 7");
}

TEST(PdfLayoutTest, LabelsAndItemMarksAreNoCells) {
  const LayoutPage page{600,
                        800,
                        {line_at(50, 100, 1, "Invoice number:"), line_at(200, 100, 2, "INV-7"),
                         line_at(50, 150, 3, "Item 1."), line_at(150, 150, 4, "Statements"),
                         line_at(50, 200, 5, "(a)"), line_at(150, 200, 6, "Scope")}};
  EXPECT_EQ(written(page), "Invoice number: INV-7\n\nItem 1. | Statements\n\n(a) Scope");
}

TEST(PdfLayoutTest, EveryWordsRangeIsItsText) {
  const LayoutPage page{
      600, 800, {line_at(50, 100, 1, "Grüße from"), line_at(300, 100, 2, "Kestrel Bay")}};
  TextBuilder out;
  out.add("before");
  const Page written_page = write_page(page, 3, out);
  ASSERT_EQ(written_page.words.size(), 4U);
  const WordBox& last = written_page.words[3];
  EXPECT_EQ(slice_chars(out.text(), last.start_char, last.end_char), "Bay");
  EXPECT_EQ(slice_chars(out.text(), written_page.start_char, written_page.end_char),
            "Grüße from | Kestrel Bay");
}

TEST(PdfLayoutTest, BboxOutputIsReadAndNonsenseSkipped) {
  const Result<LayoutDocument> document = read_bbox_layout(
      "<title>A &amp; B</title>\n<meta name=\"Author\" content=\"Ida\"/>\n<word "
      "xMin=\"1\">early</word>\n"
      "<page width=\"595.0\" height=\"842.0\">\n<flow>\n<block xMin=\"1\">\n<line xMin=\"1\" "
      "yMin=\"nan\" xMax=\"1e99\" yMax=\"x\">\n<word xMin=\"1\" yMin=\"2\" xMax=\"3\" "
      "yMax=\"4\">a&lt;b</word>\n<word xMin=\"1\">\x01</word>\n<word\n</line>\n<line "
      "xMin=\"1\">\n</page>");
  ASSERT_TRUE(document.has_value());
  EXPECT_EQ(document->properties.at("title"), "A & B");
  EXPECT_EQ(document->properties.at("author"), "Ida");
  ASSERT_EQ(document->pages.size(), 1U);
  ASSERT_EQ(document->pages[0].lines.size(), 1U);
  ASSERT_EQ(document->pages[0].lines[0].words.size(), 1U);
  EXPECT_EQ(document->pages[0].lines[0].words[0].text, "a<b");
}

TEST(PdfLayoutTest, TesseractOutputIsScaled) {
  const LayoutPage page = read_tesseract_tsv(
      "level\tpage_num\tblock_num\tpar_num\tline_num\tword_"
      "num\tleft\ttop\twidth\theight\tconf\ttext\n"
      "1\t1\t0\t0\t0\t0\t0\t0\t2000\t2600\t-1\t\n"
      "5\t1\t1\t1\t1\t1\t100\t200\t50\t20\t96.1\tHello\n"
      "5\t1\t1\t1\t1\t2\t160\t198\t40\t24\t95.0\tyou\n"
      "5\t1\t1\t1\t2\t1\t100\t230\t40\t24\t95.0\t \n",
      0.5F);
  EXPECT_FLOAT_EQ(page.width, 1000);
  ASSERT_EQ(page.lines.size(), 1U);
  EXPECT_FLOAT_EQ(page.lines[0].box.right, 100);
  EXPECT_EQ(page.lines[0].words[1].text, "you");
}

}  // namespace
}  // namespace widenet::ingest

// RTF 1.9 and what programs make of it: paragraphs, lists, table rows, notes, title and author.
// Text that is hidden, deleted, an instruction or a picture is left out.
#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "ingest/parsers.h"
#include "ingest/text.h"

namespace widenet::ingest {
namespace {

constexpr size_t kDepthMax = 1000;  // of groups
constexpr size_t kFontsMax = 10'000;
constexpr size_t kWordBytesMax = 32;  // a control word's letters

// Where a group's text goes.
enum class Destination {
  text,
  skipped,
  font_table,
  style_table,
  title,
  author,
  subject,
  note,
  mark
};

struct Group {
  Destination destination = Destination::text;
  bool is_hidden = false;
  bool is_in_table = false;   // of the paragraph
  int64_t style = -1;         // of the paragraph, or being defined
  int64_t outline_level = 9;  // 9 is body text
  int64_t font = -1;
  int64_t bytes_after_unicode = 1;
};

// Destinations that are not for reading, beside all that begin with \*.
const std::set<std::string_view> kSkipped = {"colortbl",  "pict",
                                             "header",    "headerl",
                                             "headerr",   "headerf",
                                             "footer",    "footerl",
                                             "footerr",   "footerf",
                                             "fldinst",   "sp",
                                             "shprslt",   "nonesttables",
                                             "xe",        "tc",
                                             "rxe",       "txe",
                                             "filetbl",   "revtbl",
                                             "listtable", "listoverridetable",
                                             "objdata",   "private",
                                             "themedata", "datastore",
                                             "ftnsep",    "ftnsepc",
                                             "aftnsep",   "aftnsepc",
                                             "bkmkstart", "bkmkend",
                                             "keywords",  "comment",
                                             "doccomm",   "operator",
                                             "category",  "manager",
                                             "company",   "creatim",
                                             "revtim",    "printim",
                                             "buptim",    "hlinkbase",
                                             "formfield"};

// Groups behind \* that hold text all the same.
const std::set<std::string_view> kReadBehindStar = {"shpinst", "ud", "nesttableprops"};

const std::map<std::string_view, Destination> kDestinations = {
    {"fonttbl", Destination::font_table}, {"stylesheet", Destination::style_table},
    {"title", Destination::title},        {"author", Destination::author},
    {"subject", Destination::subject},    {"footnote", Destination::note},
    {"listtext", Destination::mark},      {"pntext", Destination::mark}};

const std::map<std::string_view, std::string_view> kCharacters = {
    {"emdash", "—"},  {"endash", "–"},    {"bullet", "•"},    {"lquote", "‘"},
    {"rquote", "’"},  {"ldblquote", "“"}, {"rdblquote", "”"}, {"emspace", " "},
    {"enspace", " "}, {"qmspace", " "},   {"tab", " "},       {"nestcell", " | "},
    {"line", "\n"},   {"lbr", "\n"},      {"softline", "\n"}, {"nestrow", "\n"}};

// \fcharset's numbers, as code pages; 0 and 1 are the document's own.
const std::map<int64_t, int64_t> kPageOfCharset = {
    {77, 10000}, {128, 932},  {129, 949},  {134, 936},  {136, 950},  {161, 1253},
    {162, 1254}, {163, 1258}, {177, 1255}, {178, 1256}, {186, 1257}, {204, 1251},
    {222, 874},  {238, 1250}, {254, 437},  {255, 850}};

std::string charset_of_page(int64_t page) {
  switch (page) {
    case 932:
      return "windows-31j";
    case 936:
      return "GBK";
    case 950:
      return "Big5";
    case 10000:
      return "macintosh";
    case 65001:
      return "UTF-8";
    default:
      const bool is_windows = (page >= 1250 && page <= 1258) || page == 874 || page == 949;
      return (is_windows ? "windows-" : "cp") + std::to_string(page);
  }
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// Symbol fonts live in the private area; their bullets are the only ones that say something.
std::string_view bullet_of(char32_t c) {
  return c == 0xF0B7 || c == 0xF0A7 || c == 0xF0D8 || c == 0xF0FC ? "•" : "";
}

class Reader {
 public:
  Reader(std::string_view rtf, ExtractedDocument& document) : rtf_(rtf), document_(document) {}

  void read() {
    while (at_ < rtf_.size()) step();
    end_bytes();
    if (!cells_.empty()) cells_.push_back(std::exchange(paragraph_, {}));
    group().is_in_table = false;
    end_paragraph();
    for (const std::string& note : notes_) {
      out_.end_paragraph();
      add_lines(note);
    }
    document_.text = out_.take();
    finish_properties();
  }

 private:
  Group& group() { return groups_.back(); }

  // --- the syntax: groups, control words, text
  void step() {
    const char c = rtf_[at_++];
    if (c == '{') return open_group();
    if (c == '}') return close_group();
    if (c == '\\') return control();
    if (c == '\r' || c == '\n' || c == '\0') return;
    text_byte(c == '\t' ? ' ' : c);
  }

  void open_group() {
    end_bytes();
    to_skip_ = 0;
    if (groups_.size() == kDepthMax) {
      ++n_too_deep_;
      return;
    }
    groups_.push_back(group());
  }

  void close_group() {
    end_bytes();
    to_skip_ = 0;
    is_starred_ = false;
    if (n_too_deep_ > 0) {
      --n_too_deep_;
      reached_depth_max_ = true;
      return;
    }
    if (groups_.size() == 1) return;  // of more braces closed than opened
    const Group closed = group();
    groups_.pop_back();
    if (closed.destination == group().destination) {
      if (closed.destination == Destination::style_table) end_style(closed);
      return;
    }
    if (closed.destination == Destination::note) notes_.push_back(std::exchange(note_, {}));
  }

  void control() {
    if (at_ >= rtf_.size()) return;
    if (!is_letter(rtf_[at_])) return symbol(rtf_[at_++]);
    const size_t start = at_;
    while (at_ < rtf_.size() && is_letter(rtf_[at_])) ++at_;
    const std::string_view word = rtf_.substr(start, at_ - start);
    int64_t number = 0;
    const char* first = rtf_.data() + at_;
    const char* end = std::from_chars(first, rtf_.data() + rtf_.size(), number).ptr;
    const bool has_number = end != first;
    at_ += static_cast<size_t>(end - first);
    if (at_ < rtf_.size() && rtf_[at_] == ' ') ++at_;
    if (word == "bin") {
      end_bytes();
      at_ += std::min(static_cast<size_t>(std::max<int64_t>(number, 0)), rtf_.size() - at_);
      return;
    }
    if (n_too_deep_ > 0 || word.size() > kWordBytesMax) return;
    if (to_skip_ > 0) {
      --to_skip_;
      return;
    }
    control_word(word, number, has_number);
  }

  void symbol(char c) {
    if (c == '\'') {
      const int high = at_ < rtf_.size() ? hex_digit(rtf_[at_]) : -1;
      const int low = at_ + 1 < rtf_.size() ? hex_digit(rtf_[at_ + 1]) : -1;
      if (high < 0 || low < 0) return;
      at_ += 2;
      return text_byte(static_cast<char>(high * 16 + low));
    }
    if (c == '{' || c == '}' || c == '\\') return text_byte(c);
    if (n_too_deep_ > 0) return;
    if (to_skip_ > 0) {
      --to_skip_;
      return;
    }
    if (c == '*') is_starred_ = true;
    if (c == '~') append("\xC2\xA0");
    if (c == '_') append("-");
    if (c == '\r' || c == '\n') control_word("par", 0, /*has_number=*/false);
  }

  void control_word(std::string_view word, int64_t number, bool has_number) {
    const bool was_starred = std::exchange(is_starred_, false);
    if (enters_destination(word, was_starred)) return;
    if (group().destination == Destination::skipped) return;
    if (word == "u") return unicode(number);
    const auto character = kCharacters.find(word);
    if (character != kCharacters.end()) return append(character->second);
    if (format_word(word, number, has_number)) return;
    if (group().destination == Destination::text) return structure_word(word);
    if (word == "par") append("\n");
  }

  // --- destinations
  bool enters_destination(std::string_view word, bool was_starred) {
    const auto found = kDestinations.find(word);
    const bool is_skipped =
        kSkipped.contains(word) ||
        (was_starred && found == kDestinations.end() && !kReadBehindStar.contains(word));
    if (group().destination == Destination::skipped) return true;
    if (is_skipped) {
      end_bytes();
      group().destination = Destination::skipped;
      return true;
    }
    // In a style's definition "\title" would be a name of ours in a place of theirs.
    if (found == kDestinations.end() || group().destination == Destination::style_table) {
      return false;
    }
    end_bytes();
    group().destination = found->second;
    group().is_hidden = false;
    if (std::string* text = property(found->second)) text->clear();  // \ud says it again
    return true;
  }

  std::string* property(Destination destination) {
    if (destination == Destination::title) return &title_;
    if (destination == Destination::author) return &author_;
    return destination == Destination::subject ? &subject_ : nullptr;
  }

  // --- what changes how text reads
  bool format_word(std::string_view word, int64_t number, bool has_number) {
    Group& now = group();
    const bool is_on = !has_number || number != 0;
    end_bytes();
    if (word == "uc") {
      now.bytes_after_unicode = has_number ? std::clamp<int64_t>(number, 0, 16) : 1;
    } else if (word == "f") {
      now.font = number;
    } else if (word == "v" || word == "deleted") {
      now.is_hidden = is_on;
    } else if (word == "plain") {
      now.is_hidden = false;
      now.font = default_font_;
    } else if (word == "deff") {
      default_font_ = number;
      now.font = number;
    } else if (word == "ansicpg") {
      page_ = number;
    } else if (word == "mac" || word == "pc" || word == "pca") {
      page_ = word == "mac" ? 10000 : word == "pc" ? 437 : 850;
    } else if (word == "fcharset" || word == "cpg") {
      define_font(word == "cpg" ? number : page_of_charset(number));
    } else if (word == "pard") {
      now.is_in_table = false;
      now.style = -1;
      now.outline_level = 9;
    } else if (word == "intbl") {
      now.is_in_table = true;
    } else if (word == "s") {
      now.style = number;
    } else if (word == "outlinelevel") {
      now.outline_level = has_number ? number : 9;
    } else {
      return false;
    }
    return true;
  }

  static int64_t page_of_charset(int64_t charset) {
    const auto found = kPageOfCharset.find(charset);
    return found == kPageOfCharset.end() ? 0 : found->second;
  }

  void define_font(int64_t page) {
    if (group().destination != Destination::font_table || page == 0) return;
    if (page_of_font_.size() < kFontsMax) page_of_font_[group().font] = page;
  }

  void end_style(const Group& style) {
    const std::string name = lowered(one_line(std::exchange(style_name_, {})));
    const bool is_heading =
        style.outline_level < 9 || name.starts_with("heading") || name.starts_with("title");
    if (is_heading && style.style >= 0) heading_styles_.insert(style.style);
  }

  // --- structure
  void structure_word(std::string_view word) {
    if (word == "par" || word == "sect" || word == "page") {
      end_paragraph();
    } else if (word == "cell") {
      cells_.push_back(std::exchange(paragraph_, {}));
      mark_.clear();
    } else if (word == "row") {
      end_row();
    }
  }

  void end_paragraph() {
    end_bytes();
    if (group().is_in_table) {
      paragraph_ += '\n';
      return;
    }
    end_row();
    const std::string text = std::exchange(paragraph_, {});
    const std::string mark = std::exchange(mark_, {});
    was_in_table_ = false;
    if (trimmed(text).empty()) return out_.end_paragraph();
    const bool is_item = !mark.empty();
    is_item ? out_.end_line() : out_.end_paragraph();
    if (is_item) out_.add(item_mark(mark));
    add_lines(text);
    is_item ? out_.end_line() : out_.end_paragraph();
    const bool is_heading = group().outline_level < 9 || heading_styles_.contains(group().style);
    if (is_heading && heading_.empty()) heading_ = one_line(text);
  }

  // Tabs before a line's first word place it on the page and say nothing.
  void add_lines(std::string_view text) {
    while (!text.empty()) {
      const std::string_view line = text.substr(0, text.find('\n'));
      text.remove_prefix(std::min(text.size(), line.size() + 1));
      out_.add(trimmed(line));
      out_.end_line();
    }
  }

  // Numbers are kept, whatever else stands before an item is a dash.
  static std::string item_mark(const std::string& mark) {
    const std::string line = one_line(mark);
    const bool is_number = std::any_of(
        line.begin(), line.end(), [](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
    return is_number && line.size() <= 12 ? line + " " : "- ";
  }

  void end_row() {
    if (cells_.empty()) return;
    std::string line;
    for (size_t i = 0; i < cells_.size(); ++i) {
      if (i > 0) line += " | ";
      const std::string cell = canonical_text(cells_[i]);
      for (const char c : cell) line += c == '\n' ? ' ' : c;
    }
    cells_.clear();
    was_in_table_ ? out_.end_line() : out_.end_paragraph();
    if (line.find_first_not_of(" |") != std::string::npos) out_.add(line);
    out_.end_line();
    was_in_table_ = true;
  }

  // --- text
  void text_byte(char c) {
    is_starred_ = false;
    if (n_too_deep_ > 0) return;
    if (to_skip_ > 0) {
      --to_skip_;
      return;
    }
    if (group().destination != Destination::skipped) bytes_ += c;
  }

  void end_bytes() {
    if (bytes_.empty()) return;
    const std::string bytes = std::exchange(bytes_, {});
    const bool is_ascii = std::all_of(bytes.begin(), bytes.end(),
                                      [](char c) { return static_cast<uint8_t>(c) < 0x80; });
    if (is_ascii) return append(bytes);
    const auto font = page_of_font_.find(group().font);
    const int64_t page = font == page_of_font_.end() ? page_ : font->second;
    auto text = decoded_as(bytes, charset_of_page(page));
    if (!text) text = decoded_as(bytes, "windows-1252");
    append(text ? *text : std::string());
  }

  void unicode(int64_t number) {
    end_bytes();
    to_skip_ = group().bytes_after_unicode;
    if (number > 0xFFFF) {  // some programs write the code point
      std::string text;
      append_utf8(text, static_cast<char32_t>(std::min<int64_t>(number, 0x110000)));
      return append(text);
    }
    const auto unit = static_cast<char32_t>(number & 0xFFFF);
    if (unit >= 0xD800 && unit < 0xDC00) {
      high_surrogate_ = unit;
      return;
    }
    std::string text;
    if (unit >= 0xDC00 && unit < 0xE000) {
      const char32_t high = std::exchange(high_surrogate_, 0);
      if (high == 0) return;
      append_utf8(text, 0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00));
    } else if (unit >= 0xE000 && unit < 0xF900) {
      text = bullet_of(unit);
    } else if (unit != 0) {
      append_utf8(text, unit);
    }
    append(text);
  }

  void append(std::string_view text) {
    end_bytes();
    if (group().is_hidden) return;
    switch (group().destination) {
      case Destination::text:
        paragraph_ += text;
        return;
      case Destination::style_table:
        style_name_ += text;
        return;
      case Destination::note:
        note_ += text;
        return;
      case Destination::mark:
        mark_ += text;
        return;
      case Destination::title:
      case Destination::author:
      case Destination::subject:
        *property(group().destination) += text;
        return;
      case Destination::skipped:
      case Destination::font_table:
        return;
    }
  }

  void finish_properties() {
    document_.title = one_line(title_);
    if (document_.title.empty()) document_.title = heading_;
    const std::pair<const char*, std::string> entries[] = {{"author", one_line(author_)},
                                                           {"subject", one_line(subject_)}};
    for (const auto& [name, value] : entries) {
      if (!value.empty()) document_.metadata[name] = value;
    }
    if (reached_depth_max_ || n_too_deep_ > 0) {
      document_.warnings.push_back("groups nested more than " + std::to_string(kDepthMax) +
                                   " levels deep were left out");
    }
  }

  std::string_view rtf_;
  size_t at_ = 0;
  ExtractedDocument& document_;
  TextBuilder out_;

  std::vector<Group> groups_ = {Group()};
  int64_t n_too_deep_ = 0;  // groups open beyond the limit
  bool reached_depth_max_ = false;
  bool is_starred_ = false;  // the group's first word follows \*
  int64_t to_skip_ = 0;      // of what stands for a \u where it is not known
  char32_t high_surrogate_ = 0;
  std::string bytes_;  // text in the current font's code page

  int64_t page_ = 1252;
  int64_t default_font_ = -1;
  std::unordered_map<int64_t, int64_t> page_of_font_;
  std::set<int64_t> heading_styles_;
  std::string style_name_;

  std::string paragraph_;
  std::string mark_;  // what stands before a list's item
  std::vector<std::string> cells_;
  bool was_in_table_ = false;
  std::string note_;
  std::vector<std::string> notes_;
  std::string heading_;
  std::string title_;
  std::string author_;
  std::string subject_;
};

}  // namespace

Parsed parse_rtf(std::string_view bytes, std::string_view) {
  if (!bytes.starts_with("{\\rtf")) return Unexpected{"the RTF does not begin with {\\rtf"};
  ExtractedDocument document;
  document.format = "rtf";
  Reader(bytes, document).read();
  Extraction extraction;
  extraction.documents.push_back(std::move(document));
  return extraction;
}

}  // namespace widenet::ingest

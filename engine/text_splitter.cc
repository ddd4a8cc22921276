#include "engine/text_splitter.h"

#include <unicode/regex.h>
#include <unicode/uchar.h>
#include <unicode/utext.h>
#include <unicode/utf8.h>

#include <array>
#include <cstdint>

namespace widenet::engine {
namespace {

// ---- DeepSeek's three patterns -----------------------------------------------------------------

// As in the tokenizer.json of V3, V4 and nano, line ends escaped.
constexpr std::string_view kNumbers = R"(\p{N}{1,3})";
constexpr std::string_view kCjk = "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+";
constexpr std::string_view kWords =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+)"
    R"(| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// What the patterns ask of a character.  The second pattern cuts runs of CJK characters out before
// the third one looks at what is inside and outside of them, so theirs are kinds of their own.
enum CharClass : uint8_t {
  other = 0,
  letter_or_mark = 1,
  punctuation_or_symbol = 2,
  space = 4,
  newline = 8,  // always with space
  number = 16,
  cjk_letter_or_mark = 32,
  cjk_punctuation_or_symbol = 64,
  cjk_other = 128,
  cjk = cjk_letter_or_mark | cjk_punctuation_or_symbol | cjk_other,
};

constexpr UChar32 kCodePoints = 0x110000;
using ClassTable = std::vector<uint8_t>;

uint8_t class_of_category(UCharCategory category) {
  const uint32_t mask = U_MASK(category);
  if (mask & (U_GC_L_MASK | U_GC_M_MASK)) return letter_or_mark;
  if (mask & (U_GC_P_MASK | U_GC_S_MASK)) return punctuation_or_symbol;
  if (mask & U_GC_N_MASK) return number;
  return other;
}

UBool add_range(const void* context, UChar32 start, UChar32 limit, UCharCategory category) {
  auto& table = *static_cast<ClassTable*>(const_cast<void*>(context));
  std::fill(table.begin() + start, table.begin() + limit, class_of_category(category));
  return true;
}

ClassTable make_class_table() {
  ClassTable table(kCodePoints, other);
  u_enumCharTypes(add_range, &table);
  for (UChar32 c = 0; c < 0x10000; ++c) {  // every white space character is in the basic plane
    if (u_isUWhiteSpace(c)) table[static_cast<size_t>(c)] = space;
  }
  table['\r'] = table['\n'] = space | newline;
  for (size_t c = 0x3040; c <= 0x9fa5; ++c) {
    if (c > 0x30ff && c < 0x4e00) continue;
    table[c] = table[c] & letter_or_mark          ? cjk_letter_or_mark
               : table[c] & punctuation_or_symbol ? cjk_punctuation_or_symbol
                                                  : cjk_other;
  }
  return table;
}

const ClassTable& class_table() {
  static const ClassTable table = make_class_table();
  return table;
}

bool is_ascii_letter(uint8_t c) {
  return static_cast<uint8_t>((c | 0x20) - 'a') < 26;
}

// One pass over the text; each step decides by the character it is at which alternative matches.
class HandWrittenMatcher {
 public:
  HandWrittenMatcher(std::string_view text, const TextSplitter::OnPiece& on_piece)
      : whole_(text),
        text_(reinterpret_cast<const uint8_t*>(text.data())),
        size_(text.size()),
        table_(class_table().data()),
        on_piece_(on_piece) {}

  void run() {
    size_t at = 0;
    size_t piece = 0;  // where the gap began that `at` may be in
    uint8_t gap_kind = other;
    const auto cut_at = [&](size_t end) {
      if (end > piece) on_piece_(whole_.substr(piece, end - piece));
      piece = end;
    };
    while (at < size_) {
      const size_t end = match(at);
      if (end > at) {
        cut_at(at);
        cut_at(end);
        at = end;
        continue;
      }
      // No alternative matches here: the character joins the gap, if that is on its side of a cut.
      const Char c = look(at);
      if ((c.kind ^ gap_kind) & cjk) cut_at(at);
      gap_kind = c.kind;
      at = c.end;
    }
    cut_at(size_);
  }

 private:
  struct Char {
    uint8_t kind;
    size_t end;  // of its bytes
  };

  Char look(size_t at) const {
    if (at >= size_) return {other, at};
    const uint8_t byte = text_[at];
    if (byte < 0x80) return {table_[byte], at + 1};
    size_t end = at;
    UChar32 c = 0;
    U8_NEXT_OR_FFFD(text_, end, size_, c);
    return {table_[c], end};
  }

  size_t skip(size_t at, uint8_t kinds) const {
    for (Char c = look(at); at < size_ && (c.kind & kinds); c = look(at)) at = c.end;
    return at;
  }

  // The end of the match that begins at `at`; `at` itself if there is none.
  size_t match(size_t at) const {
    const Char first = look(at);
    if (first.kind & letter_or_mark) return skip(first.end, letter_or_mark);
    if (first.kind & number) return match_numbers(first.end);
    if (first.kind & cjk) return match_cjk(at, first);
    if (first.kind & punctuation_or_symbol) return match_punctuation(at, first.end);
    if (!(first.kind & newline)) {
      const Char second = look(first.end);
      if (second.kind & letter_or_mark) return skip(second.end, letter_or_mark);
      if (text_[at] == ' ' && (second.kind & punctuation_or_symbol)) {
        return skip(skip(second.end, punctuation_or_symbol), newline);
      }
    }
    return first.kind & space ? match_space(at) : at;
  }

  size_t match_numbers(size_t at) const {
    for (int more = 0; more < 2; ++more) {
      const Char next = look(at);
      if (!(next.kind & number)) break;
      at = next.end;
    }
    return at;
  }

  // As below, where there are neither spaces nor line ends nor ASCII.
  size_t match_cjk(size_t at, Char first) const {
    if (first.kind & cjk_other) {
      const Char second = look(first.end);
      return second.kind & cjk_letter_or_mark ? skip(second.end, cjk_letter_or_mark) : at;
    }
    return skip(first.end, first.kind);
  }

  // One ASCII mark with letters behind it, or a run of marks with the line ends behind it.
  size_t match_punctuation(size_t at, size_t end) const {
    if (text_[at] < 0x80 && end < size_ && is_ascii_letter(text_[end])) {
      while (end < size_ && is_ascii_letter(text_[end])) ++end;
      return end;
    }
    return skip(skip(end, punctuation_or_symbol), newline);
  }

  // Up to the run's last line end; without one, all of it, but a last character is left to the word
  // that follows.
  size_t match_space(size_t at) const {
    size_t last_line_end = at;
    size_t last_char = at;
    size_t end = at;
    for (Char c = look(at); end < size_ && (c.kind & space); c = look(end)) {
      last_char = end;
      end = c.end;
      if (c.kind & newline) last_line_end = end;
    }
    if (last_line_end > at) return last_line_end;
    const bool at_piece_end = end == size_ || (look(end).kind & (number | cjk));
    return at_piece_end || last_char == at ? end : last_char;
  }

  const std::string_view whole_;
  const uint8_t* const text_;
  const size_t size_;
  const uint8_t* const table_;
  const TextSplitter::OnPiece& on_piece_;
};

// ---- Any patterns, through ICU -----------------------------------------------------------------

// Steps of about a millisecond (ICU's own measure): far more than sane patterns take on any piece.
constexpr int32_t kIcuStepsMax = 10000;

std::string escape_line_ends(std::string_view pattern) {
  std::string escaped;
  for (const char c : pattern) {
    if (c == '\r' || c == '\n') {
      escaped += c == '\r' ? "\\r" : "\\n";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

bool are_deepseeks(const std::vector<TextSplitter::Pattern>& patterns) {
  const std::array<std::string_view, 3> known = {kNumbers, kCjk, kWords};
  if (patterns.size() != known.size()) return false;
  for (size_t i = 0; i < known.size(); ++i) {
    if (patterns[i].is_literal || escape_line_ends(patterns[i].text) != known[i]) return false;
  }
  return true;
}

std::unique_ptr<icu::RegexPattern> compile(const TextSplitter::Pattern& pattern) {
  UErrorCode status = U_ZERO_ERROR;
  UParseError where{};
  std::unique_ptr<icu::RegexPattern> compiled(icu::RegexPattern::compile(
      icu::UnicodeString::fromUTF8(pattern.text),
      pattern.is_literal ? static_cast<uint32_t>(UREGEX_LITERAL) : 0u, where, status));
  if (U_FAILURE(status)) {
    throw ModelError("cannot use the tokenizer's Split pattern \"" + pattern.text + "\": " +
                     u_errorName(status) + " at character " + std::to_string(where.offset));
  }
  return compiled;
}

void check_icu(UErrorCode status) {
  if (U_SUCCESS(status)) return;
  throw ModelError(std::string("cannot split text by the tokenizer's patterns: ") +
                   u_errorName(status));
}

struct CloseText {
  void operator()(UText* text) const { utext_close(text); }
};

// Cuts one piece, appending the ends of what it becomes.
void split_piece(icu::RegexMatcher& matcher,
                 std::string_view text,
                 size_t first,
                 size_t last,
                 std::vector<size_t>& ends) {
  UErrorCode status = U_ZERO_ERROR;
  const std::unique_ptr<UText, CloseText> piece(
      utext_openUTF8(nullptr, text.data() + first, static_cast<int64_t>(last - first), &status));
  check_icu(status);
  matcher.reset(piece.get());
  size_t at = first;
  while (matcher.find(status)) {
    const size_t start = first + static_cast<size_t>(matcher.start64(status));
    const size_t end = first + static_cast<size_t>(matcher.end64(status));
    if (end == start) continue;  // an empty match cuts nothing off
    if (start > at) ends.push_back(start);
    ends.push_back(end);
    at = end;
  }
  check_icu(status);
  if (last > at) ends.push_back(last);
}

}  // namespace

struct TextSplitter::CompiledPatterns {
  std::vector<std::unique_ptr<icu::RegexPattern>> patterns;
};

TextSplitter::TextSplitter(const std::vector<Pattern>& patterns, Path path) {
  if (path == Path::automatic && are_deepseeks(patterns)) {
    class_table();  // paid for at load, not by the first text
    return;
  }
  auto compiled = std::make_unique<CompiledPatterns>();
  for (const Pattern& pattern : patterns) compiled->patterns.push_back(compile(pattern));
  patterns_ = std::move(compiled);
}

TextSplitter::TextSplitter(TextSplitter&&) noexcept = default;
TextSplitter& TextSplitter::operator=(TextSplitter&&) noexcept = default;
TextSplitter::~TextSplitter() = default;

void TextSplitter::split(std::string_view text, const OnPiece& on_piece) const {
  if (is_written_by_hand()) {
    HandWrittenMatcher(text, on_piece).run();
    return;
  }
  std::vector<size_t> ends;  // of the pieces so far
  std::vector<size_t> finer;
  if (!text.empty()) ends.push_back(text.size());
  for (const auto& pattern : patterns_->patterns) {
    UErrorCode status = U_ZERO_ERROR;
    const std::unique_ptr<icu::RegexMatcher> matcher(pattern->matcher(status));
    check_icu(status);
    matcher->setTimeLimit(kIcuStepsMax, status);
    finer.clear();
    size_t first = 0;
    for (const size_t last : ends) {
      split_piece(*matcher, text, first, last, finer);
      first = last;
    }
    std::swap(ends, finer);
  }
  size_t start = 0;
  for (const size_t end : ends) {
    on_piece(text.substr(start, end - start));
    start = end;
  }
}

}  // namespace widenet::engine

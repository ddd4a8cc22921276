#include "store/text_analysis.h"

#include <unicode/brkiter.h>
#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/ubrk.h>
#include <unicode/utext.h>

#include <algorithm>
#include <memory>

#include "base/check.h"
#include "base/utf8.h"

namespace widenet::store {
namespace {

constexpr size_t kTermBytesMax = 128;  // longer ones are no words: base64, rules made of dashes

struct CloseText {
  void operator()(UText* text) const { utext_close(text); }
};

icu::BreakIterator& word_breaks() {
  thread_local const std::unique_ptr<icu::BreakIterator> breaks = [] {
    UErrorCode status = U_ZERO_ERROR;
    std::unique_ptr<icu::BreakIterator> made(
        icu::BreakIterator::createWordInstance(icu::Locale::getRoot(), status));
    WN_CHECK(U_SUCCESS(status));
    return made;
  }();
  return *breaks;
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c & 0x80) == 0; });
}

void cut_to(std::string& text, size_t bytes_max) {
  if (text.size() <= bytes_max) return;
  size_t cut = bytes_max;
  while (cut > 0 && (text[cut] & 0xC0) == 0x80) --cut;
  text.resize(cut);
}

std::string fold(std::string_view word) {
  std::string folded;
  if (is_ascii(word)) {
    folded.reserve(word.size());
    for (const char c : word) folded += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return folded;
  }
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* normalizer = icu::Normalizer2::getNFKCCasefoldInstance(status);
  WN_CHECK(U_SUCCESS(status));
  icu::StringByteSink<std::string> sink(&folded);
  normalizer->normalizeUTF8(0, icu::StringPiece(word.data(), static_cast<int32_t>(word.size())),
                            sink, nullptr, status);
  WN_CHECK(U_SUCCESS(status));
  return folded;
}

struct Run {
  std::string_view text;
  size_t start_byte = 0;
  size_t end_byte() const { return start_byte + text.size(); }
};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Unicode keeps "company's", "a.txt" and "U.S." whole.  Here they part at the mark, so that
// "company" and "a" find them; "1.5", "1,000" and "12:30" do not.
template <typename OnWord>
void for_each_part(const Run& word, const OnWord& part) {
  constexpr std::string_view kQuote = "\u2019";
  const std::string_view text = word.text;
  size_t start = 0;
  const auto emit = [&](size_t end) {
    if (end > start) part(Run{text.substr(start, end - start), word.start_byte + start});
  };
  for (size_t i = 0; i < text.size();) {
    const bool is_quote = text[i] == '\'' || text.substr(i, kQuote.size()) == kQuote;
    const bool is_mark = is_quote || text[i] == '.' || text[i] == ':';
    const bool in_number =
        i > 0 && is_digit(text[i - 1]) && i + 1 < text.size() && is_digit(text[i + 1]);
    const size_t width = is_quote && text[i] != '\'' ? kQuote.size() : 1;
    if (is_mark && !in_number) {
      emit(i);
      start = i + width;
    }
    i += width;
  }
  emit(text.size());
}

// Calls word(run) for each word and cjk(run) for each unbroken run of Chinese or Japanese.
template <typename OnWord, typename OnCjk>
void for_each_run(std::string_view text, const OnWord& word, const OnCjk& cjk) {
  UErrorCode status = U_ZERO_ERROR;
  UText storage = UTEXT_INITIALIZER;
  const std::unique_ptr<UText, CloseText> view(
      utext_openUTF8(&storage, text.data(), static_cast<int64_t>(text.size()), &status));
  icu::BreakIterator& breaks = word_breaks();
  breaks.setText(view.get(), status);
  WN_CHECK(U_SUCCESS(status));

  Run pending;  // a CJK run that may go on
  const auto flush = [&] {
    if (!pending.text.empty()) cjk(pending);
    pending = {};
  };
  for (int32_t start = breaks.first(), end = breaks.next(); end != icu::BreakIterator::DONE;
       start = end, end = breaks.next()) {
    const int32_t kind = breaks.getRuleStatus();
    const auto first = static_cast<size_t>(start);
    const auto size = static_cast<size_t>(end - start);
    if (kind >= UBRK_WORD_KANA && kind < UBRK_WORD_IDEO_LIMIT) {
      if (pending.text.empty()) pending.start_byte = first;
      pending.text = text.substr(pending.start_byte, first + size - pending.start_byte);
      continue;
    }
    flush();
    if (kind >= UBRK_WORD_NUMBER) for_each_part(Run{text.substr(first, size), first}, word);
  }
  flush();
}

// The characters of a folded run, as views of it.
std::vector<std::string_view> characters(std::string_view text) {
  std::vector<std::string_view> result;
  for (size_t start = 0; start < text.size();) {
    size_t end = start + 1;
    while (end < text.size() && (text[end] & 0xC0) == 0x80) ++end;
    result.push_back(text.substr(start, end - start));
    start = end;
  }
  return result;
}

std::string_view pair_at(std::string_view text,
                         const std::vector<std::string_view>& chars,
                         size_t i) {
  const auto start = static_cast<size_t>(chars[i].data() - text.data());
  return text.substr(start, chars[i].size() + chars[i + 1].size());
}

}  // namespace

void for_each_term(std::string_view text, const TermSink& sink) {
  for_each_run(
      text,
      [&](const Run& word) {
        std::string term = fold(word.text);
        cut_to(term, kTermBytesMax);
        if (!term.empty()) sink(term, word.start_byte, word.end_byte());
      },
      [&](const Run& run) {
        const std::string folded = fold(run.text);
        const auto chars = characters(folded);
        for (size_t i = 0; i < chars.size(); ++i) {
          const auto term = i + 1 < chars.size() ? pair_at(folded, chars, i) : chars[i];
          sink(term, run.start_byte, run.end_byte());
        }
      });
}

std::vector<QueryTerm> query_terms(std::string_view query) {
  std::vector<QueryTerm> terms;
  const auto add = [&](std::string_view term, bool is_prefix) {
    const bool is_known = std::any_of(terms.begin(), terms.end(),
                                      [&](const QueryTerm& known) { return known.term == term; });
    if (!term.empty() && !is_known) terms.push_back({std::string(term), is_prefix});
  };
  for_each_run(
      query,
      [&](const Run& word) {
        std::string term = fold(word.text);
        cut_to(term, kTermBytesMax);
        add(term, false);
      },
      [&](const Run& run) {
        const std::string folded = fold(run.text);
        const auto chars = characters(folded);
        if (chars.size() == 1) add(chars[0], true);
        for (size_t i = 0; i + 1 < chars.size(); ++i) add(pair_at(folded, chars, i), false);
      });
  return terms;
}

std::string match_any(const std::vector<QueryTerm>& terms) {
  std::string expression;
  for (const QueryTerm& term : terms) {
    if (!expression.empty()) expression += " OR ";
    expression += '"';
    for (const char c : term.term) {
      if (c == '"') expression += '"';
      expression += c;
    }
    expression += term.is_prefix ? "\" *" : "\"";
  }
  return expression;
}

}  // namespace widenet::store

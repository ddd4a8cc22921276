#include "ingest/chunk.h"

#include <unicode/brkiter.h>
#include <unicode/utext.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>

#include "base/check.h"
#include "base/utf8.h"

namespace widenet::ingest {
namespace {

// A piece that is not cut further, unless it alone is too long for a chunk.
struct Unit {
  size_t start_byte = 0;
  size_t end_byte = 0;
  int64_t n_tokens = 0;
};

bool ends_sentence(std::string_view line) {
  return line.ends_with('.') || line.ends_with('!') || line.ends_with('?') || line.ends_with(':') ||
         line.ends_with(';');
}

// A line that a writer's program broke because it was full, and that goes on in the next.
bool is_wrapped(std::string_view line, std::string_view next) {
  constexpr size_t kFullBytes = 45;
  if (line.size() < kFullBytes || next.empty() || ends_sentence(line)) return false;
  const bool is_row = line.find(" | ") != line.npos || next.find(" | ") != next.npos;
  const bool opens_item = next[0] == '-' || next[0] == '*' || next[0] == '#' || next[0] == '>' ||
                          next[0] == ' ' || next[0] == '\t';
  return !is_row && !opens_item;
}

class Chunker {
 public:
  Chunker(std::string_view text, const TokenCounter& count_tokens, const ChunkOptions& options)
      : text_(text), count_tokens_(count_tokens), options_(options), sentences_(make_sentences()) {}

  // The end of each chunk, in bytes.
  std::vector<size_t> ends() {
    collect_units();
    std::vector<size_t> ends;
    for (size_t first = 0; first < units_.size();) {
      first = end_of_chunk(first);
      ends.push_back(units_[first - 1].end_byte);
    }
    return ends;
  }

 private:
  static std::unique_ptr<icu::BreakIterator> make_sentences() {
    UErrorCode status = U_ZERO_ERROR;
    std::unique_ptr<icu::BreakIterator> sentences(
        icu::BreakIterator::createSentenceInstance(icu::Locale::getEnglish(), status));
    WN_CHECK(U_SUCCESS(status));
    return sentences;
  }

  int64_t count(size_t start_byte, size_t end_byte) const {
    return count_tokens_(text_.substr(start_byte, end_byte - start_byte));
  }

  // One past the last unit of the chunk that begins with `first`.
  size_t end_of_chunk(size_t first) const {
    size_t end = first;
    int64_t n_tokens = 0;
    while (end < units_.size() && n_tokens + units_[end].n_tokens <= options_.tokens_max) {
      n_tokens += units_[end++].n_tokens;
    }
    end = std::max(end, first + 1);  // the single character that is too long
    // Token counts do not quite add up, so the whole is counted as well.
    while (end > first + 1 &&
           count(units_[first].start_byte, units_[end - 1].end_byte) > options_.tokens_max) {
      --end;
    }
    const bool may_give_back = end > first + 1 && end < units_.size();
    return may_give_back && is_heading(units_[end - 1]) ? end - 1 : end;
  }

  // A short line on its own belongs to what follows it.
  bool is_heading(const Unit& unit) const {
    constexpr size_t kHeadingBytesMax = 100;
    std::string_view line = text_.substr(unit.start_byte, unit.end_byte - unit.start_byte);
    if (!line.ends_with("\n\n") || line.size() > kHeadingBytesMax) return false;
    line.remove_suffix(2);
    const bool starts_line = unit.start_byte == 0 || text_[unit.start_byte - 1] == '\n';
    return starts_line && !ends_sentence(line) && line.find(" | ") == line.npos;
  }

  void collect_units() {
    for (size_t at = 0; at < text_.size();) {
      size_t end = end_of_line(at);
      while (!options_.keep_lines && end < text_.size() && text_[end - 2] != '\n' &&
             is_wrapped(content_of_line(last_line_start(at, end)), content_of_line(end))) {
        end = end_of_line(end);
      }
      add_line(at, end);
      at = end;
    }
  }

  // Past the newline, and past the empty line that may follow.
  size_t end_of_line(size_t at) const {
    const size_t newline = text_.find('\n', at);
    if (newline == std::string_view::npos) return text_.size();
    return std::min(text_.find_first_not_of('\n', newline), text_.size());
  }

  std::string_view content_of_line(size_t start) const {
    return text_.substr(start, text_.find('\n', start) - start);
  }

  size_t last_line_start(size_t from, size_t end) const {
    const size_t newline = text_.rfind('\n', end - 2);
    return newline == std::string_view::npos || newline < from ? from : newline + 1;
  }

  void add_line(size_t start, size_t end) {
    const int64_t n_tokens = count(start, end);
    const std::string_view line = text_.substr(start, end - start);
    const bool is_row = options_.keep_lines || line.find(" | ") != line.npos;
    if (n_tokens <= (is_row ? options_.tokens_max : options_.tokens_max / 4)) {
      units_.push_back({start, end, n_tokens});
    } else if (is_row) {
      add_pieces(start, end, n_tokens);
    } else {
      add_sentences(start, end);
    }
  }

  void add_sentences(size_t start, size_t end) {
    // To ICU a newline ends a sentence; those of this paragraph do not.
    std::string paragraph(text_.substr(start, end - start));
    std::replace(paragraph.begin(), paragraph.end(), '\n', ' ');
    UErrorCode status = U_ZERO_ERROR;
    UText* source =
        utext_openUTF8(nullptr, paragraph.data(), static_cast<int64_t>(paragraph.size()), &status);
    WN_CHECK(U_SUCCESS(status));
    sentences_->setText(source, status);
    WN_CHECK(U_SUCCESS(status));
    size_t from = 0;
    for (int32_t to = sentences_->next(); to != icu::BreakIterator::DONE; to = sentences_->next()) {
      const int64_t n_tokens = count(start + from, start + static_cast<size_t>(to));
      add_pieces(start + from, start + static_cast<size_t>(to), n_tokens);
      from = static_cast<size_t>(to);
    }
    utext_close(source);
  }

  // The unit as it is, or cut after blanks into pieces that fit.
  void add_pieces(size_t start, size_t end, int64_t n_tokens) {
    const size_t bytes = end - start;
    const size_t guess =
        n_tokens <= options_.tokens_max
            ? bytes
            : bytes * static_cast<size_t>(options_.tokens_max) / static_cast<size_t>(n_tokens);
    while (start < end) {
      size_t size = std::min(std::max<size_t>(guess, 1), end - start);
      size_t cut = cut_before(start, size, end);
      int64_t n_piece = cut == end && size == bytes ? n_tokens : count(start, cut);
      while (n_piece > options_.tokens_max && cut > next_char(start)) {
        size = size * 3 / 4;
        cut = cut_before(start, size, end);
        n_piece = count(start, cut);
      }
      units_.push_back({start, cut, n_piece});
      start = cut;
    }
  }

  size_t next_char(size_t at) const {
    do {
      ++at;
    } while (at < text_.size() && (static_cast<uint8_t>(text_[at]) & 0xC0) == 0x80);
    return at;
  }

  // A place at most `size` bytes after `start`, behind a blank if there is one; at least a
  // character.
  size_t cut_before(size_t start, size_t size, size_t end) const {
    if (start + size >= end) return end;
    const size_t blank = text_.find_last_of(" \n\t", start + size - (size > 0 ? 1 : 0));
    if (blank != std::string_view::npos && blank > start) return blank + 1;
    size_t cut = start + size;
    while (cut > start && (static_cast<uint8_t>(text_[cut]) & 0xC0) == 0x80) --cut;
    return cut > start ? cut : next_char(start);
  }

  std::string_view text_;
  const TokenCounter& count_tokens_;
  const ChunkOptions& options_;
  std::unique_ptr<icu::BreakIterator> sentences_;
  std::vector<Unit> units_;
};

int32_t page_at(std::span<const Page> pages, int64_t at_char) {
  const auto after =
      std::upper_bound(pages.begin(), pages.end(), at_char,
                       [](int64_t at, const Page& page) { return at < page.start_char; });
  if (pages.empty()) return 0;
  return after == pages.begin() ? pages.front().number : std::prev(after)->number;
}

}  // namespace

std::vector<ChunkRange> chunk_text(std::string_view text,
                                   std::span<const Page> pages,
                                   const TokenCounter& count_tokens,
                                   const ChunkOptions& options) {
  WN_CHECK(options.tokens_max > 0);
  std::vector<ChunkRange> chunks;
  size_t start_byte = 0;
  int64_t start_char = 0;
  for (const size_t end_byte : Chunker(text, count_tokens, options).ends()) {
    const int64_t end_char =
        start_char + count_chars(text.substr(start_byte, end_byte - start_byte));
    chunks.push_back({start_char, end_char, page_at(pages, start_char)});
    start_byte = end_byte;
    start_char = end_char;
  }
  return chunks;
}

std::vector<ChunkRange> chunk_document(const ExtractedDocument& document,
                                       const TokenCounter& count_tokens,
                                       int64_t tokens_max) {
  const std::string& format = document.format;
  constexpr std::array kOfRows = {"csv", "tsv", "xlsx", "ods", "json", "jsonl"};
  const bool has_rows = std::find(kOfRows.begin(), kOfRows.end(), format) != kOfRows.end();
  return chunk_text(document.text, document.pages, count_tokens,
                    {.tokens_max = tokens_max, .keep_lines = has_rows});
}

}  // namespace widenet::ingest

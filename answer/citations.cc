#include "answer/citations.h"

#include <algorithm>
#include <map>
#include <utility>

#include "answer/quote_text.h"
#include "base/utf8.h"

namespace widenet::answer {
namespace {

constexpr std::string_view kAnswer = "Answer:";

bool is_ascii_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_ascii_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_ascii_blank(text.back())) text.remove_suffix(1);
  return text;
}

// "[D17]: quote" after the word Evidence.
std::optional<Evidence> parse_labelled(std::string_view rest) {
  const size_t end = rest.find("]:");
  if (!rest.starts_with("[D") || end == std::string_view::npos || end < 3 || end > kLabelBytesMax) {
    return {};
  }
  Evidence evidence;
  store::DocumentId label = 0;
  for (const char c : rest.substr(2, end - 2)) {
    if (c < '0' || c > '9') return {};
    label = label * 10 + (c - '0');
  }
  evidence.label = label;
  evidence.quote = trim(rest.substr(end + 2));
  return evidence;
}

// --- characters

char32_t plain(char32_t c) {
  if (c >= 0x2018 && c <= 0x201B) return U'\'';
  if ((c >= 0x201C && c <= 0x201F) || c == 0xAB || c == 0xBB) return U'"';
  if ((c >= 0x2010 && c <= 0x2015) || c == 0x2212) return U'-';
  return c;
}

bool ends_sentence(char32_t c) {
  return c == '.' || c == '!' || c == '?' || c == 0x3002 || c == 0xFF01 || c == 0xFF1F;
}

// The characters that count, plain.
std::u32string squeeze(const std::u32string& text) {
  std::u32string squeezed;
  for (const char32_t c : text) {
    if (!counts_for_nothing(c)) squeezed += plain(c);
  }
  return squeezed;
}

std::u32string_view without_marks_around(std::u32string_view quote) {
  const auto is_mark = [](char32_t c) { return c == '"' || c == '\''; };
  while (!quote.empty() && is_mark(quote.front())) quote.remove_prefix(1);
  while (!quote.empty() && is_mark(quote.back())) quote.remove_suffix(1);
  return quote;
}

std::u32string_view without_stop(std::u32string_view quote) {
  const auto is_stop = [](char32_t c) { return c == '.' || c == ',' || c == ';' || c == 0x2026; };
  while (!quote.empty() && is_stop(quote.back())) quote.remove_suffix(1);
  while (!quote.empty() && (quote.front() == '.' || quote.front() == 0x2026)) {
    quote.remove_prefix(1);
  }
  return quote;
}

constexpr int64_t kSentenceCharsMax = 400;

}  // namespace

// --- reading the answer

std::optional<Evidence> parse_evidence(std::string_view line) {
  line = trim(line);
  if (line.starts_with(kEvidence)) {
    return Evidence{.quote = std::string(trim(line.substr(kEvidence.size()))), .label = {}};
  }
  return parse_labelled(line.substr(kLabelledEvidence.size() - 1));
}

AnswerReader::Output AnswerReader::feed(std::string_view text) {
  Output output;
  for (const char c : text) {
    if (line_ == Line::answer) {
      show({&c, 1}, output);
      if (c == '\n') line_ = Line::undecided;
    } else if (c != '\n') {
      held_ += c;
      if (line_ == Line::undecided) decide(output);
    } else if (line_ == Line::evidence) {
      end_evidence(output);
    } else {
      show(held_ + '\n', output);
      held_.clear();
    }
  }
  return output;
}

AnswerReader::Output AnswerReader::finish() {
  Output output;
  if (line_ == Line::evidence) end_evidence(output);
  show(held_, output);
  held_.clear();
  return output;
}

void AnswerReader::decide(Output& output) {
  std::string_view line = held_;
  while (!line.empty() && is_ascii_blank(line.front())) line.remove_prefix(1);
  if (line.starts_with(kEvidence) || line.starts_with(kLabelledEvidence)) {
    line_ = Line::evidence;
  } else if (line.starts_with(kAnswer)) {
    line_ = Line::answer;
    held_.clear();
  } else if (!kEvidence.starts_with(line) && !kLabelledEvidence.starts_with(line) &&
             !kAnswer.starts_with(line)) {
    line_ = Line::answer;
    show(std::exchange(held_, {}), output);
  }
}

void AnswerReader::end_evidence(Output& output) {
  const std::string line = std::exchange(held_, {});
  line_ = Line::undecided;
  auto evidence = parse_evidence(line);
  if (!evidence) return show(line + '\n', output);
  if (!evidence->quote.empty()) output.evidence.push_back(std::move(*evidence));
}

void AnswerReader::show(std::string_view text, Output& output) {
  for (const char c : text) {
    if (is_ascii_blank(c)) {
      if (has_shown_) blanks_ += c;
      continue;
    }
    output.text += std::exchange(blanks_, {});
    output.text += c;
    has_shown_ = true;
  }
}

ParsedAnswer parse_answer(std::string_view text) {
  AnswerReader reader;
  AnswerReader::Output first = reader.feed(text);
  AnswerReader::Output last = reader.finish();
  std::move(last.evidence.begin(), last.evidence.end(), std::back_inserter(first.evidence));
  return {.evidence = std::move(first.evidence), .text = first.text + last.text};
}

bool is_refusal(std::string_view answer_text) {
  std::string letters;
  for (const char c : answer_text) {
    if (c >= 'A' && c <= 'Z') letters += static_cast<char>(c - 'A' + 'a');
    if (c >= 'a' && c <= 'z') letters += c;
    if (static_cast<uint8_t>(c) >= 0x80 || (c >= '0' && c <= '9')) return false;
  }
  return letters == "notinthedocuments";
}

// --- finding quotes

struct QuoteFinder::Source {
  explicit Source(Stretch stretch) : of(std::move(stretch)) {
    for (size_t i = 0; i < of.text.size(); ++i) {
      if (counts_for_nothing(of.text[i])) continue;
      squeezed += plain(of.text[i]);
      positions.push_back(static_cast<int32_t>(i));
    }
  }

  // Whether a word goes on from the squeezed character before.
  bool is_joined_before(size_t at) const {
    return at > 0 && positions[at - 1] + 1 == positions[at] &&
           is_within_word(of.text, static_cast<size_t>(positions[at]));
  }

  Stretch of;
  std::u32string squeezed;
  std::vector<int32_t> positions;  // in the text, of each squeezed character
};

// Characters [start, end) of a stretch's text.
struct QuoteFinder::Place {
  const Source* source = nullptr;
  int64_t start = 0;
  int64_t end = 0;
};

QuoteFinder::QuoteFinder(std::span<const PromptDocument> documents) {
  for (Stretch& stretch : stretches_of(documents)) sources_.emplace_back(std::move(stretch));
}

QuoteFinder::~QuoteFinder() = default;
QuoteFinder::QuoteFinder(QuoteFinder&&) noexcept = default;
QuoteFinder& QuoteFinder::operator=(QuoteFinder&&) noexcept = default;

std::vector<QuoteFinder::Place> QuoteFinder::find_places(std::string_view quote) const {
  const std::u32string whole = squeeze(code_points(quote));
  const std::u32string_view unmarked = without_marks_around(whole);
  const std::u32string_view variants[] = {whole, unmarked, without_stop(whole),
                                          without_marks_around(without_stop(unmarked))};
  std::vector<Place> places;
  for (const std::u32string_view wanted : variants) {
    if (wanted.size() < kQuoteCharsMin) continue;
    for (const Source& source : sources_) {
      size_t at = source.squeezed.find(wanted);
      for (; at != std::u32string::npos && places.size() < kPlacesMax;
           at = source.squeezed.find(wanted, at + 1)) {
        const size_t after = at + wanted.size();
        if (source.is_joined_before(at)) continue;
        if (after < source.squeezed.size() && source.is_joined_before(after)) continue;
        places.push_back({&source, source.positions[at], source.positions[after - 1] + 1});
      }
    }
    if (!places.empty()) break;
  }
  return places;
}

Citation QuoteFinder::citation_at(const Place& place) const {
  Citation citation;
  citation.document = place.source->of.document;
  citation.title = place.source->of.title;
  citation.start_char = place.source->of.start_char + place.start;
  citation.end_char = place.source->of.start_char + place.end;
  for (int64_t i = place.start; i < place.end; ++i) {
    append_utf8(citation.quote, place.source->of.text[static_cast<size_t>(i)]);
  }
  citation.verified = true;
  return citation;
}

std::vector<Citation> QuoteFinder::find(std::string_view quote) const {
  std::vector<Citation> citations;
  for (const Place& place : find_places(quote)) citations.push_back(citation_at(place));
  return citations;
}

std::vector<Citation> QuoteFinder::cite(std::span<const Evidence> evidence) const {
  std::vector<std::vector<Place>> places;
  std::map<store::DocumentId, int64_t> n_pieces;  // of evidence that a document holds
  for (const Evidence& piece : evidence) {
    places.push_back(find_places(piece.quote));
    store::DocumentId previous = 0;  // a document's places are neighbours
    for (const Place& place : places.back()) {
      if (place.source->of.document != std::exchange(previous, place.source->of.document)) {
        ++n_pieces[place.source->of.document];
      }
    }
  }
  std::vector<Citation> citations;
  for (size_t i = 0; i < evidence.size(); ++i) {
    if (places[i].empty()) continue;
    const auto rank = [&](const Place& place) {
      const store::DocumentId document = place.source->of.document;
      return std::pair(evidence[i].label == document, n_pieces[document]);
    };
    const auto best =
        std::max_element(places[i].begin(), places[i].end(),
                         [&](const Place& a, const Place& b) { return rank(a) < rank(b); });
    Citation citation = citation_at(*best);
    const bool is_repeated =
        std::any_of(citations.begin(), citations.end(), [&](const Citation& other) {
          return other.document == citation.document && other.start_char == citation.start_char &&
                 other.end_char == citation.end_char;
        });
    if (!is_repeated) citations.push_back(std::move(citation));
  }
  return citations;
}

std::optional<Citation> QuoteFinder::derive(std::string_view answer_text) const {
  const std::vector<Place> places = find_places(answer_text);
  if (places.size() != 1) return {};
  const std::u32string& text = places[0].source->of.text;
  const auto at = [&](int64_t i) { return text[static_cast<size_t>(i)]; };
  const auto n_chars = static_cast<int64_t>(text.size());
  Place sentence = places[0];
  while (sentence.start > 0 && at(sentence.start - 1) != '\n' &&
         !(sentence.start > 1 && counts_for_nothing(at(sentence.start - 1)) &&
           ends_sentence(at(sentence.start - 2)))) {
    --sentence.start;
  }
  while (sentence.end < n_chars && at(sentence.end) != '\n' &&
         !(ends_sentence(at(sentence.end - 1)) && counts_for_nothing(at(sentence.end)))) {
    ++sentence.end;
  }
  while (counts_for_nothing(at(sentence.start))) ++sentence.start;
  while (counts_for_nothing(at(sentence.end - 1))) --sentence.end;
  const bool is_too_long = sentence.end - sentence.start > kSentenceCharsMax;
  Citation citation = citation_at(is_too_long ? places[0] : sentence);
  citation.derived = true;
  return citation;
}

void find_pages(const store::Store& store, std::vector<Citation>& citations) {
  for (Citation& citation : citations) {
    for (const store::Page& page : store.pages(citation.document)) {
      if (page.start_char <= citation.start_char && citation.start_char < page.end_char) {
        citation.page = page.number;
      }
    }
  }
}

}  // namespace widenet::answer

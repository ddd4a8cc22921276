// From the model's words to citations: every quote is found in the documents of the prompt, at an
// exact range of characters, or it is not shown.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "answer/prompt.h"
#include "store/store.h"

namespace widenet::answer {

// `Evidence: quote` or `Evidence [D17]: quote`, as the model wrote it.
struct Evidence {
  std::string quote;
  std::optional<store::DocumentId> label;
};

inline constexpr std::string_view kEvidence = "Evidence:";
inline constexpr std::string_view kLabelledEvidence = "Evidence [";
inline constexpr size_t kLabelBytesMax = 20;  // of "[D17]:", between brackets and with the first

// A line of one of these forms, or nothing.
std::optional<Evidence> parse_evidence(std::string_view line);

// Reads the assistant's text as it streams: evidence lines apart from the answer.  A line of the
// form above is evidence wherever it stands; "Answer:" is dropped from the beginning of a line;
// everything else is the answer, without blanks at either end.  So text in no format is all answer.
class AnswerReader {
 public:
  struct Output {
    std::vector<Evidence> evidence;  // lines that became complete
    std::string text;                // more of the answer; what may still be a marker is held back
  };

  Output feed(std::string_view text);
  Output finish();

 private:
  void decide(Output& output);
  void end_evidence(Output& output);
  void show(std::string_view text, Output& output);

  enum class Line { undecided, evidence, answer };
  Line line_ = Line::undecided;
  std::string held_;    // the line so far, while it is undecided or evidence
  std::string blanks_;  // seen after the answer's last word: shown only if another word comes
  bool has_shown_ = false;
};

// The whole answer at once.
struct ParsedAnswer {
  std::vector<Evidence> evidence;
  std::string text;
};
ParsedAnswer parse_answer(std::string_view text);

// "Not in the documents", however punctuated.
bool is_refusal(std::string_view answer_text);

struct Citation {
  store::DocumentId document = 0;
  std::string title;
  std::optional<int32_t> page;  // a prompt knows none: see find_pages
  int64_t start_char = 0;
  int64_t end_char = 0;
  std::string quote;      // the document's own characters [start_char, end_char)
  bool verified = false;  // the quote is what stands there
  bool derived = false;   // not quoted by the model: the one sentence that contains its answer
};

// On which pages of their documents they stand.  Throws StoreError.
void find_pages(const store::Store& store, std::vector<Citation>& citations);

// Finds quotes in the documents of a prompt.  Blanks count for nothing, typographic quotes and
// dashes for plain ones; a quote begins and ends at word boundaries; quotation marks around it and
// a full stop after it may be the model's own.  Copies what it needs; safe from any thread.
class QuoteFinder {
 public:
  explicit QuoteFinder(std::span<const PromptDocument> documents);
  ~QuoteFinder();
  QuoteFinder(QuoteFinder&&) noexcept;
  QuoteFinder& operator=(QuoteFinder&&) noexcept;

  // All places (at most kPlacesMax), in prompt order.
  std::vector<Citation> find(std::string_view quote) const;

  // One citation for each piece of evidence that is found, in the order given, without repetition.
  // Of several places: the labelled document's, else the document's that holds most of the other
  // pieces, else the first.
  std::vector<Citation> cite(std::span<const Evidence> evidence) const;

  // The sentence or line that contains `answer_text`, if that stands in the prompt exactly once and
  // is worth pointing at (three characters or more).
  std::optional<Citation> derive(std::string_view answer_text) const;

  static constexpr size_t kPlacesMax = 64;

 private:
  struct Source;
  struct Place;

  std::vector<Place> find_places(std::string_view quote) const;
  Citation citation_at(const Place& place) const;

  std::vector<Source> sources_;
};

}  // namespace widenet::answer

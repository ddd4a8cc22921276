#include "answer/quote_constraint.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "answer/citations.h"
#include "answer/quote_text.h"
#include "base/utf8.h"

namespace widenet::answer {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

bool begins_character(char byte) {
  return (static_cast<uint8_t>(byte) & 0xC0) != 0x80;
}

}  // namespace

QuoteConstraint::QuoteConstraint(std::span<const PromptDocument> documents,
                                 const engine::Tokenizer& tokenizer,
                                 engine::Thinking thinking)
    : tokenizer_(tokenizer), starts_(256), is_reasoning_(thinking != engine::Thinking::none) {
  const auto special = engine::PromptTokens::of(tokenizer);
  think_end_ = special.think_end;
  eos_ = special.eos;
  for (const Stretch& stretch : stretches_of(documents)) {
    const auto begin = static_cast<uint32_t>(text_.size());
    for (size_t i = 0; i < stretch.text.size(); ++i) {
      if (counts_for_nothing(stretch.text[i])) continue;
      const size_t at = text_.size();
      append_utf8(text_, stretch.text[i]);
      is_boundary_.resize(text_.size(), false);
      if (is_within_word(stretch.text, i)) continue;
      is_boundary_[at] = true;
      starts_[static_cast<uint8_t>(text_[at])].push_back(static_cast<uint32_t>(at));
    }
    is_boundary_.push_back(true);
    text_ += '\n';
    documents_.push_back({stretch.document, begin, static_cast<uint32_t>(text_.size())});
  }
}

bool QuoteConstraint::allows(TokenId token) const {
  if (is_reasoning_) return true;
  if (tokenizer_.is_special(token)) {
    return state_.line != Line::quote || (token == eos_ && can_end(state_));
  }
  const std::string_view bytes = tokenizer_.bytes_of(token);
  if (bytes.empty()) return state_.line != Line::quote;  // the model's vocabulary may be the larger
  return after(state_, bytes).has_value();
}

void QuoteConstraint::take(TokenId token) {
  if (is_reasoning_) {
    is_reasoning_ = token != think_end_;
    return;
  }
  if (tokenizer_.is_special(token)) return;
  if (auto next = after(state_, tokenizer_.bytes_of(token))) {
    state_ = *std::move(next);
  } else {  // it was taken all the same: the line is not constrained any more
    state_ = {};
    state_.line = Line::free;
  }
}

std::optional<QuoteConstraint::State> QuoteConstraint::after(const State& before,
                                                             std::string_view bytes) const {
  State state = before;
  while (!bytes.empty()) {
    const size_t n = std::min(bytes.find('\n'), bytes.size());
    std::string_view piece = bytes.substr(0, n);
    bytes.remove_prefix(n);
    while (!piece.empty() && state.line != Line::quote && state.line != Line::free) {
      read_head(state, piece.front());
      piece.remove_prefix(1);
    }
    if (state.line == Line::quote && !continue_quote(state, piece)) return std::nullopt;
    if (bytes.empty()) break;
    if (state.line == Line::quote && !can_end(state)) return std::nullopt;
    bytes.remove_prefix(1);
    state = {};
  }
  return state;
}

// As AnswerReader reads lines.
void QuoteConstraint::read_head(State& state, char c) {
  if (state.line == Line::undecided && state.head.empty() && is_blank(c)) return;
  state.head += c;
  const std::string_view head = state.head;
  if (state.line == Line::undecided) {
    const bool may_be = kEvidence.starts_with(head) || kLabelledEvidence.starts_with(head);
    if (head == kEvidence) {
      state.line = Line::quote;
    } else if (head == kLabelledEvidence) {
      state.line = Line::label;
    } else if (!may_be) {
      state.line = Line::free;
    }
  } else if (head.ends_with("]:")) {
    const auto evidence = parse_evidence(head);
    state.line = evidence ? Line::quote : Line::free;
    if (evidence) state.label = evidence->label;
  } else if (head.size() > kLabelledEvidence.size() + kLabelBytesMax) {
    state.line = Line::free;
  }
}

bool QuoteConstraint::continue_quote(State& state, std::string_view bytes) const {
  std::string counted;
  for (const char c : bytes) {
    if (is_blank(c)) continue;
    counted += c;
    state.n_chars += begins_character(c) ? 1 : 0;
  }
  if (counted.empty()) return true;
  if (!std::exchange(state.has_begun, true)) state.places = beginnings(state, counted.front());
  std::erase_if(state.places, [&](uint32_t& place) {
    if (text_.compare(place, counted.size(), counted) != 0) return true;
    place += static_cast<uint32_t>(counted.size());
    return false;
  });
  return !state.places.empty();
}

// Where its characters are whole ones, and a word ends.
bool QuoteConstraint::can_end(const State& state) const {
  return state.n_chars >= static_cast<int64_t>(kQuoteCharsMin) &&
         std::ranges::any_of(state.places, [&](uint32_t place) { return is_boundary_[place]; });
}

std::vector<uint32_t> QuoteConstraint::beginnings(const State& state, char first) const {
  const std::vector<uint32_t>& all = starts_[static_cast<uint8_t>(first)];
  const auto is_named = [&](const Document& document) { return document.id == state.label; };
  if (std::ranges::none_of(documents_, is_named)) return all;
  std::vector<uint32_t> places;
  for (const Document& document : documents_) {
    if (!is_named(document)) continue;
    const auto begin = std::ranges::lower_bound(all, document.begin);
    places.insert(places.end(), begin, std::lower_bound(begin, all.end(), document.end));
  }
  return places;
}

}  // namespace widenet::answer

// Needles in haystacks: one invented fact in much real text, and the question that asks for it.
//
// Templates, attributes, keys and values are listed in niah.cc alone and are not the training
// generator's (a test compares them).  The same needles, in the same haystacks, are asked at every
// depth and length, so that cells differ in nothing else.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tokenizer.h"

namespace widenet::eval {

struct Needle {
  std::string sentence;
  std::string question;
  std::string answer;  // stands in the sentence once
};

// The needle of one try: depends on seed and index alone.
Needle make_needle(uint64_t seed, int64_t index);

// For the test of what training has seen.
struct NeedleLists {
  std::span<const std::string_view> sentences, questions, attributes, keys, words;
};
NeedleLists needle_lists();

// Held-out text: documents that a haystack is cut from.
struct HaystackText {
  std::string title;
  std::string text;
};

// The files of a folder (or one file): .txt, .md, and such without an extension; sorted, valid
// UTF-8.  Throws FileError if there are none.
std::vector<HaystackText> read_haystack(const std::string& path);

// A part of the haystack as it stands in the prompt.
struct HaystackPart {
  std::string title;
  std::vector<engine::TokenId> tokens;
};

// Tokenised once; cut anew for every length and depth.
class Haystack {
 public:
  // Parts are documents, and documents longer than part_tokens_max in pieces that end at a
  // sentence's end.
  Haystack(const engine::Tokenizer& tokenizer,
           std::span<const HaystackText> texts,
           int64_t part_tokens_max = 4096);

  int64_t n_tokens() const { return n_tokens_; }

  struct Cut {
    int64_t n_tokens = 0;     // of all parts, the needle included, without fences
    double depth = 0;         // percent of the haystack before the needle
    int64_t offset = 0;       // where the haystack begins, in tokens; the text goes round
    int64_t part_tokens = 0;  // what a fence costs: counted against n_tokens for each part
  };

  // The needle stands after the last end of a sentence at or before the depth; at 0 it is the
  // first sentence of all, at 100 the last.
  std::vector<HaystackPart> cut(const Cut& cut, const Needle& needle) const;

 private:
  bool ends_sentence(engine::TokenId token) const;
  void insert(std::vector<HaystackPart>& parts, double depth, const Needle& needle) const;

  const engine::Tokenizer& tokenizer_;
  std::vector<HaystackPart> parts_;
  int64_t n_tokens_ = 0;
};

}  // namespace widenet::eval

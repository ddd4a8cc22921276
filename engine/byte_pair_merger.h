// BytePairMerger: the merges of byte-pair encoding, on one piece of text at a time.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "engine/tokenizer.h"

namespace widenet::engine {

// Starts from the tokens of the piece's bytes and, again and again, merges the neighbours whose
// merge has the lowest rank, the leftmost first, until no neighbours have one.  Immutable once
// built; const methods are safe from any number of threads.
class BytePairMerger {
 public:
  // `byte_tokens` is the token of each byte value.
  explicit BytePairMerger(const std::array<TokenId, 256>& byte_tokens, size_t n_merges);

  struct Merge {
    TokenId left, right, result;
  };
  // In the order of their ranks.  The first of two merges of the same pair counts.
  void add(const Merge& merge);

  // Appends the tokens of `piece`.  O(n log n) for any piece.
  void merge(std::string_view piece, std::vector<TokenId>& tokens) const;

 private:
  static constexpr uint32_t kNoRank = UINT32_MAX;
  struct Slot {
    uint64_t pair = UINT64_MAX;
    uint32_t rank = kNoRank;
    TokenId result = -1;
  };
  struct Symbol;

  Slot find(TokenId left, TokenId right) const;
  size_t first_slot(uint64_t pair) const;
  void merge_short(std::string_view piece, std::vector<TokenId>& tokens) const;
  void merge_long(std::string_view piece, std::vector<TokenId>& tokens) const;

  std::array<TokenId, 256> byte_tokens_;
  std::vector<Slot> slots_;  // open addressing; a power of two, at most half full
  uint32_t n_merges_ = 0;
};

}  // namespace widenet::engine

#include "engine/byte_pair_merger.h"

#include <bit>
#include <queue>

namespace widenet::engine {
namespace {

// Up to here a scan over all neighbours for each merge is quicker than a heap.
constexpr size_t kShortBytesMax = 64;

uint64_t pair_of(TokenId left, TokenId right) {
  return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
}

}  // namespace

BytePairMerger::BytePairMerger(const std::array<TokenId, 256>& byte_tokens, size_t n_merges)
    : byte_tokens_(byte_tokens), slots_(std::bit_ceil(2 * n_merges + 2)) {}

size_t BytePairMerger::first_slot(uint64_t pair) const {
  const auto shift = static_cast<unsigned>(64 - std::countr_zero(slots_.size()));
  return static_cast<size_t>(pair * 0x9e3779b97f4a7c15u >> shift);  // Fibonacci hashing
}

void BytePairMerger::add(const Merge& merge) {
  const uint64_t pair = pair_of(merge.left, merge.right);
  const uint32_t rank = n_merges_++;
  WN_CHECK(2 * size_t{n_merges_} <= slots_.size());
  size_t i = first_slot(pair);
  for (; slots_[i].rank != kNoRank; i = (i + 1) & (slots_.size() - 1)) {
    if (slots_[i].pair == pair) return;
  }
  slots_[i] = {pair, rank, merge.result};
}

BytePairMerger::Slot BytePairMerger::find(TokenId left, TokenId right) const {
  const uint64_t pair = pair_of(left, right);
  for (size_t i = first_slot(pair);; i = (i + 1) & (slots_.size() - 1)) {
    if (slots_[i].pair == pair || slots_[i].rank == kNoRank) return slots_[i];
  }
}

void BytePairMerger::merge(std::string_view piece, std::vector<TokenId>& tokens) const {
  if (piece.size() <= kShortBytesMax) {
    merge_short(piece, tokens);
  } else {
    merge_long(piece, tokens);
  }
}

void BytePairMerger::merge_short(std::string_view piece, std::vector<TokenId>& tokens) const {
  std::array<TokenId, kShortBytesMax> symbols;
  std::array<Slot, kShortBytesMax> merges;  // of symbol i and the next one
  size_t n = 0;
  for (const char byte : piece) symbols[n++] = byte_tokens_[static_cast<uint8_t>(byte)];
  for (size_t i = 0; i + 1 < n; ++i) merges[i] = find(symbols[i], symbols[i + 1]);

  while (n > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < n; ++i) {
      if (merges[i].rank < merges[best].rank) best = i;
    }
    if (merges[best].rank == kNoRank) break;
    symbols[best] = merges[best].result;
    --n;
    for (size_t i = best + 1; i < n; ++i) symbols[i] = symbols[i + 1];
    for (size_t i = best + 1; i + 1 < n; ++i) merges[i] = merges[i + 1];
    if (best > 0) merges[best - 1] = find(symbols[best - 1], symbols[best]);
    if (best + 1 < n) merges[best] = find(symbols[best], symbols[best + 1]);
  }
  tokens.insert(tokens.end(), symbols.begin(), symbols.begin() + static_cast<ptrdiff_t>(n));
}

// A link of the list of symbols; `token` is negative once it has been merged into the one before.
struct BytePairMerger::Symbol {
  TokenId token;
  int64_t before, after;  // -1: none
};

void BytePairMerger::merge_long(std::string_view piece, std::vector<TokenId>& tokens) const {
  struct Candidate {
    uint32_t rank;
    TokenId result;
    int64_t at;
    bool operator>(const Candidate& other) const {
      return rank != other.rank ? rank > other.rank : at > other.at;
    }
  };
  const auto n = static_cast<int64_t>(piece.size());
  std::vector<Symbol> symbols(piece.size());
  for (int64_t i = 0; i < n; ++i) {
    const auto byte = static_cast<uint8_t>(piece[static_cast<size_t>(i)]);
    symbols[static_cast<size_t>(i)] = {byte_tokens_[byte], i - 1, i + 1 < n ? i + 1 : -1};
  }
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
  const auto offer = [&](int64_t at) {
    if (at < 0 || symbols[static_cast<size_t>(at)].after < 0) return;
    const Symbol& left = symbols[static_cast<size_t>(at)];
    const Slot slot = find(left.token, symbols[static_cast<size_t>(left.after)].token);
    if (slot.rank != kNoRank) queue.push({slot.rank, slot.result, at});
  };
  for (int64_t i = 0; i < n; ++i) offer(i);

  while (!queue.empty()) {
    const Candidate top = queue.top();
    queue.pop();
    Symbol& left = symbols[static_cast<size_t>(top.at)];
    if (left.token < 0 || left.after < 0) continue;
    Symbol& right = symbols[static_cast<size_t>(left.after)];
    const Slot now = find(left.token, right.token);
    if (now.rank != top.rank) continue;  // an offer that another merge has overtaken
    left.token = top.result;
    left.after = right.after;
    right.token = -1;
    if (left.after >= 0) symbols[static_cast<size_t>(left.after)].before = top.at;
    offer(left.before);
    offer(top.at);
  }
  for (const Symbol& symbol : symbols) {
    if (symbol.token >= 0) tokens.push_back(symbol.token);
  }
}

}  // namespace widenet::engine

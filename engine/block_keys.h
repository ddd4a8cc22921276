// Block keys: names for prefixes of token timelines, block by block.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "engine/tokenizer.h"

namespace widenet::engine {

// Tokens of a block, the unit of identity and reuse.
inline constexpr int64_t kBlockTokens = 128;

// SHA-256 of the parent's key and the block's tokens: names the block and all before it.
using BlockKey = Sha256::Digest;

// The parent of first blocks: of all that decides what tokens make of a model's state besides the
// tokens, and of who may know.
BlockKey root_key(std::string_view identity, std::string_view scope);

BlockKey next_key(const BlockKey& parent, std::span<const TokenId> block);

// keys[i] names the first i blocks; keys[0] is the root, and there at the call.  Afterwards there
// is one for each whole block of `tokens`: those there must be right.
void extend_keys(std::span<const TokenId> tokens, std::vector<BlockKey>& keys);

struct BlockKeyHash {  // a digest needs no more
  size_t operator()(const BlockKey& key) const;
};

}  // namespace widenet::engine

#include "engine/block_keys.h"

#include <cstring>

#include "base/check.h"

namespace widenet::engine {

BlockKey root_key(std::string_view identity, std::string_view scope) {
  const uint64_t n = identity.size();  // so that no other two texts run together as these
  return Sha256().update(std::as_bytes(std::span(&n, 1))).update(identity).update(scope).finish();
}

BlockKey next_key(const BlockKey& parent, std::span<const TokenId> block) {
  WN_CHECK(static_cast<int64_t>(block.size()) == kBlockTokens);
  return Sha256().update(std::as_bytes(std::span(parent))).update(std::as_bytes(block)).finish();
}

void extend_keys(std::span<const TokenId> tokens, std::vector<BlockKey>& keys) {
  WN_CHECK(!keys.empty());
  const size_t n_blocks = tokens.size() / kBlockTokens;
  keys.reserve(n_blocks + 1);
  while (keys.size() <= n_blocks) {
    keys.push_back(
        next_key(keys.back(), tokens.subspan((keys.size() - 1) * kBlockTokens, kBlockTokens)));
  }
}

size_t BlockKeyHash::operator()(const BlockKey& key) const {
  size_t hash = 0;
  std::memcpy(&hash, key.data(), sizeof hash);
  return hash;
}

}  // namespace widenet::engine

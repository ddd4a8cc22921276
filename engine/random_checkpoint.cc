// Weights that mean nothing and cost what real ones cost: every number ordinary, every size real.
#include <cstring>
#include <numeric>
#include <vector>

#include "engine/inventory.h"
#include "kernels/number_formats.h"

namespace widenet::engine {
namespace {

class Maker final : public TensorVisitor {
 public:
  Maker(int64_t n_experts, uint64_t seed) : n_experts_(n_experts), state_(seed * 2 + 1) {
    constexpr size_t kBlockBytes = size_t{1} << 20;  // prime to no tensor's rows: they differ
    for (std::vector<uint8_t>* block : {&bytes_, &codes_}) block->resize(kBlockBytes);
    for (size_t i = 0; i < kBlockBytes; ++i) {
      bytes_[i] = static_cast<uint8_t>(next() >> 24);
      const auto code = static_cast<uint8_t>(next() >> 24);
      codes_[i] = (code & 0x7f) == 0x7f ? uint8_t{0} : code;  // E4M3 has its NaN there
    }
  }

  DType dtype_of(const std::string&, DType published) override { return published; }

  void visit(const std::string& name, DType dtype, std::initializer_list<int64_t> shape) override {
    const int64_t n =
        std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<int64_t>());
    const std::span<std::byte> memory =
        checkpoint_.add_tensor(name, dtype, shape, n * bytes_per_element(dtype));
    fill(memory, dtype, n, /*is_vector=*/shape.size() == 1);
  }

  Checkpoint take() { return std::move(checkpoint_); }

 private:
  uint32_t next() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<uint32_t>(state_ >> 32);
  }
  float small() { return 0.06f * (static_cast<float>(next()) * 0x1p-32f - 0.5f); }

  void fill(std::span<std::byte> memory, DType dtype, int64_t n, bool is_vector) {
    switch (dtype) {
      case DType::f8_e4m3:
        return repeat(codes_, memory);
      case DType::i8:
        return repeat(bytes_, memory);
      case DType::f8_e8m0:
        return static_cast<void>(std::memset(memory.data(), 116, memory.size()));  // 2^-11
      case DType::bf16:
        for (int64_t i = 0; i < n; ++i) {  // a norm's weights are about 1
          const uint16_t word = kernels::float_to_bf16(is_vector ? 1.0f + small() : small());
          std::memcpy(memory.data() + 2 * i, &word, sizeof word);
        }
        return;
      case DType::f32:
        for (int64_t i = 0; i < n; ++i) {
          const float value = small();
          std::memcpy(memory.data() + 4 * i, &value, sizeof value);
        }
        return;
      case DType::i64:
        for (int64_t i = 0; i < n; ++i) {
          const auto expert = static_cast<int64_t>(next()) % n_experts_;
          std::memcpy(memory.data() + 8 * i, &expert, sizeof expert);
        }
        return;
      default:
        WN_CHECK(false);
    }
  }

  // From a random place of the block on, round and round.
  void repeat(const std::vector<uint8_t>& block, std::span<std::byte> memory) {
    size_t from = next() % block.size();
    for (size_t at = 0; at < memory.size();) {
      const size_t n = std::min(block.size() - from, memory.size() - at);
      std::memcpy(memory.data() + at, block.data() + from, n);
      at += n;
      from = 0;
    }
  }

  const int64_t n_experts_;
  uint64_t state_;
  std::vector<uint8_t> bytes_;
  std::vector<uint8_t> codes_;
  Checkpoint checkpoint_;
};

}  // namespace

Checkpoint random_checkpoint(const ModelConfig& config, uint64_t seed) {
  Maker maker(config.n_experts, seed);
  visit_inventory(config, maker);
  return maker.take();
}

}  // namespace widenet::engine

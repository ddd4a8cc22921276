// DSpark's guesses in double precision, from the formulas of the V4 specification (2.1 to 2.9 and
// 2.12) and nothing of the engine but its checkpoint reader.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/checkpoint.h"
#include "engine/model_config.h"

namespace widenet::test {

// For models whose layers all have compress ratio 0, with BF16 linears; without any rounding of
// activations.  Slow: a timeline is computed from its first token each time.
class DsparkReference {
 public:
  DsparkReference(const engine::ModelConfig& config, const engine::Checkpoint& checkpoint)
      : c_(config), checkpoint_(checkpoint) {}

  struct Guesses {
    std::vector<int64_t> tokens;              // [block_size]
    std::vector<std::vector<double>> logits;  // [block_size][vocab_size]
  };

  // What may follow `timeline` and then `next`.
  Guesses guess(const std::vector<int64_t>& timeline, int64_t next) const;

 private:
  using Vector = std::vector<double>;
  using Rows = std::vector<Vector>;
  using Streams = std::vector<Rows>;  // [n_tokens][hc_mult][dim]

  struct Mix {
    Vector pre, post;
    Rows comb;
  };

  // A layer's keys before position first_position, oldest first, for all of its tokens.
  struct Place {
    int64_t first_position = 0;
    bool sees_all = false;  // every token sees all context and all tokens, else a sliding window
    Rows context;
  };

  Vector numbers(const std::string& name) const;
  Vector row(const std::string& name, int64_t index) const;
  Vector times(const std::string& name, const Vector& x) const;
  Vector norm(const Vector& x, const std::string& name) const;
  Vector rotated(const Vector& x, int64_t position, double direction) const;
  Vector mixing_numbers(const Rows& streams, const std::string& stem) const;
  Mix mix(const Rows& streams, const std::string& stem) const;
  Vector weighted(const Rows& streams, const Vector& weights) const;
  void add_back(const Mix& m, const Vector& z, Rows& streams) const;

  Streams embed(const std::vector<int64_t>& tokens) const;
  void layer(const std::string& stem,
             int64_t index,
             const std::vector<int64_t>& tokens,
             const Place& place,
             Streams& streams) const;
  Rows attention(const std::string& stem, const Place& place, const Rows& x) const;
  Vector key(const std::string& stem, const Vector& x, int64_t position) const;
  Vector attend(const std::string& stem, const Vector& q, const Rows& keys, int64_t head) const;
  Vector experts(const std::string& stem, int64_t index, int64_t token, const Vector& x) const;
  Vector expert(const std::string& stem, const Vector& x, double weight) const;

  const engine::ModelConfig& c_;
  const engine::Checkpoint& checkpoint_;
};

}  // namespace widenet::test

#include "tests/support/dspark_reference.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

namespace widenet::test {
namespace {

using Vector = std::vector<double>;

double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}

double inverse_rms(const Vector& x, double eps) {
  double squares = 0;
  for (const double value : x) squares += value * value;
  return 1 / std::sqrt(squares / static_cast<double>(x.size()) + eps);
}

size_t at(int64_t i) {
  return static_cast<size_t>(i);
}

}  // namespace

DsparkReference::Guesses DsparkReference::guess(const std::vector<int64_t>& timeline,
                                                int64_t next) const {
  const engine::DsparkConfig& dspark = *c_.dspark;
  Streams streams = embed(timeline);
  Rows hidden(timeline.size());  // the means after the target layers, side by side
  for (int64_t n = 0; n < c_.n_layers; ++n) {
    layer("layers." + std::to_string(n) + ".", n, timeline, {}, streams);
    if (std::find(dspark.target_layers.begin(), dspark.target_layers.end(), n) ==
        dspark.target_layers.end()) {
      continue;
    }
    const Vector equal(at(c_.hc_mult), 1.0 / static_cast<double>(c_.hc_mult));
    for (size_t t = 0; t < hidden.size(); ++t) {
      const Vector mean = weighted(streams[t], equal);
      hidden[t].insert(hidden[t].end(), mean.begin(), mean.end());
    }
  }

  std::vector<int64_t> block(at(dspark.block_size), dspark.noise_token);
  block[0] = next;
  const auto n_past = static_cast<int64_t>(timeline.size());
  Streams drafted = embed(block);
  for (int64_t n = 0; n < dspark.n_stages; ++n) {
    const std::string stem = "mtp." + std::to_string(n) + ".";
    Place place{n_past, true, {}};
    for (int64_t p = std::max<int64_t>(0, n_past - c_.window); p < n_past; ++p) {
      const Vector x = norm(times("mtp.0.main_proj.weight", hidden[at(p)]), "mtp.0.main_norm");
      place.context.push_back(key(stem + "attn.", x, p));
    }
    layer(stem, c_.n_layers + n, block, place, drafted);
  }

  const std::string last = "mtp." + std::to_string(dspark.n_stages - 1) + ".";
  const Vector base = numbers(last + "hc_head_base");
  const double scale = numbers(last + "hc_head_scale")[0];
  Guesses guesses;
  for (int64_t i = 0; i < dspark.block_size; ++i) {
    Vector pre = mixing_numbers(drafted[at(i)], last + "hc_head_");
    for (size_t j = 0; j < pre.size(); ++j) pre[j] = sigmoid(pre[j] * scale + base[j]) + c_.hc_eps;
    Vector logits = times("head.weight", norm(weighted(drafted[at(i)], pre), last + "norm"));
    const int64_t before = i == 0 ? next : guesses.tokens.back();
    const Vector following = times(last + "markov_head.markov_w2.weight",
                                   row(last + "markov_head.markov_w1.weight", before));
    for (size_t v = 0; v < logits.size(); ++v) logits[v] += following[v];
    guesses.tokens.push_back(std::max_element(logits.begin(), logits.end()) - logits.begin());
    guesses.logits.push_back(std::move(logits));
  }
  return guesses;
}

Vector DsparkReference::numbers(const std::string& name) const {
  const engine::TensorView& tensor = checkpoint_.get(name);
  Vector out;
  for (int64_t i = 0; i < tensor.n_elements(); ++i) {
    out.push_back(static_cast<double>(
        tensor.dtype == engine::DType::f32
            ? tensor.data<float>()[i]
            : std::bit_cast<float>(uint32_t{tensor.data<uint16_t>()[i]} << 16)));
  }
  return out;
}

Vector DsparkReference::row(const std::string& name, int64_t index) const {
  const Vector all = numbers(name);
  const auto cols = checkpoint_.get(name).shape[1];
  return {all.begin() + index * cols, all.begin() + (index + 1) * cols};
}

Vector DsparkReference::times(const std::string& name, const Vector& x) const {
  const Vector matrix = numbers(name);
  Vector out(matrix.size() / x.size());
  for (size_t r = 0; r < out.size(); ++r) {
    for (size_t i = 0; i < x.size(); ++i) out[r] += matrix[r * x.size() + i] * x[i];
  }
  return out;
}

Vector DsparkReference::norm(const Vector& x, const std::string& name) const {
  const Vector weight = numbers(name + ".weight");
  const double r = inverse_rms(x, c_.norm_eps);
  Vector out(x.size());
  for (size_t i = 0; i < x.size(); ++i) out[i] = x[i] * r * weight[i];
  return out;
}

// The last rope_dim channels in interleaved pairs; the angle is a float32 product.
Vector DsparkReference::rotated(const Vector& x, int64_t position, double direction) const {
  Vector out = x;
  const size_t first = x.size() - at(c_.rope_dim);
  for (size_t i = 0; i < at(c_.rope_dim / 2); ++i) {
    const double exponent = 2 * static_cast<double>(i) / static_cast<double>(c_.rope_dim);
    const auto frequency = static_cast<float>(std::pow(c_.rope_theta, -exponent));
    const double angle = direction * static_cast<double>(static_cast<float>(position) * frequency);
    const double a = x[first + 2 * i];
    const double b = x[first + 2 * i + 1];
    out[first + 2 * i] = a * std::cos(angle) - b * std::sin(angle);
    out[first + 2 * i + 1] = a * std::sin(angle) + b * std::cos(angle);
  }
  return out;
}

Vector DsparkReference::mixing_numbers(const Rows& streams, const std::string& stem) const {
  Vector v;
  for (const Vector& stream : streams) v.insert(v.end(), stream.begin(), stream.end());
  Vector m = times(stem + "fn", v);
  const double r = inverse_rms(v, c_.norm_eps);
  for (double& value : m) value *= r;
  return m;
}

DsparkReference::Mix DsparkReference::mix(const Rows& streams, const std::string& stem) const {
  const Vector m = mixing_numbers(streams, stem);
  const Vector base = numbers(stem + "base");
  const Vector scale = numbers(stem + "scale");
  const size_t n = streams.size();
  Mix out;
  for (size_t j = 0; j < n; ++j) {
    out.pre.push_back(sigmoid(m[j] * scale[0] + base[j]) + c_.hc_eps);
    out.post.push_back(2 * sigmoid(m[n + j] * scale[1] + base[n + j]));
    Vector line(n);
    double total = 0;
    for (size_t k = 0; k < n; ++k) {
      const size_t i = 2 * n + j * n + k;
      line[k] = std::exp(m[i] * scale[2] + base[i]);
      total += line[k];
    }
    for (double& value : line) value = value / total + c_.hc_eps;
    out.comb.push_back(line);
  }
  for (int64_t i = 0; i < c_.hc_sinkhorn_iters; ++i) {
    for (size_t j = 0; j < n && i > 0; ++j) {
      const double total = std::accumulate(out.comb[j].begin(), out.comb[j].end(), c_.hc_eps);
      for (double& value : out.comb[j]) value /= total;
    }
    for (size_t k = 0; k < n; ++k) {
      double total = c_.hc_eps;
      for (size_t j = 0; j < n; ++j) total += out.comb[j][k];
      for (size_t j = 0; j < n; ++j) out.comb[j][k] /= total;
    }
  }
  return out;
}

Vector DsparkReference::weighted(const Rows& streams, const Vector& weights) const {
  Vector out(streams[0].size());
  for (size_t j = 0; j < streams.size(); ++j) {
    for (size_t i = 0; i < out.size(); ++i) out[i] += weights[j] * streams[j][i];
  }
  return out;
}

void DsparkReference::add_back(const Mix& m, const Vector& z, Rows& streams) const {
  Rows mixed(streams.size(), Vector(z.size()));
  for (size_t k = 0; k < streams.size(); ++k) {
    for (size_t i = 0; i < z.size(); ++i) {
      mixed[k][i] = m.post[k] * z[i];
      for (size_t j = 0; j < streams.size(); ++j) mixed[k][i] += m.comb[j][k] * streams[j][i];
    }
  }
  streams = mixed;
}

DsparkReference::Streams DsparkReference::embed(const std::vector<int64_t>& tokens) const {
  Streams streams;
  for (const int64_t token : tokens) {
    streams.emplace_back(at(c_.hc_mult), row("embed.weight", token));
  }
  return streams;
}

void DsparkReference::layer(const std::string& stem,
                            int64_t index,
                            const std::vector<int64_t>& tokens,
                            const Place& place,
                            Streams& streams) const {
  std::vector<Mix> mixes;
  Rows x;
  for (const Rows& s : streams) {
    mixes.push_back(mix(s, stem + "hc_attn_"));
    x.push_back(norm(weighted(s, mixes.back().pre), stem + "attn_norm"));
  }
  const Rows z = attention(stem + "attn.", place, x);
  for (size_t t = 0; t < streams.size(); ++t) {
    add_back(mixes[t], z[t], streams[t]);
    const Mix m = mix(streams[t], stem + "hc_ffn_");
    const Vector y = norm(weighted(streams[t], m.pre), stem + "ffn_norm");
    add_back(m, experts(stem + "ffn.", index, tokens[t], y), streams[t]);
  }
}

DsparkReference::Rows DsparkReference::attention(const std::string& stem,
                                                 const Place& place,
                                                 const Rows& x) const {
  Rows keys = place.context;
  for (size_t t = 0; t < x.size(); ++t) {
    keys.push_back(key(stem, x[t], place.first_position + static_cast<int64_t>(t)));
  }
  Rows out;
  for (size_t t = 0; t < x.size(); ++t) {
    const int64_t position = place.first_position + static_cast<int64_t>(t);
    Rows visible = keys;
    if (!place.sees_all) {
      const auto first = std::max<int64_t>(0, position - c_.window + 1);
      visible.assign(keys.begin() + first, keys.begin() + position + 1);
    }
    const Vector all =
        times(stem + "wq_b.weight", norm(times(stem + "wq_a.weight", x[t]), stem + "q_norm"));
    Vector heads;
    for (int64_t h = 0; h < c_.n_heads; ++h) {
      Vector q(all.begin() + h * c_.head_dim, all.begin() + (h + 1) * c_.head_dim);
      const double r = inverse_rms(q, c_.norm_eps);
      for (double& value : q) value *= r;
      const Vector o = rotated(attend(stem, rotated(q, position, 1), visible, h), position, -1);
      heads.insert(heads.end(), o.begin(), o.end());
    }
    const Vector down = numbers(stem + "wo_a.weight");
    const int64_t group_dim = c_.n_heads * c_.head_dim / c_.o_groups;
    Vector low(at(c_.o_groups * c_.o_lora_rank));
    for (size_t r = 0; r < low.size(); ++r) {
      const size_t group = r / at(c_.o_lora_rank);
      for (size_t i = 0; i < at(group_dim); ++i) {
        low[r] += down[r * at(group_dim) + i] * heads[group * at(group_dim) + i];
      }
    }
    out.push_back(times(stem + "wo_b.weight", low));
  }
  return out;
}

Vector DsparkReference::key(const std::string& stem, const Vector& x, int64_t position) const {
  return rotated(norm(times(stem + "wkv.weight", x), stem + "kv_norm"), position, 1);
}

Vector DsparkReference::attend(const std::string& stem,
                               const Vector& q,
                               const Rows& keys,
                               int64_t head) const {
  double total = std::exp(numbers(stem + "attn_sink")[at(head)]);
  Vector out(q.size());
  for (const Vector& k : keys) {
    const double dot = std::inner_product(q.begin(), q.end(), k.begin(), 0.0);
    const double weight = std::exp(dot / std::sqrt(static_cast<double>(c_.head_dim)));
    total += weight;
    for (size_t i = 0; i < out.size(); ++i) out[i] += weight * k[i];
  }
  for (double& value : out) value /= total;
  return out;
}

Vector DsparkReference::experts(const std::string& stem,
                                int64_t index,
                                int64_t token,
                                const Vector& x) const {
  Vector scores = times(stem + "gate.weight", x);
  for (double& score : scores) score = std::sqrt(std::log1p(std::exp(score)));
  std::vector<int64_t> chosen;
  if (index < c_.n_hash_layers) {
    const int64_t* table = checkpoint_.get(stem + "gate.tid2eid").data<int64_t>();
    chosen.assign(table + token * c_.n_experts_per_token,
                  table + (token + 1) * c_.n_experts_per_token);
  } else {
    const Vector bias = numbers(stem + "gate.bias");
    chosen.resize(scores.size());
    std::iota(chosen.begin(), chosen.end(), 0);
    std::sort(chosen.begin(), chosen.end(), [&](int64_t a, int64_t b) {
      return scores[at(a)] + bias[at(a)] > scores[at(b)] + bias[at(b)];
    });
    chosen.resize(at(c_.n_experts_per_token));
  }
  double total = 0;
  for (const int64_t e : chosen) total += scores[at(e)];
  Vector out = expert(stem + "shared_experts.", x, 1);
  for (const int64_t e : chosen) {
    const Vector part = expert(stem + "experts." + std::to_string(e) + ".", x,
                               scores[at(e)] / total * c_.routed_scale);
    for (size_t i = 0; i < out.size(); ++i) out[i] += part[i];
  }
  return out;
}

Vector DsparkReference::expert(const std::string& stem, const Vector& x, double weight) const {
  Vector gate = times(stem + "w1.weight", x);
  const Vector up = times(stem + "w3.weight", x);
  for (size_t i = 0; i < gate.size(); ++i) {
    const double g = std::min(gate[i], c_.swiglu_limit);
    gate[i] = g * sigmoid(g) * std::clamp(up[i], -c_.swiglu_limit, c_.swiglu_limit) * weight;
  }
  return times(stem + "w2.weight", gate);
}

}  // namespace widenet::test

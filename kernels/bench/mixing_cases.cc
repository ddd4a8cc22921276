// Hyper-connections: the residual streams' projections, mixes and updates.
#include "kernels/bench/case.h"
#include "kernels/bench/operands.h"

namespace widenet::kernels::bench {
namespace {

std::vector<float> filled(int64_t n, float value) {
  return std::vector<float>(static_cast<size_t>(n), value);
}

int64_t n_mixes(StreamsShape s) {
  return (2 + s.n_streams) * s.n_streams;
}

Call prepare_hc_project(StreamsShape s, int64_t n_copies) {
  Noise noise;
  const int64_t n_cols = s.n_streams * s.dim;
  return [s, n_cols, projection = Copies(noise.floats(n_mixes(s) * n_cols), n_copies),
          x = Copies(noise.floats(s.n_tokens * n_cols), n_copies),
          out = Copies(filled(s.n_tokens * n_mixes(s), 0.0f), n_copies)](
             const Backend& backend, Stream& stream, int64_t call) {
    Weight w;
    w.data = projection.at(call);
    w.n_rows = n_mixes(s);
    w.n_cols = n_cols;
    backend.hc_project(stream, View<const float, 2>(x.at(call), s.n_tokens, n_cols), w, 1e-6f,
                       View<float, 2>(out.at(call), s.n_tokens, n_mixes(s)));
  };
}

Call prepare_hc_mixes(StreamsShape s, int64_t sinkhorn_iters, int64_t n_copies) {
  Noise noise;
  return [s, sinkhorn_iters, projected = Copies(noise.floats(s.n_tokens * n_mixes(s)), n_copies),
          base = Copies(noise.floats(n_mixes(s)), n_copies), scale = Copies(filled(3, 1), n_copies),
          out = Copies(filled(s.n_tokens * n_mixes(s), 0.0f), n_copies)](
             const Backend& backend, Stream& stream, int64_t call) {
    const int64_t n = s.n_streams;
    float* pre = out.at(call);
    float* post = pre + s.n_tokens * n;
    float* comb = post + s.n_tokens * n;
    backend.hc_mixes(stream, View<const float, 2>(projected.at(call), s.n_tokens, n_mixes(s)),
                     base.at(call), scale.at(call),
                     {.n_streams = n, .sinkhorn_iters = sinkhorn_iters, .eps = 1e-6f},
                     {{pre, s.n_tokens, n}, {post, s.n_tokens, n}, {comb, s.n_tokens, n, n}});
  };
}

Call prepare_hc_collapse(StreamsShape s, int64_t n_copies) {
  Noise noise;
  return [s, x = Copies(noise.floats(s.n_tokens * s.n_streams * s.dim), n_copies),
          pre = Copies(noise.floats(s.n_tokens * s.n_streams), n_copies),
          y = Copies(filled(s.n_tokens * s.dim, 0.0f), n_copies)](const Backend& backend,
                                                                  Stream& stream, int64_t call) {
    backend.hc_collapse(stream, View<const float, 3>(x.at(call), s.n_tokens, s.n_streams, s.dim),
                        View<const float, 2>(pre.at(call), s.n_tokens, s.n_streams),
                        /*round_output=*/true, {y.at(call), s.n_tokens, s.dim});
  };
}

// The streams are updated in place, so comb's columns sum to less than 1: no call overflows.
Call prepare_hc_expand(StreamsShape s, int64_t n_copies) {
  Noise noise;
  const int64_t m = s.n_streams;
  return [s, m, z = Copies(noise.floats(s.n_tokens * s.dim), n_copies),
          post = Copies(noise.floats(s.n_tokens * m), n_copies),
          comb = Copies(filled(s.n_tokens * m * m, 0.5f / static_cast<float>(m)), n_copies),
          x = Copies(noise.floats(s.n_tokens * m * s.dim), n_copies)](
             const Backend& backend, Stream& stream, int64_t call) {
    backend.hc_expand(stream, View<const float, 2>(z.at(call), s.n_tokens, s.dim),
                      View<const float, 2>(post.at(call), s.n_tokens, m),
                      View<const float, 3>(comb.at(call), s.n_tokens, m, m),
                      /*round_output=*/true, {x.at(call), s.n_tokens, m, s.dim});
  };
}

}  // namespace

void add_mixing_cases(const ModelShape& model, std::vector<Case>& cases) {
  const StreamsShape s{model.n_tokens, model.n_streams, model.dim};
  const int64_t iters = model.sinkhorn_iters;
  const auto add = [&](const char* operation, Work work, std::function<Call(int64_t)> prepare) {
    cases.push_back({.operation = operation,
                     .variant = "",
                     .shape = shape_text(model, {s.n_tokens, s.n_streams, s.dim}),
                     .work = work,
                     .unit = Unit::f32_fma,
                     .prepare = std::move(prepare)});
  };
  add("hc_project", hc_project_work(s),
      [=](int64_t n_copies) { return prepare_hc_project(s, n_copies); });
  add("hc_mixes", hc_mixes_work(s, iters),
      [=](int64_t n_copies) { return prepare_hc_mixes(s, iters, n_copies); });
  add("hc_collapse", hc_collapse_work(s),
      [=](int64_t n_copies) { return prepare_hc_collapse(s, n_copies); });
  add("hc_expand", hc_expand_work(s),
      [=](int64_t n_copies) { return prepare_hc_expand(s, n_copies); });
}

}  // namespace widenet::kernels::bench

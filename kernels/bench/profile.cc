// The timing table: each operation wrapped once, its work read off its operands.
#include "kernels/bench/profile.h"

#include <algorithm>
#include <chrono>

#include "kernels/bench/work.h"

namespace widenet::kernels::bench {
namespace {

constexpr size_t kOperations = 17;
OperationProfile profiles[kOperations];

void add_operations(OperationProfile& profile, Unit unit, int64_t n) {
  profile.operations[static_cast<size_t>(unit)] += n;
}

// The work of a call with these operands.
template <typename... Arguments>
void add_work(OperationProfile&, const Arguments&...) {}

void add_work(OperationProfile& profile,
              const Stream&,
              Rows<const float> x,
              const Weight& weight,
              LinearOptions options,
              Rows<float>) {
  const bool is_bf16 = options.bf16_inputs && weight.is_bf16_exact();
  add_operations(profile, is_bf16 ? Unit::bf16_dot : Unit::f32_fma,
                 linear_work(weight, x.count).operations);
  profile.bytes += weight_bytes(weight);
}

void add_work(OperationProfile& profile,
              const Stream&,
              const IndexInputs& in,
              View<int32_t, 2> selected,
              int32_t*) {
  if (in.queries == nullptr) return;  // all is selected
  int64_t n_scores = 0;
  int64_t n_keys = 0;
  for (int64_t t = 0; t < in.head_weights.dim(0); ++t) {
    if (in.n_visible[t] > selected.dim(1)) n_scores += in.n_visible[t];
    n_keys = std::max<int64_t>(n_keys, in.n_visible[t]);
  }
  add_operations(profile, Unit::int8_dot, 2 * n_scores * in.head_weights.dim(1) * in.layout.dim);
  profile.bytes += n_keys * in.layout.row_bytes();
}

void add_work(OperationProfile& profile, const Stream&, const AttentionInputs& in, View<float, 3>) {
  int64_t n_rows = 0;
  int64_t n_entries = 0;  // a token's, at most: those of a chunk's tokens overlap
  for (int64_t t = 0; t < in.q.dim(0); ++t) {
    n_rows += std::min(in.window_length, in.first_position + t + 1);
    n_rows += in.n_selected == nullptr ? 0 : in.n_selected[t];
    n_entries = std::max<int64_t>(n_entries, in.n_selected == nullptr ? 0 : in.n_selected[t]);
  }
  add_operations(profile, in.round_to_bf16 ? Unit::bf16_dot : Unit::f32_fma,
                 4 * n_rows * in.q.dim(1) * in.q.dim(2));
  profile.bytes += (in.window_length + n_entries) * in.layout.row_bytes();
}

template <size_t index, typename Function>
struct Timed;
template <size_t index, typename... Arguments>
struct Timed<index, void(Arguments...)> {
  static inline void (*inner)(Arguments...) = nullptr;
  static void call(Arguments... arguments) {
    OperationProfile& profile = profiles[index];
    add_work(profile, arguments...);
    const auto start = std::chrono::steady_clock::now();
    inner(arguments...);
    profile.seconds +=
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    ++profile.calls;
  }
};

template <size_t index, typename Function>
void time(const char* name, Function*& member) {
  profiles[index] = {.operation = name};
  Timed<index, Function>::inner = member;
  member = Timed<index, Function>::call;
}

}  // namespace

double OperationProfile::seconds_at(const Roofs& roofs) const {
  double arithmetic = 0.0;
  for (const Unit unit : {Unit::f32_fma, Unit::bf16_dot, Unit::int8_dot}) {
    arithmetic +=
        static_cast<double>(operations[static_cast<size_t>(unit)]) / roofs.operations(unit);
  }
  return std::max(static_cast<double>(bytes) / roofs.read, arithmetic);
}

Backend profiled(const Backend& inner) {
  Backend backend = inner;
  time<0>("linear", backend.linear);
  time<1>("quantise_activations", backend.quantise_activations);
  time<2>("rms_norm", backend.rms_norm);
  time<3>("rope", backend.rope);
  time<4>("pack_kv_rows", backend.pack_kv_rows);
  time<5>("unpack_kv_rows", backend.unpack_kv_rows);
  time<6>("hadamard", backend.hadamard);
  time<7>("pack_index_rows", backend.pack_index_rows);
  time<8>("index_select", backend.index_select);
  time<9>("hc_project", backend.hc_project);
  time<10>("hc_mixes", backend.hc_mixes);
  time<11>("hc_collapse", backend.hc_collapse);
  time<12>("hc_expand", backend.hc_expand);
  time<13>("compress", backend.compress);
  time<14>("attention", backend.attention);
  time<15>("route", backend.route);
  time<16>("swiglu", backend.swiglu);
  return backend;
}

std::vector<OperationProfile> take_profile() {
  std::vector<OperationProfile> taken;
  for (OperationProfile& profile : profiles) {
    if (profile.calls > 0) taken.push_back(profile);
    profile = {.operation = profile.operation};
  }
  std::sort(taken.begin(), taken.end(), [](const OperationProfile& a, const OperationProfile& b) {
    return a.seconds > b.seconds;
  });
  return taken;
}

}  // namespace widenet::kernels::bench

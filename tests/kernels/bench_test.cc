// What `widenet bench kernels` counts, that it leaves no operation out, and what it makes of times.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "kernels/bench/cases.h"
#include "kernels/bench/measure.h"
#include "kernels/bench/profile.h"
#include "kernels/bench/report.h"
#include "kernels/bench/roofs.h"

namespace widenet::kernels::bench {
namespace {

// A model so small that every case runs at once, and that counts can be made by hand.
constexpr ModelShape kTiny = {.name = "tiny",
                              .n_tokens = 256,
                              .n_keys = 64,
                              .dim = 32,
                              .n_heads = 2,
                              .head_dim = 96,
                              .ffn_dim = 32,
                              .n_index_heads = 2,
                              .index_topk = 8,
                              .n_experts = 4,
                              .experts_per_token = 2};

void expect_work(const Work& work, int64_t bytes_read, int64_t bytes_written, int64_t operations) {
  EXPECT_EQ(work.bytes_read, bytes_read);
  EXPECT_EQ(work.bytes_written, bytes_written);
  EXPECT_EQ(work.operations, operations);
}

// The shipped model may change its shape; what is measured as "nano" must follow.
TEST(BenchCasesTest, NanoIsTheModelThatShips) {
  std::ifstream file(WN_SOURCE_DIR "/models/nano/config.json");
  const auto config = nlohmann::json::parse(file);
  EXPECT_EQ(kNano.dim, config["hidden_size"]);
  EXPECT_EQ(kNano.n_heads, config["num_attention_heads"]);
  EXPECT_EQ(kNano.head_dim, config["head_dim"]);
  EXPECT_EQ(kNano.rope_dim, config["qk_rope_head_dim"]);
  EXPECT_EQ(kNano.window_length, config["sliding_window"]);
  EXPECT_EQ(kNano.ffn_dim, config["moe_intermediate_size"]);
  EXPECT_EQ(kNano.n_index_heads, config["index_n_heads"]);
  EXPECT_EQ(kNano.index_dim, config["index_head_dim"]);
  EXPECT_EQ(kNano.index_topk, config["index_topk"]);
  EXPECT_EQ(kNano.n_experts, config["n_routed_experts"]);
  EXPECT_EQ(kNano.experts_per_token, config["num_experts_per_tok"]);
  EXPECT_EQ(kNano.n_streams, config["hc_mult"]);
  EXPECT_EQ(kNano.sinkhorn_iters, config["hc_sinkhorn_iters"]);
}

// 3 tokens, 256 columns, 130 rows: the last of the two blocks of rows is a short one.
TEST(BenchWorkTest, LinearCountsTheStoredWeight) {
  Weight w;
  w.n_rows = 130;
  w.n_cols = 256;
  const int64_t elements = 33280;
  const int64_t x = 3 * 256 * 4;
  const int64_t out = 3 * 130 * 4;
  const int64_t operations = 199680;  // 3 x 130 x 256 multiply-adds
  w.format = WeightFormat::f32;
  expect_work(linear_work(w, 3), 133120 + x, out, operations);
  w.format = WeightFormat::bf16;
  expect_work(linear_work(w, 3), 66560 + x, out, operations);
  w.format = WeightFormat::fp4;  // half a byte each; 8 scales in each of 130 rows
  expect_work(linear_work(w, 3), 16640 + 1040 + x, out, operations);
  w.format = WeightFormat::fp8;  // 2 x 2 blocks
  expect_work(linear_work(w, 3), elements + 4 + x, out, operations);
  const float scales[4] = {};
  w.scales_f32 = scales;
  expect_work(linear_work(w, 3), elements + 16 + x, out, operations);
}

TEST(BenchWorkTest, RowOperationsByHand) {
  expect_work(quantise_activations_work({3, 10}), 120, 120, 120);
  expect_work(rms_norm_work({3, 10}), 120 + 40, 120, 120);
  expect_work(hadamard_work({3, 16}), 192, 192, 3 * 16 * 5);
  expect_work(swiglu_work({3, 10}), 240 + 12, 120, 270);
  // 2 tokens of 3 heads, 4 channels: 12 pairs of 6 operations; a table of 2 x 4 numbers.
  expect_work(rope_work({2, 3, 4}), 96 + 32, 96, 72);
  // Flash's row: 448 codes, 7 scales, a zero, 64 BF16 numbers = 584 bytes.
  const KvLayout kv{512, 64, true};
  expect_work(pack_kv_rows_work(2, kv), 4096, 1168, 2 * (3 * 448 + 64));
  expect_work(unpack_kv_rows_work(2, kv), 1168, 4096, 2 * (2 * 448 + 64));
  expect_work(pack_index_rows_work(2, {128, true}), 1024, 136, 768);
}

TEST(BenchWorkTest, MixingByHand) {
  // 2 tokens, 2 streams of 5: 8 mixing numbers of 10 columns.
  const StreamsShape s{2, 2, 5};
  expect_work(hc_project_work(s), 4 * (80 + 20), 64, 2 * (160 + 20 + 8));
  // Numbers 16, sigmoids 16, eps and doubling 4, softmax 24; 3 iterations make 5 normalisations of
  // 2 sums of 2, 2 eps and 4 divisions = 10 each.
  expect_work(hc_mixes_work(s, 3), 4 * (16 + 8 + 3), 64, 2 * (16 + 16 + 4 + 24 + 50));
  expect_work(hc_collapse_work(s), 4 * (20 + 4), 40, 40);
  // z 10, post 4, comb 8, streams 20 numbers; an element takes 1 + 2 x 2 operations.
  expect_work(hc_expand_work(s), 4 * 42, 80, 100);
}

TEST(BenchWorkTest, SelectionAndAttentionByHand) {
  // 3 entries of 5 channels, each of 4 rows, or of 4 + 4.
  expect_work(compress_work({3, 4, 5, false}), 2 * 4 * 60, 60, 6 * 60 + 15);
  expect_work(compress_work({3, 4, 5, true}), 2 * 4 * 120, 60, 6 * 120 + 15);
  // 2 tokens x 3 heads = 6 queries and 10 keys of 68 bytes; 60 dot products of 128.
  // Each token writes 4 numbers of keys and how many there are.
  expect_work(index_select_work({2, 3, 10, 4, {128, true}}), 16 * 68 + 24 + 8, 40, 15360);
  expect_work(route_work({2, 8, 3}), 64 + 32, 48, 2 * (48 + 9));
  // 2 tokens x 3 heads x (4 + 5) rows of 512: 54 dot products and 54 weighted sums.  5 window rows;
  // 8 different entries of 584 bytes.
  const AttentionShape a{2, 3, 4, 5, 8, {512, 64, true}};
  expect_work(attention_work(a), 4 * (3072 + 5 * 512 + 3) + 8 * 584 + 4 * 12, 4 * 3072,
              54 * (2 * 1024 + 5));
}

// A Backend whose every member counts its calls before it passes them on.  The binding names all
// members, so that this file does not compile when there is a new one.
int n_calls[std::size(kOperations)];

template <size_t operation, typename Function>
struct Spy;
template <size_t operation, typename... Arguments>
struct Spy<operation, void(Arguments...)> {
  static inline void (*next)(Arguments...) = nullptr;
  static void call(Arguments... arguments) {
    ++n_calls[operation];
    next(arguments...);
  }
};

template <size_t operation, typename Function>
void spy_on(Function*& member) {
  Spy<operation, Function>::next = member;
  member = Spy<operation, Function>::call;
}

Backend make_spying_backend() {
  Backend backend = *available_backends().back();
  auto& [name, linear, quantise_activations, rms_norm, rope, pack_kv_rows, unpack_kv_rows, hadamard,
         pack_index_rows, index_select, hc_project, hc_mixes, hc_collapse, hc_expand, compress,
         attention, route, swiglu] = backend;
  name = "spy";
  spy_on<0>(linear);
  spy_on<1>(quantise_activations);
  spy_on<2>(rms_norm);
  spy_on<3>(rope);
  spy_on<4>(pack_kv_rows);
  spy_on<5>(unpack_kv_rows);
  spy_on<6>(hadamard);
  spy_on<7>(pack_index_rows);
  spy_on<8>(index_select);
  spy_on<9>(hc_project);
  spy_on<10>(hc_mixes);
  spy_on<11>(hc_collapse);
  spy_on<12>(hc_expand);
  spy_on<13>(compress);
  spy_on<14>(attention);
  spy_on<15>(route);
  spy_on<16>(swiglu);
  return backend;
}

TEST(BenchCasesTest, EveryOperationHasACaseThatCallsIt) {
  const Backend spy = make_spying_backend();
  Stream stream;
  std::set<std::string> called;
  for (const Case& c : make_cases(kTiny)) {
    std::fill(std::begin(n_calls), std::end(n_calls), 0);
    c.prepare(/*n_copies=*/2)(spy, stream, /*call=*/1);
    for (size_t i = 0; i < std::size(kOperations); ++i) {
      EXPECT_EQ(n_calls[i], kOperations[i] == c.operation ? 1 : 0) << c.name() << kOperations[i];
      if (n_calls[i] > 0) called.insert(kOperations[i]);
    }
  }
  EXPECT_EQ(called, std::set<std::string>(std::begin(kOperations), std::end(kOperations)));
}

TEST(ProfileTest, EveryOperationIsTimedUnderItsOwnName) {
  const Backend timed = profiled(*available_backends().back());
  Stream stream;
  take_profile();
  for (const Case& c : make_cases(kTiny)) {
    c.prepare(/*n_copies=*/1)(timed, stream, /*call=*/0);
    const std::vector<OperationProfile> profile = take_profile();
    ASSERT_EQ(profile.size(), 1u) << c.name();
    EXPECT_EQ(profile[0].operation, c.operation);
    EXPECT_EQ(profile[0].calls, 1);
    EXPECT_GT(profile[0].seconds, 0.0);
    if (c.operation == "linear" || c.operation == "index_select") {
      EXPECT_EQ(profile[0].all_operations() > 0, true) << c.name();
    }
    if (c.operation == "linear") {
      EXPECT_EQ(profile[0].operations[static_cast<size_t>(c.unit)], c.work.operations) << c.name();
    }
  }
}

TEST(ProfileTest, TheRoofIsTheSlowerOfMovingAndComputing) {
  const Roofs roofs{.f32_fma = 10.0, .bf16_dot = 100.0, .int8_dot = 1000.0, .read = 5.0};
  const OperationProfile computes{.bytes = 5, .operations = {20, 100, 1000}};
  EXPECT_DOUBLE_EQ(computes.seconds_at(roofs), 4.0);
  const OperationProfile moves{.bytes = 50, .operations = {20, 0, 0}};
  EXPECT_DOUBLE_EQ(moves.seconds_at(roofs), 10.0);
}

TEST(BenchCasesTest, LinearIsMeasuredInEveryFormatForAChunkAndForAToken) {
  std::set<std::string> names;
  for (const Case& c : make_cases(kFlash)) names.insert(c.name());
  for (const char* format : {"fp8", "fp4", "bf16", "f32"}) {
    for (const char* phase : {"gemm", "gemv"}) {
      EXPECT_TRUE(names.contains(std::string("linear ") + format + " " + phase));
    }
  }
}

// A roof binds where it allows the longer time.
TEST(BenchMeasureTest, TheSlowerRoofBinds) {
  Case c;
  c.work = {600, 400, 3000};
  c.unit = Unit::bf16_dot;
  const Roofs balanced{.n_threads = 1, .f32_fma = 1, .bf16_dot = 3e9, .int8_dot = 1, .read = 1e9};
  EXPECT_EQ(find_bound(c, balanced), Bound::memory);
  EXPECT_DOUBLE_EQ(seconds_at_roof(c, balanced), 1e-6);
  Roofs slow = balanced;
  slow.bf16_dot = 1e9;
  EXPECT_EQ(find_bound(c, slow), Bound::bf16_dot);
  EXPECT_DOUBLE_EQ(seconds_at_roof(c, slow), 3e-6);
}

TEST(BenchMeasureTest, MemoryBoundOperandsAreColdAndTheOthersAreNot) {
  int64_t n_copies = 0;
  Case c;
  c.work = {600, 400, 3000};
  c.unit = Unit::f32_fma;
  c.prepare = [&](int64_t n) -> Call {
    n_copies = n;
    return [](const Backend&, Stream&, int64_t) {};
  };
  Stream stream;
  const MeasureOptions options{.seconds = 0.0, .cold_bytes = 60000};
  Roofs roofs{.n_threads = 1, .f32_fma = 3e9, .bf16_dot = 1, .int8_dot = 1, .read = 1e9};
  measure(c, *available_backends().front(), stream, roofs, options);
  EXPECT_GE(n_copies * 600, 60000);
  roofs.f32_fma = 2e9;
  measure(c, *available_backends().front(), stream, roofs, options);
  EXPECT_EQ(n_copies, 1);
}

TEST(BenchReportTest, TableAndJsonHaveARowForEveryOperation) {
  const std::vector<Case> cases = make_cases(kTiny);
  const Roofs roofs{
      .n_threads = 1, .f32_fma = 2e11, .bf16_dot = 4e11, .int8_dot = 8e11, .read = 4e10};
  Stream stream;
  std::vector<Result> results;
  std::string table;
  for (const Case& c : cases) {
    results.push_back(
        measure(c, *available_backends().back(), stream, roofs, {.seconds = 0.0, .cold_bytes = 0}));
    EXPECT_GT(results.back().seconds, 0.0) << c.name();
    EXPECT_LE(results.back().seconds, results.back().seconds_median) << c.name();
    table += "\n" + format_table_row(c, results.back());
  }
  const ThreadsReport run{roofs, cases, results};
  const auto json = nlohmann::json::parse(format_json("avx2", baseline_loops, {&run, 1}));
  EXPECT_EQ(json["backend"], "avx2");
  EXPECT_EQ(json["runs"][0]["threads"], 1);
  EXPECT_EQ(json["runs"][0]["roofs"]["memory"], 4e10);
  const auto& kernels = json["runs"][0]["kernels"];
  ASSERT_EQ(kernels.size(), cases.size());
  for (const char* operation : kOperations) {
    EXPECT_NE(table.find("\n" + std::string(operation) + " "), std::string::npos) << operation;
    bool is_there = false;
    for (const auto& kernel : kernels) {
      const std::string name = kernel["kernel"];
      is_there = is_there || name == operation || name.starts_with(std::string(operation) + " ");
    }
    EXPECT_TRUE(is_there) << operation;
  }
}

TEST(BenchReportTest, RatesAreInTheUnitOfTheBindingRoof) {
  Case c;
  c.operation = "rope";
  c.shape = "tiny 1";
  c.work = {1500, 500, 4000};
  Result result{.seconds = 1e-6, .seconds_median = 1e-6, .bound = Bound::memory, .share = 0.25};
  EXPECT_NE(format_table_row(c, result).find("2.0 GB/s"), std::string::npos);
  EXPECT_NE(format_table_row(c, result).find("25.0%"), std::string::npos);
  result.bound = Bound::bf16_dot;
  EXPECT_NE(format_table_row(c, result).find("4.0 GFLOP/s"), std::string::npos);
  result.bound = Bound::int8_dot;
  EXPECT_NE(format_table_row(c, result).find("4.0 GOP/s"), std::string::npos);
}

TEST(BenchReportTest, RoofsSayWhenTheCoresWereBusyElsewhere) {
  Roofs roofs;
  roofs.cpu_share = 0.97;
  EXPECT_EQ(format_roofs(roofs, baseline_loops).find("disturbed"), std::string::npos);
  roofs.cpu_share = 0.6;
  EXPECT_NE(format_roofs(roofs, baseline_loops).find(" 40% of"), std::string::npos);
}

// No core has yet done more in a cycle than two multiply-adds on 64-byte registers, nor 8 GHz.
// Above that the compiler has left rounds out.
TEST(BenchRoofsTest, NoLoopIsFasterThanItsInstructionsAllow) {
  constexpr double kRegistersPerSecond = 2 * 8e9;
  Stream stream;
  for (const RoofLoops* loops : {&baseline_loops, &roof_loops()}) {
    const Roofs roofs = measure_roofs(stream, *loops);
    EXPECT_EQ(roofs.n_threads, 1);
    EXPECT_GT(roofs.cpu_share, 0.0);
    EXPECT_LT(roofs.f32_fma, kRegistersPerSecond * 2 * 16) << loops->name;
    EXPECT_LT(roofs.bf16_dot, kRegistersPerSecond * 2 * 32) << loops->name;
    EXPECT_LT(roofs.int8_dot, kRegistersPerSecond * 2 * 64) << loops->name;
    EXPECT_LT(roofs.read, kRegistersPerSecond * 64) << loops->name;
    for (const double roof : {roofs.f32_fma, roofs.bf16_dot, roofs.int8_dot, roofs.read}) {
      EXPECT_GT(roof, 1e7) << loops->name;
    }
  }
}

}  // namespace
}  // namespace widenet::kernels::bench

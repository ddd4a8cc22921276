#include "answer/reading_speed.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "base/file.h"
#include "engine/cost.h"

namespace widenet::answer {
namespace {

// Index scores are sums of small integers: what nano takes on a CPU for 23,000 and for 93,000
// tokens is explained by about a quarter of the time that other operations take.
constexpr double kIndexScoreShare = 0.25;
constexpr int64_t kComputedMin = 256;         // fewer tokens say nothing about speed
constexpr int64_t kFromDiskMin = 4096;        // likewise
constexpr double kFirstOperations = 1e11;     // a second and core: a guess
constexpr double kFirstDiskSeconds = 1.2e-6;  // a token: a guess
constexpr double kNewest = 0.5;               // share of what was measured last

constexpr const char* kOperations = "operations_per_second";
constexpr const char* kDiskSeconds = "disk_seconds_per_token";

}  // namespace

void ReadingSpeed::Rate::learn(double measured) {
  value = is_measured ? (1 - kNewest) * value + kNewest * measured : measured;
  is_measured = true;
}

ReadingSpeed::ReadingSpeed(const engine::ModelConfig& config,
                           std::filesystem::path file,
                           std::string machine)
    : config_(config), file_(std::move(file)), machine_(std::move(machine)) {
  operations_per_second_.value =
      kFirstOperations * std::max(1U, std::thread::hardware_concurrency());
  disk_seconds_per_token_.value = kFirstDiskSeconds;
  if (!file_.empty()) recall();
}

double ReadingSpeed::operations(int64_t first, int64_t end) const {
  end = std::min(end, engine::kContextMax);
  if (first >= end) return 0;
  const auto cost = engine::count_flops(config_, {.first = first, .count = end - first});
  return cost.total().total() - (1 - kIndexScoreShare) * cost[engine::Part::index_scores].total();
}

double ReadingSpeed::seconds(int64_t prompt_tokens, const engine::Reuse& known) const {
  return operations(known.n_tokens, prompt_tokens) / operations_per_second_.value +
         static_cast<double>(known.from_disk) * disk_seconds_per_token_.value;
}

void ReadingSpeed::learn(const engine::TokenUsage& usage, double prefill_seconds) {
  const double disk = static_cast<double>(usage.disk_tokens) * disk_seconds_per_token_.value;
  const double computing = operations(usage.cached_tokens, usage.prompt_tokens);
  const bool is_complete = usage.cached_tokens + usage.computed_tokens == usage.prompt_tokens;
  if (!is_complete || prefill_seconds <= 0) return;
  if (usage.computed_tokens >= kComputedMin && prefill_seconds > 2 * disk) {
    operations_per_second_.learn(computing / (prefill_seconds - disk));
  } else if (usage.disk_tokens >= kFromDiskMin) {
    const double rest = prefill_seconds - computing / operations_per_second_.value;
    disk_seconds_per_token_.learn(std::max(rest, 0.0) / static_cast<double>(usage.disk_tokens));
  } else {
    return;
  }
  if (!file_.empty()) keep();
}

void ReadingSpeed::recall() {
  try {
    const auto all = nlohmann::json::parse(read_file(file_, size_t{1} << 20));
    const auto take = [&](const char* name, Rate& rate) {
      const double value = all.at(machine_).value(name, 0.0);
      if (value > 0) rate = {.value = value, .is_measured = true};
    };
    take(kOperations, operations_per_second_);
    take(kDiskSeconds, disk_seconds_per_token_);
  } catch (const FileError&) {                  // there is none yet
  } catch (const nlohmann::json::exception&) {  // it does not know this machine, or is damaged
  }
}

void ReadingSpeed::keep() const {
  try {
    nlohmann::json all;
    try {
      all = nlohmann::json::parse(read_file(file_, size_t{1} << 20));
    } catch (const FileError&) {
    } catch (const nlohmann::json::exception&) {
    }
    if (!all.is_object()) all = nlohmann::json::object();
    auto& mine = all[machine_] = nlohmann::json::object();
    if (operations_per_second_.is_measured) mine[kOperations] = operations_per_second_.value;
    if (disk_seconds_per_token_.is_measured) mine[kDiskSeconds] = disk_seconds_per_token_.value;
    write_file_atomically(file_, all.dump(1) + "\n");
  } catch (const FileError&) {  // it is measured again
  }
}

}  // namespace widenet::answer

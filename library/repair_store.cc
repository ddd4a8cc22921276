#include "library/repair_store.h"

#include <chrono>
#include <cstdint>

#include "engine/cache_files.h"
#include "library/cache_sweeper.h"

namespace widenet::library {
namespace {

namespace fs = std::filesystem;

// Longer than anybody takes from storing bytes to naming them.
constexpr std::chrono::hours kUnnamedFor{1};

void repair_vectors(store::Store& store, RepairReport& report) {
  for (const auto& vectors : store.repair_vectors()) {
    const std::string name = "\"" + vectors.file.string() + "\"";
    report.repaired.push_back(vectors.is_removed
                                  ? "Removed " + name + ": no collection has these vectors."
                                  : "Made " + name + " again from the database: " +
                                        std::to_string(vectors.n_vectors) + " vectors.");
  }
}

void sweep_originals(store::Store& store, RepairReport& report) {
  for (const std::string& name : store.sweep_originals(kUnnamedFor)) {
    report.repaired.push_back("Removed original bytes " + name +
                              ": no document or upload names them.");
  }
}

void repair_cache(store::Store& store, RepairReport& report) {
  const fs::path directory = store.directory() / "cache";
  if (!fs::exists(directory)) return;
  const auto disk = engine::make_posix_disk();
  {
    const auto files = engine::CacheFiles::open(*disk, directory, INT64_MAX);
    if (!files) {
      report.left.push_back("The prefix cache was not looked at: " + files.error() + ".");
      return;
    }
    const std::string thrown_away = (*files)->thrown_away();
    if (!thrown_away.empty()) report.repaired.push_back(thrown_away + ".");
    const auto verified = (*files)->verify();
    if (!verified.removed.empty()) {
      report.repaired.push_back(
          "Removed " + std::to_string(verified.removed.size()) + " files of the prefix cache: " +
          std::to_string(verified.n_damaged) + " were damaged, the others go on from these.");
    }
    const int64_t n_swept = (*files)->statistics().n_swept + (*files)->collect_garbage();
    if (n_swept > 0) {
      report.repaired.push_back("Removed " + std::to_string(n_swept) +
                                " files or rows of the prefix cache that had no other half.");
    }
  }
  if (!sweep_cache_files(store, directory)) {
    report.left.push_back(
        "What the model made of deleted documents is still in the prefix cache: another process "
        "has just opened it and removes it, or its disk refuses (see widenet cache verify).");
  }
}

}  // namespace

RepairReport repair_store(store::Store& store) {
  RepairReport report;
  try {
    repair_vectors(store, report);
    sweep_originals(store, report);
    repair_cache(store, report);
  } catch (const fs::filesystem_error& error) {
    throw store::StoreError("cannot repair \"" + store.directory().string() +
                            "\": " + error.what());
  } catch (const FileError& error) {
    throw store::StoreError("cannot repair \"" + store.directory().string() +
                            "\": " + error.what());
  }
  return report;
}

}  // namespace widenet::library

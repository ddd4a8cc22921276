// kill -9 at any moment: nothing acknowledged is lost, and the next run finishes the work.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "tests/cli/program.h"
#include "tests/support/sample_size.h"
#include "tests/support/tiny_model.h"

namespace widenet::testing {
namespace {

constexpr int kDocuments = 12;

std::vector<std::string> ingest_arguments() {
  return {"ingest", "papers", "--collection", "office", "--model", "model"};
}

// Starts an ingest and kills it, with its children, after `delay`.
void ingest_and_kill(const std::filesystem::path& directory, std::chrono::milliseconds delay) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::setpgid(0, 0);
    if (::chdir(directory.c_str()) != 0) ::_exit(126);
    ::close(1);
    ::close(2);
    ::execl(WN_BINARY_DIR "/widenet", "widenet", "ingest", "papers", "--collection", "office",
            "--model", "model", nullptr);
    ::_exit(127);
  }
  std::this_thread::sleep_for(delay);  // the moment of the crash, not a wait for anything
  ::kill(child, SIGKILL);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
}

nlohmann::json list(const std::filesystem::path& directory) {
  const Outcome outcome = run_program("widenet", {"ls", "office", "--json"}, directory);
  if (outcome.exit_code != 0) return nlohmann::json::array();  // killed before anything was there
  return nlohmann::json::parse(outcome.out).at("documents");
}

TEST(IngestCrashTest, KilledAtRandomMomentsItLosesNothingAndFinishes) {
  const uint32_t seed = 4711;
  std::mt19937 random(seed);
  const ScratchDirectory directory;
  test::make_tiny_model(directory.path() / "model");
  for (int i = 0; i < kDocuments; ++i) {
    std::string text = "Paper " + std::to_string(i) + ".\n";
    for (int line = 0; line < 40; ++line) {
      text += "Line " + std::to_string(line) + " of paper " + std::to_string(i) + " says little.\n";
    }
    directory.write("papers/paper" + std::to_string(i) + ".txt", text);
  }
  std::vector<std::string> acknowledged;
  for (int round = 0; round < test::sample_size(6, 200); ++round) {
    ingest_and_kill(directory.path(), std::chrono::milliseconds(20 + random() % 400));
    const auto documents = list(directory.path());
    std::vector<std::string> keys;
    for (const auto& document : documents) {
      keys.push_back(document.at("key"));
      EXPECT_NE(document.at("state"), "failed") << "seed " << seed << " round " << round;
      EXPECT_EQ(document.at("state") == "ready", document.at("chunks") > 0);
    }
    for (const auto& key : acknowledged) {
      EXPECT_NE(std::find(keys.begin(), keys.end(), key), keys.end())
          << key << " was lost, seed " << seed << " round " << round;
    }
    acknowledged = keys;
  }
  const Outcome last = run_program("widenet", ingest_arguments(), directory.path());
  EXPECT_EQ(last.exit_code, 0) << last.err;
  const auto documents = list(directory.path());
  EXPECT_EQ(documents.size(), static_cast<size_t>(kDocuments));
  for (const auto& document : documents) EXPECT_EQ(document.at("state"), "ready");
  const Outcome doctor = run_program("widenet", {"doctor", "--model", "model"}, directory.path());
  EXPECT_EQ(doctor.exit_code, 0) << doctor.out << doctor.err;
}

}  // namespace
}  // namespace widenet::testing

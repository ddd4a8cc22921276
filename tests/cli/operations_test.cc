// What an operator relies on: private files, backups of a store at work, and repair.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "base/file.h"
#include "tests/cli/program.h"
#include "tests/support/sample_size.h"

namespace widenet::testing {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

const std::string kModel = WN_SOURCE_DIR "/models/nano";  // embeds, too

pid_t start(const fs::path& directory, std::vector<std::string> arguments) {
  std::string program = WN_BINARY_DIR "/widenet";
  std::vector<char*> argv = {program.data()};
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::chdir(directory.c_str()) != 0) ::_exit(126);
    ::close(1);
    ::close(2);
    ::execv(program.c_str(), argv.data());
    ::_exit(127);
  }
  return child;
}

class OperationsTest : public ::testing::Test {
 protected:
  void write_papers(int first, int n) const {
    for (int i = first; i < first + n; ++i) {
      std::string text = "Paper " + std::to_string(i) + " of the harbour.\n";
      for (int line = 0; line < 60; ++line) {
        text += "Clause " + std::to_string(line) + " of paper " + std::to_string(i) + ".\n";
      }
      directory_.write("papers/paper" + std::to_string(i) + ".txt", text);
    }
  }

  Outcome widenet(const std::vector<std::string>& arguments) const {
    return run_program("widenet", arguments, directory_.path());
  }
  std::vector<std::string> ingest_arguments() const {
    return {"ingest", "papers", "--collection", "office", "--model", kModel};
  }
  nlohmann::json search(const std::string& data) const {
    return nlohmann::json::parse(
        widenet({"search", "paper of the harbour", "--data", data, "--model", kModel, "--json"})
            .out);
  }

  ScratchDirectory directory_;
};

TEST_F(OperationsTest, WhatIsKeptIsItsOwnersAlone) {
  write_papers(0, 2);
  const mode_t before = ::umask(0);  // as lax as can be
  EXPECT_EQ(widenet(ingest_arguments()).exit_code, 0);
  EXPECT_EQ(widenet({"ask", "What?", "--collection", "office", "--model", kModel, "--mode", "rag",
                     "--max-tokens", "2"})
                .exit_code,
            0);
  EXPECT_EQ(widenet({"backup", "copy"}).exit_code, 0);
  EXPECT_EQ(widenet({"restore", "copy", "--data", "again"}).exit_code, 0);
  ::umask(before);
  int64_t n_files = 0;
  for (const char* root : {"widenet-data", "copy", "again"}) {
    EXPECT_EQ(fs::status(directory_.path() / root).permissions(), fs::perms::owner_all) << root;
    for (const auto& entry : fs::recursive_directory_iterator(directory_.path() / root)) {
      const auto others = fs::perms::group_all | fs::perms::others_all;
      EXPECT_EQ(entry.status().permissions() & others, fs::perms::none) << entry.path();
      ++n_files;
    }
  }
  EXPECT_GT(n_files, 20);
  EXPECT_EQ(widenet({"doctor"}).out.find("chmod"), std::string::npos);
  fs::permissions(directory_.path() / "widenet-data", fs::perms(0755));
  EXPECT_NE(widenet({"doctor"}).out.find("chmod 700"), std::string::npos);
}

TEST_F(OperationsTest, DoctorRepairsWhatIsDerived) {
  write_papers(0, 3);
  ASSERT_EQ(widenet(ingest_arguments()).exit_code, 0);
  const auto found = search("widenet-data");
  EXPECT_NE(widenet({"doctor", "--repair"}).out.find("There was nothing to repair."),
            std::string::npos);
  int64_t n_torn = 0;
  for (const auto& entry : fs::directory_iterator(directory_.path() / "widenet-data/vectors")) {
    write_file_atomically(entry.path(), "torn");
    ++n_torn;
  }
  ASSERT_EQ(n_torn, 1);
  const Outcome repaired = widenet({"doctor", "--repair", "--model", kModel});
  EXPECT_EQ(repaired.exit_code, 0) << repaired.out << repaired.err;
  EXPECT_NE(repaired.out.find(".faiss\" again from the database"), std::string::npos)
      << repaired.out;
  EXPECT_EQ(search("widenet-data"), found);
}

TEST_F(OperationsTest, ABackupTakenWhileAnIngestWritesAnswersAsItsMoment) {
  write_papers(0, 6);
  ASSERT_EQ(widenet(ingest_arguments()).exit_code, 0);
  write_papers(6, 40);
  const pid_t ingest = start(directory_.path(), ingest_arguments());
  int n_while_writing = 0;
  for (int round = 0; round < 4; ++round) {
    const std::string copy = "copy" + std::to_string(round), again = "again" + copy;
    EXPECT_EQ(widenet({"backup", copy}).exit_code, 0);
    n_while_writing += ::waitpid(ingest, nullptr, WNOHANG) == 0;
    EXPECT_EQ(widenet({"restore", copy, "--data", again}).exit_code, 0);
    const Outcome doctor = widenet({"doctor", "--data", again, "--model", kModel});
    EXPECT_EQ(doctor.exit_code, 0) << doctor.out;
  }
  ::kill(ingest, SIGTERM);
  ::waitpid(ingest, nullptr, 0);
  EXPECT_GT(n_while_writing, 0) << "the ingest was over before the first backup was";

  ASSERT_EQ(widenet(ingest_arguments()).exit_code, 0);
  ASSERT_EQ(widenet({"backup", "last"}).exit_code, 0);
  ASSERT_EQ(widenet({"restore", "last", "--data", "again"}).exit_code, 0);
  EXPECT_EQ(search("again"), search("widenet-data"));
  const auto ask = [&](const std::string& data) {
    auto answer = nlohmann::json::parse(
        widenet({"ask", "What is clause 7 of paper 3?", "--data", data, "--collection", "office",
                 "--mode", "rag", "--model", kModel, "--max-tokens", "8", "--json"})
            .out);
    return nlohmann::json{answer.at("answer"), answer.at("citations"),
                          answer.at("usage").at("prompt_tokens")};
  };
  EXPECT_EQ(ask("again"), ask("widenet-data"));
}

TEST_F(OperationsTest, KilledAtAnyMomentABackupIsWholeOrNotThere) {
  write_papers(0, 30);
  ASSERT_EQ(widenet(ingest_arguments()).exit_code, 0);
  const auto begun = Clock::now();
  ASSERT_EQ(widenet({"backup", "first"}).exit_code, 0);
  const auto takes = Clock::now() - begun;
  const uint32_t seed = 1206;
  std::mt19937 random(seed);
  int n_whole = 0, n_cut = 0;
  for (int round = 0; round < test::sample_size(12, 200); ++round) {
    const std::string copy = "copy" + std::to_string(round);
    const pid_t backup = start(directory_.path(), {"backup", copy});
    std::this_thread::sleep_for(takes * (random() % 1100) / 1000);
    ::kill(backup, SIGKILL);
    ::waitpid(backup, nullptr, 0);
    const bool is_there = fs::exists(directory_.path() / copy);
    const Outcome restored = widenet({"restore", copy, "--data", "again"});
    ++(is_there ? n_whole : n_cut);
    EXPECT_EQ(restored.exit_code, is_there ? 0 : 1)
        << restored.err << " seed " << seed << " round " << round;
    if (is_there) {
      EXPECT_EQ(widenet({"doctor", "--data", "again"}).exit_code, 0) << "round " << round;
    } else {
      EXPECT_FALSE(fs::exists(directory_.path() / "again"));
    }
    fs::remove_all(directory_.path() / "again");
    // What was cut off is in nobody's way; what is whole is not written over.
    EXPECT_EQ(widenet({"backup", copy}).exit_code, is_there ? 1 : 0) << "round " << round;
    fs::remove_all(directory_.path() / copy);
  }
  EXPECT_GT(n_cut, 0);
  std::printf("%d backups were cut off, %d were whole\n", n_cut, n_whole);
}

}  // namespace
}  // namespace widenet::testing

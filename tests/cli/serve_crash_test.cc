// kill -9 of a server at any moment, while it answers, saves and evicts: what it says when it is
// started again is what a server says that remembers nothing.
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <cstdio>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>

#include "tests/cli/program.h"
#include "tests/cli/server_process.h"
#include "tests/support/sample_size.h"

namespace widenet::testing {
namespace {

using Clock = ServerProcess::Clock;
using Json = nlohmann::json;

constexpr uint32_t kSeed = 20261201;
constexpr int kClients = 3;
constexpr int64_t kDiskBytes = int64_t{4} << 20;  // a third of what the cases would fill
const std::filesystem::path kDocuments = WN_SOURCE_DIR "/examples/company/documents";
const std::string kModel = WN_SOURCE_DIR "/models/nano";

struct Step {
  std::string target;
  Json body;
};
// Its steps belong to one conversation, if the first begins one.
using Case = std::vector<Step>;

Step ask(const std::string& question, const std::string& mode, int seed = 0) {
  Json body = {
      {"question", question}, {"collection", "office"}, {"mode", mode}, {"max_tokens", 16}};
  if (mode == "rag") body["budget_tokens"] = 1200;
  if (seed != 0) body.update({{"temperature", 0.8}, {"seed", seed}});
  return {"/v1/ask", body};
}

// As `step`, in a conversation that it begins or, after others, goes on with.
Step in_conversation(Step step) {
  step.body["conversation"] = "new";
  return step;
}

Step chat(const std::vector<std::string>& messages, int seed = 0) {
  Json body = {{"max_tokens", 16}, {"messages", Json::array()}};
  for (size_t i = 0; i < messages.size(); ++i) {
    const char* const role = i == 0 ? "system" : i % 2 == 1 ? "user" : "assistant";
    body["messages"].push_back({{"role", role}, {"content", messages[i]}});
  }
  if (seed != 0) body.update({{"temperature", 0.8}, {"seed", seed}});
  return {"/v1/chat/completions", body};
}

// Prompts of 400 to 4,000 tokens, with beginnings in common.
std::vector<Case> make_cases() {
  const std::string rules = read_file(kDocuments / "policies/cold-chain.md") +
                            read_file(kDocuments / "policies/expenses.md");
  const std::string contact = "Who speaks for Skarholm Fisk under the fish contract?";
  const std::string leave = "How many days of annual leave are there?";
  const std::string gifts = "What may a gift be worth?";
  return {
      {ask(contact, "long")},
      {ask(gifts, "long")},
      {ask(leave, "long", /*seed=*/7)},
      {ask(contact, "rag")},
      {ask(leave, "rag")},
      {ask("Who may drive a van on a Sunday?", "rag", /*seed=*/8)},
      {in_conversation(ask(leave, "long")), in_conversation(ask(gifts, "long"))},
      {in_conversation(ask(gifts, "rag")), in_conversation(ask(contact, "rag")),
       in_conversation(ask(leave, "rag"))},
      {chat({rules, "How cold is the cold store?"})},
      {chat({rules, "How cold is the cold store?", "Two degrees.", "And the freezer?"})},
      {chat({rules, "What is paid for a night away?"}, /*seed=*/9)},
  };
}

// What must be the same whatever is remembered.
Json essence(const Json& reply) {
  const Json& usage = reply.at("usage");
  return {{"text",
           reply.contains("answer") ? reply["answer"] : reply.at("choices").at(0).at("message")},
          {"citations", reply.value("citations", Json())},
          {"prompt_tokens", usage.at("prompt_tokens")},
          {"completion_tokens", usage.at("completion_tokens")}};
}

struct Played {
  std::vector<Json> answers;
  int64_t disk_tokens = 0;
};

// Nothing if the server goes meanwhile.
std::optional<Played> play(uint16_t port, const Case& steps) {
  Played played;
  Json conversation;
  for (Step step : steps) {
    if (!conversation.is_null()) step.body["conversation"] = conversation;
    const auto reply = post(port, step.target, step.body);
    if (!reply) return std::nullopt;
    if (!reply->contains("usage")) throw std::runtime_error("refused: " + reply->dump());
    played.answers.push_back(essence(*reply));
    played.disk_tokens += reply->at("usage").value("disk_tokens", int64_t{0});
    if (step.body.contains("conversation")) conversation = reply->at("conversation");
  }
  return played;
}

class ServeCrashTest : public ::testing::Test {
 protected:
  ServeCrashTest() {
    std::filesystem::create_directories(directory_.path() / "papers");
    for (const auto& entry : std::filesystem::directory_iterator(kDocuments / "policies")) {
      std::filesystem::copy(entry.path(), directory_.path() / "papers");
    }
    for (const char* name : {"contracts/TP-SC-0440-skarholm-fisk.pdf",
                             "letters/2025-04-24-harbour-commissioners-rent.docx"}) {
      std::filesystem::copy(kDocuments / name, directory_.path() / "papers");
    }
    const Outcome outcome =
        widenet({"ingest", "papers", "--collection", "office", "--model", kModel});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  }

  Outcome widenet(const std::vector<std::string>& arguments) const {
    return run_program("widenet", arguments, directory_.path());
  }

  std::unique_ptr<ServerProcess> serve(int64_t ram_bytes, int64_t disk_bytes) const {
    return std::make_unique<ServerProcess>(
        directory_.path(),
        std::vector<std::string>{"--model", kModel, "--cache-ram", std::to_string(ram_bytes),
                                 "--cache-disk", std::to_string(disk_bytes)});
  }
  // Little memory, so that much comes from disk.
  std::unique_ptr<ServerProcess> serve_remembering() const {
    return serve(/*ram_bytes=*/int64_t{1} << 20, kDiskBytes);
  }

  // What is said without a memory; and how long a server takes for that.
  void play_cold() {
    const auto start = Clock::now();
    const auto server = serve(0, 0);
    const uint16_t port = server->wait_for_port(start + std::chrono::minutes(5));
    for (const Case& one : cases_) {
      const auto played = play(port, one);
      ASSERT_TRUE(played);
      EXPECT_EQ(played->disk_tokens, 0);
      expected_.push_back(played->answers);
    }
    cold_ = Clock::now() - start;
  }

  // False: the server has gone.
  bool play_and_compare(uint16_t port, size_t number) {
    const auto played = play(port, cases_[number]);
    if (!played) return false;
    for (size_t i = 0; i < played->answers.size(); ++i) {
      EXPECT_EQ(played->answers[i], expected_[number][i]) << "case " << number << ", step " << i;
    }
    n_answers_ += static_cast<int>(played->answers.size());
    disk_tokens_ += played->disk_tokens;
    return true;
  }

  // Several clients ask whatever comes to them until the server is killed.
  void load_and_kill(uint32_t seed) {
    std::mt19937 random(seed);
    const auto life = std::chrono::duration_cast<std::chrono::microseconds>(cold_ / 2);
    const auto moment = Clock::now() + life * (random() % 1000) / 1000;
    const auto server = serve_remembering();
    const uint16_t port = server->wait_for_port(moment);
    std::atomic<bool> is_ending = false;
    std::vector<std::thread> clients;
    for (int i = 0; i < kClients && port != 0; ++i) {
      clients.emplace_back([&, choice = std::mt19937(random())]() mutable {
        while (play_and_compare(port, choice() % cases_.size())) {
        }
        EXPECT_TRUE(is_ending) << "no reply, and nobody has killed the server";
      });
    }
    std::this_thread::sleep_until(moment);  // of the crash, not a wait for anything
    is_ending = true;
    EXPECT_EQ(server->end(SIGKILL), 128 + SIGKILL) << "it had ended on its own";
    for (std::thread& client : clients) client.join();
    check_errors();
    n_cut_short_ += port == 0 ? 1 : 0;
  }

  // So small a disk may be full of what three clients are reading; nothing else is to be said.
  void check_errors() const {
    constexpr std::string_view kFull =
        "widenet: what is read is not remembered on disk: no room for ";
    std::istringstream errors(read_file(directory_.path() / "serve.err"));
    for (std::string line; std::getline(errors, line);) {
      EXPECT_TRUE(line.starts_with(kFull) || kFull.starts_with(line)) << line;
    }
  }

  // Everything that is there is whole, and there is not too much of it.
  void look_at_disk() {
    const Outcome verified = widenet({"cache", "verify", "--json"});
    EXPECT_EQ(verified.err, "");
    const Json report = Json::parse(verified.out);
    EXPECT_EQ(report.at("damaged"), 0);
    EXPECT_LE(report.at("bytes"), kDiskBytes);
    const Outcome doctor = widenet({"doctor", "--model", kModel});
    EXPECT_EQ(doctor.exit_code, 0) << doctor.out << doctor.err;
  }

  const ScratchDirectory directory_;
  const std::vector<Case> cases_ = make_cases();
  std::vector<std::vector<Json>> expected_;  // the answers of each case
  Clock::duration cold_ = {};

  std::atomic<int> n_answers_ = 0;  // that were compared
  std::atomic<int64_t> disk_tokens_ = 0;
  int n_cut_short_ = 0;  // killed before they could answer
};

TEST_F(ServeCrashTest, KilledAtRandomMomentsItAnswersAsIfItRememberedNothing) {
  ASSERT_NO_FATAL_FAILURE(play_cold());
  const int n_rounds = test::sample_size(5, 200);
  int n_rounds_from_disk = 0;
  for (int round = 0; round < n_rounds; ++round) {
    SCOPED_TRACE("seed " + std::to_string(kSeed) + ", round " + std::to_string(round));
    const int64_t before = disk_tokens_;
    load_and_kill(kSeed + static_cast<uint32_t>(round));
    n_rounds_from_disk += disk_tokens_ > before ? 1 : 0;
    // Not always: opening the cache here tidies up, and the server is to do so itself.
    if (round % 4 == 1 && std::filesystem::exists(directory_.path() / "widenet-data/cache")) {
      look_at_disk();
    }
    if (HasFailure()) return;
  }
  {
    const auto server = serve_remembering();
    const uint16_t port = server->wait_for_port(Clock::now() + std::chrono::minutes(5));
    for (size_t i = 0; i < cases_.size(); ++i) EXPECT_TRUE(play_and_compare(port, i));
    EXPECT_EQ(server->end(SIGTERM), 0);
  }
  look_at_disk();
  int64_t last_id = 0;  // ids count the files that ever were
  const Json listed = Json::parse(widenet({"cache", "ls", "--json"}).out);
  for (const Json& file : listed.at("files")) {
    last_id = std::max(last_id, file.at("id").get<int64_t>());
  }
  std::printf(
      "%d kills, %d of them before the server listened; %d lives began with something from disk; "
      "%d answers compared, %lld of their tokens from disk; %lld files written, %lld left\n",
      n_rounds, n_cut_short_, n_rounds_from_disk, n_answers_.load(),
      static_cast<long long>(disk_tokens_), static_cast<long long>(last_id),
      listed.at("n_files").get<long long>());
  EXPECT_GT(n_rounds_from_disk, 0) << "nothing was remembered: this has proven nothing";
  EXPECT_GT(last_id, 2 * listed.at("n_files").get<int64_t>()) << "nothing was evicted";
}

}  // namespace
}  // namespace widenet::testing

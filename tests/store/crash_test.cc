// Kills a writing process at random moments: what it acknowledged is there, nothing is there by
// half.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <random>
#include <thread>

#include "base/hash.h"
#include "tests/store/fixture.h"
#include "tests/support/sample_size.h"

namespace widenet::store {
namespace {

// What the child tells its parent, one line an acknowledged step.
struct Acknowledged {
  char step = 0;  // 'c'ompleted or 'd'eleted
  int64_t number = 0;
};

std::vector<std::string> sentences_of(int64_t number) {
  std::vector<std::string> sentences;
  for (int64_t i = 0; i <= number % 7; ++i) {
    sentences.push_back("Clause " + std::to_string(i) + " of paper " + std::to_string(number) +
                        ". ");
  }
  return sentences;
}

std::string text_of(int64_t number) {
  std::string text;
  for (const std::string& sentence : sentences_of(number)) text += sentence;
  return text;
}

std::string key_of(int64_t number) {
  return std::to_string(number) + ".txt";
}

void acknowledge(int pipe, Acknowledged what) {
  if (::write(pipe, &what, sizeof what) != sizeof what) ::_exit(3);
}

// Adds, completes, and now and then deletes papers, until it is killed.
[[noreturn]] void write_until_killed(const std::filesystem::path& directory,
                                     int64_t first,
                                     int pipe) {
  auto store = Store::open(directory);
  const CollectionId collection = store->find_or_create_collection("papers");
  for (int64_t number = first;; ++number) {
    const Added added = store->add_document({.collection = collection,
                                             .key = key_of(number),
                                             .sha256 = store->put_original(text_of(number))});
    store->begin_processing(added.id);
    const ProcessedDocument part = make_processed(sentences_of(number));
    store->complete_document(added.id, {&part, 1});
    acknowledge(pipe, {'c', number});
    if (number % 5 == 4) {
      store->search_vectors({.collections = {collection}}, "test", test_embedding("x"), 3);
      store->save_vectors();
      store->delete_document(store->find_document(collection, key_of(number - 2))->id);
      acknowledge(pipe, {'d', number - 2});
    }
  }
}

std::vector<Acknowledged> run_and_kill(const std::filesystem::path& directory,
                                       int64_t first,
                                       std::chrono::microseconds lifetime) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    write_until_killed(directory, first, ends[1]);
  }
  ::close(ends[1]);
  std::this_thread::sleep_for(lifetime);
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << status;
  std::vector<Acknowledged> acknowledged;
  for (Acknowledged one; ::read(ends[0], &one, sizeof one) == sizeof one;) {
    acknowledged.push_back(one);
  }
  ::close(ends[0]);
  return acknowledged;
}

// The paper is wholly there: text, tokens, both indexes, original.
void expect_whole(Store& store, const Document& document, int64_t number) {
  SCOPED_TRACE("paper " + std::to_string(number));
  EXPECT_EQ(document.state, DocumentState::ready);
  EXPECT_EQ(store.text(document.id), text_of(number));
  const auto sentences = sentences_of(number);
  ASSERT_EQ(store.chunks(document.id).size(), sentences.size());
  EXPECT_EQ(store.tokens(document.id, 0, 99).size(), text_of(number).size());
  EXPECT_TRUE(store.original_path(sha256_hex(text_of(number))).has_value());
  const Scope scope{.collections = {document.collection}};
  const auto lexical = store.search_text(scope, std::to_string(number), 10);
  EXPECT_FALSE(lexical.empty());
  for (const SearchHit& hit :
       store.search_vectors(scope, "test", test_embedding(sentences[0]), 1)) {
    EXPECT_EQ(hit.chunk.document, document.id);
  }
}

class CrashTest : public ::testing::Test {
 protected:
  // What must be true of every paper, given what was acknowledged so far.
  void check(Store& store, const std::map<int64_t, char>& last_step, int64_t n_started) {
    const auto collection = store.collection("papers");
    if (!collection) {
      EXPECT_TRUE(last_step.empty());
      return;
    }
    for (int64_t number = 0; number < n_started; ++number) {
      const auto found = last_step.find(number);
      const auto document = store.find_document(collection->id, key_of(number));
      if (found != last_step.end() && found->second == 'd') {
        EXPECT_FALSE(document.has_value()) << "paper " << number << " is back from the dead";
      } else if (found != last_step.end()) {
        // An unacknowledged deletion may have begun: then it is gone wholly.
        const bool may_be_gone = number % 5 == 2;
        EXPECT_TRUE(document.has_value() || may_be_gone) << "paper " << number << " is lost";
        if (document) expect_whole(store, *document, number);
      } else if (document && document->state == DocumentState::ready) {
        expect_whole(store, *document, number);
      } else if (document) {
        EXPECT_TRUE(store.chunks(document->id).empty());
        EXPECT_FALSE(store.text(document->id).has_value());
      }
    }
    for (const DeletionReceipt& receipt : store.receipts()) EXPECT_GE(receipt.finished_ms, 1);
  }
};

TEST_F(CrashTest, KilledAtAnyMomentTheStoreHoldsWhatItAcknowledged) {
  std::mt19937 random(20261125);
  int64_t n_acknowledged = 0;
  for (int life = 0; life < test::sample_size(1, 40); ++life) {
    const test::TemporaryDirectory directory;
    std::map<int64_t, char> last_step;
    int64_t n_started = 0;
    for (int round = 0; round < 25; ++round) {
      SCOPED_TRACE("life " + std::to_string(life) + ", round " + std::to_string(round));
      const auto acknowledged =
          run_and_kill(directory.path(), n_started, std::chrono::microseconds(random() % 150'000));
      for (const Acknowledged& one : acknowledged) {
        last_step[one.number] = one.step;
        n_started = std::max(n_started, one.number + 1);
      }
      n_acknowledged += std::ssize(acknowledged);
      ++n_started;  // one more may have begun
      const auto store = Store::open(directory.path());
      check(*store, last_step, n_started);
      if (HasFailure()) return;
    }
  }
  EXPECT_GT(n_acknowledged, 25) << "the child was killed too soon to show anything";
}

}  // namespace
}  // namespace widenet::store

// Test sets as they are published, and what is wrong with others.
#include "eval/test_set.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "eval/evaluation_log.h"
#include "eval/grown_corpus.h"
#include "tests/support/temporary_directory.h"

namespace widenet::eval {
namespace {

namespace fs = std::filesystem;

class TestSetTest : public ::testing::Test {
 protected:
  fs::path write(const std::string& name, const std::string& contents) {
    const fs::path path = directory_.path() / name;
    fs::create_directories(path.parent_path());
    write_file_atomically(path, contents);
    return path;
  }
  void write_beir(const std::string& judgements) {
    write("set/corpus.jsonl",
          "{\"_id\": \"a\", \"title\": \"Harbour\", \"text\": \"The rent.\"}\n"
          "{\"_id\": \"b b\", \"text\": \"Salt.\"}\n\n{\"_id\": \"c\", \"text\": \" \"}\n");
    write("set/queries.jsonl",
          "{\"_id\": \"1\", \"text\": \"rent?\"}\n{\"_id\": \"2\", \"text\": \"none\"}\n");
    write("set/qrels/test.tsv", judgements);
  }

  test::TemporaryDirectory directory_;
};

TEST_F(TestSetTest, Beir) {
  write_beir("query-id\tcorpus-id\tscore\n1\ta\t2\n1\tb b\t3\n1\tc\t1\n2\tz\t1\n");
  const TestSet set = read_beir(directory_.path() / "set");
  EXPECT_EQ(set.name, "set");
  ASSERT_EQ(set.documents.size(), 2U);  // an empty one is none
  EXPECT_EQ(set.documents[0].title, "Harbour");
  ASSERT_EQ(set.queries.size(), 1U);  // what answers the other is not there
  EXPECT_EQ(set.queries[0].grades, (std::map<std::string, int>{{"a", 2}, {"b b", 3}}));
}

TEST_F(TestSetTest, Trec) {
  const auto documents = write("docs.trec",
                               "<DOC>\n<DOCNO> 7 </DOCNO>\nWaves &amp; <b>tubes</b>\n</DOC>\n"
                               "<doc><docno>8</docno><title>Wings</title><author>N</author>"
                               "<text>A wing.</text></doc>\n");
  const auto topics = write("topics.trec",
                            "<top>\n<num> Number: 1\n<title> waves\n<desc> About waves.\n</top>\n"
                            "<top><num>2</num><title>\nwing lift\n</title></top>\n");
  const auto judgements = write("qrels", "1 0 7 1\n2 0 8 3\n2 0 7 0\n");
  const TestSet set = read_trec({{documents}, topics, judgements});
  ASSERT_EQ(set.documents.size(), 2U);
  EXPECT_EQ(set.documents[0].key, "7");
  EXPECT_EQ(set.documents[0].text, "Waves &  tubes");
  EXPECT_EQ(set.documents[1].title, "Wings");
  EXPECT_EQ(set.documents[1].text, "A wing.");
  ASSERT_EQ(set.queries.size(), 2U);
  EXPECT_EQ(set.queries[0].text, "waves");
  EXPECT_EQ(set.queries[1].text, "wing lift");
  EXPECT_EQ(set.queries[1].grades, (std::map<std::string, int>{{"8", 3}}));
}

TEST_F(TestSetTest, WhatIsWrongIsNamedWithItsLine) {
  const auto problem = [&] {
    try {
      read_beir(directory_.path() / "set");
    } catch (const EvalError& error) {
      return std::string(error.what());
    }
    return std::string("none");
  };
  write_beir("query-id\tcorpus-id\tscore\n1\ta\n");
  EXPECT_NE(problem().find("test.tsv\" line 2: it has too few columns"), std::string::npos);
  write_beir("query-id\tcorpus-id\tscore\n1\ta\tgood\n");
  EXPECT_NE(problem().find("\"good\" is no grade"), std::string::npos);
  write_beir("query-id\tcorpus-id\tscore\n1\tz\t1\n");
  EXPECT_NE(problem().find("no query has a relevant document"), std::string::npos);
  write("set/corpus.jsonl", "{\"_id\": \"a\"}\n");
  EXPECT_NE(problem().find("corpus.jsonl\" line 1"), std::string::npos);
  fs::remove(directory_.path() / "set" / "corpus.jsonl");
  EXPECT_THROW(read_beir(directory_.path() / "set"), FileError);
}

TEST(GrownCorpusTest, ChunksAreOfRealSentencesAndOfRealLength) {
  const std::vector<std::string> chunks = {"One fish. Two fish. Red fish.", "Blue fish swim."};
  GrownCorpus corpus(chunks, 7), again(chunks, 7);
  for (int i = 0; i < 50; ++i) {
    const std::string chunk = corpus.next_chunk();
    EXPECT_EQ(chunk, again.next_chunk());
    EXPECT_GE(chunk.size(), 15U);
    EXPECT_LE(chunk.size(), 29U + 15U);
    EXPECT_TRUE(chunk.ends_with("fish.") || chunk.ends_with("swim.")) << chunk;
  }
}

}  // namespace
}  // namespace widenet::eval

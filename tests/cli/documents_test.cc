// The verbs over documents, run as programs: what they print, and how they end.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "tests/cli/program.h"
#include "tests/support/tiny_model.h"

namespace widenet::testing {
namespace {

class DocumentsTest : public ::testing::Test {
 protected:
  DocumentsTest() {
    test::make_tiny_model(directory_.path() / "model");
    directory_.write("papers/lease.txt",
                     "Lease of the harbour shed.\nThe rent is 4,200 euros a month.\n");
    directory_.write("papers/deep/note.md", "# Note\n\nThe shed has a red door.\n");
  }

  Outcome widenet(std::vector<std::string> arguments) const {
    return run_program("widenet", arguments, directory_.path());
  }

  Outcome ingest() const {
    return widenet({"ingest", "papers", "--collection", "office", "--model", "model"});
  }

  ScratchDirectory directory_;
};

TEST_F(DocumentsTest, IngestListSearchAndRemove) {
  const Outcome ingested = ingest();
  EXPECT_EQ(ingested.exit_code, 0) << ingested.err;
  EXPECT_NE(ingested.out.find("2 documents ready, 0 unchanged, 0 failed"), std::string::npos)
      << ingested.out;
  EXPECT_NE(ingest().out.find("0 documents ready, 2 unchanged"), std::string::npos);

  const auto collections = nlohmann::json::parse(widenet({"ls", "--json"}).out);
  ASSERT_EQ(collections["collections"].size(), 1U);
  EXPECT_EQ(collections["collections"][0]["name"], "office");
  EXPECT_EQ(collections["collections"][0]["ready"], 2);
  EXPECT_NE(widenet({"ls", "office"}).out.find("papers/deep/note.md"), std::string::npos);

  const Outcome found =
      widenet({"search", "harbour rent", "--collection", "office", "--limit", "1", "--json"});
  const auto results = nlohmann::json::parse(found.out).at("results");
  ASSERT_EQ(results.size(), 1U);
  for (const char* key : {"document", "title", "start_char", "end_char", "page", "score", "text"}) {
    EXPECT_TRUE(results[0].contains(key)) << key;
  }
  EXPECT_NE(results[0]["text"].get<std::string>().find("4,200"), std::string::npos);
  EXPECT_EQ(widenet({"doctor", "--model", "model"}).exit_code, 0);

  const Outcome removed = widenet({"rm", "office", "papers/lease.txt", "--json"});
  EXPECT_EQ(removed.exit_code, 0) << removed.err;
  EXPECT_EQ(nlohmann::json::parse(removed.out)["originals"].size(), 1U);
  EXPECT_TRUE(
      nlohmann::json::parse(widenet({"search", "harbour", "--json"}).out)["results"].empty());
  EXPECT_EQ(widenet({"rm", "office"}).exit_code, 0);
  EXPECT_EQ(widenet({"ls"}).out, "No documents yet: add some with widenet ingest.\n");
}

TEST_F(DocumentsTest, ReadersFindWhatNamesThem) {
  EXPECT_EQ(ingest().exit_code, 0);
  const auto found = [&](std::vector<std::string> who) {
    std::vector<std::string> arguments = {"search", "harbour rent", "--json"};
    arguments.insert(arguments.end(), who.begin(), who.end());
    return widenet(arguments).out.find("4,200") != std::string::npos;
  };
  EXPECT_TRUE(found({"--as", "sales"}));
  const auto close = widenet(
      {"ingest", "papers", "--collection", "office", "--model", "model", "--readers", "board,hr"});
  EXPECT_NE(close.out.find("2 unchanged"), std::string::npos) << close.out << close.err;
  EXPECT_FALSE(found({"--as", "sales"}));
  EXPECT_TRUE(found({"--as", "sales,hr"}));
  EXPECT_TRUE(found({}));
}

TEST_F(DocumentsTest, AskAndPlanPrintTheShapesThatClientsRead) {
  ASSERT_EQ(ingest().exit_code, 0);
  const Outcome asked = widenet({"ask", "What is the rent?", "--collection", "office", "--model",
                                 "model", "--max-tokens", "4", "--json"});
  ASSERT_EQ(asked.exit_code, 0) << asked.err;
  const auto json = nlohmann::json::parse(asked.out);
  for (const char* key :
       {"answer", "mode", "citations", "context", "usage", "seconds", "coverage"}) {
    EXPECT_TRUE(json.contains(key)) << key;
  }
  EXPECT_EQ(json["mode"], "long");
  EXPECT_EQ(json["coverage"]["documents_in_scope"], 2);
  EXPECT_EQ(json["usage"]["prompt_tokens"], json["usage"]["cached_tokens"].get<int>() +
                                                json["usage"]["computed_tokens"].get<int>());

  const Outcome planned = widenet({"plan", "What is the rent?", "--model", "model", "--json"});
  ASSERT_EQ(planned.exit_code, 0) << planned.err;
  EXPECT_EQ(nlohmann::json::parse(planned.out)["prompt_tokens"], json["usage"]["prompt_tokens"]);

  const Outcome text =
      widenet({"ask", "What is the rent?", "--model", "model", "--max-tokens", "4", "--explain"});
  EXPECT_EQ(text.exit_code, 0);
  EXPECT_NE(text.out.find("read 2 of 2 documents"), std::string::npos) << text.out;
}

// Neither what the store has of it, nor what the model made of it, nor an answer that read it.
TEST_F(DocumentsTest, NothingOfADeletedDocumentIsLeft) {
  directory_.write("papers/secret.txt", "The word is qwyzzlefrob. " + std::string(400, 'x') + "\n");
  ASSERT_EQ(ingest().exit_code, 0);
  const Outcome warmed = widenet({"cache", "warm", "office", "--model", "model"});
  EXPECT_EQ(warmed.exit_code, 0) << warmed.err;
  EXPECT_NE(warmed.out.find("tokens of \"office\" read ahead (0 of them known already)"),
            std::string::npos)
      << warmed.out;
  ASSERT_EQ(widenet({"ask", "What is the word qwyzzlefrob?", "--collection", "office", "--mode",
                     "long", "--model", "model", "--max-tokens", "4"})
                .exit_code,
            0);
  const auto n_files_with = [&](const std::string& text) {
    int64_t n = 0;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(directory_.path() / "widenet-data")) {
      n += entry.is_regular_file() && read_file(entry.path()).find(text) != std::string::npos;
    }
    return n;
  };
  const auto n_cached = [&] {
    return nlohmann::json::parse(widenet({"cache", "ls", "--json"}).out).at("n_files");
  };
  EXPECT_GT(n_files_with("qwyzzlefrob"), 1);
  EXPECT_GT(n_cached(), 0);
  const Outcome removed = widenet({"rm", "office", "papers/secret.txt", "--json"});
  ASSERT_EQ(removed.exit_code, 0) << removed.err;
  EXPECT_GT(nlohmann::json::parse(removed.out).at("cache_files"), 0);
  EXPECT_EQ(n_files_with("qwyzzlefrob"), 0);
  EXPECT_EQ(widenet({"rm", "office"}).exit_code, 0);
  EXPECT_EQ(n_cached(), 0);
}

TEST_F(DocumentsTest, ABadFileFailsByItself) {
  directory_.write("papers/empty.txt", "");
  directory_.write("papers/cut.pdf", "%PDF-1.4\n1 0 obj\n");
  const Outcome outcome = ingest();
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(outcome.out.find("2 documents ready, 0 unchanged, 2 failed"), std::string::npos);
  EXPECT_NE(outcome.err.find("cannot ingest \"papers/empty.txt\": "), std::string::npos)
      << outcome.err;
  EXPECT_NE(widenet({"ls", "office"}).out.find("failed"), std::string::npos);
}

TEST_F(DocumentsTest, WhatIsMissingIsNamedInOneLine) {
  struct Case {
    std::vector<std::string> arguments;
    int exit_code;
    std::string says;
  };
  directory_.write("file", "x");
  const std::vector<Case> cases = {
      {{"ls"}, 1, "widenet ingest makes it"},
      {{"search", "x"}, 1, "widenet-data"},
      {{"rm", "office"}, 1, "no such directory"},
      {{"ingest", "papers"}, 2, "--collection"},
      {{"ingest", "--collection", "c"}, 2, "paths"},
      {{"ingest", "no-such-file", "--collection", "c", "--model", "model"}, 1, "no-such-file"},
      {{"ingest", "papers", "--collection", "c"}, 1, "--model DIR"},
      {{"ingest", "papers", "--collection", "c", "--model", "nowhere"}, 1, "nowhere"},
      {{"ask"}, 2, "question"},
      {{"ask", "x", "--mode", "wide"}, 2, "--mode"},
      {{"ask", "x", "--think", "hard"}, 2, "--think"},
      {{"generate", "--prompt", "x"}, 1, "models/nano"},
      {{"generate", "--model", "model"}, 2, "no prompt"},
      {{"eval"}, 2, ""},
      {{"eval", "qa", "--questions", "none.jsonl"}, 1, "widenet-data"},
  };
  for (const auto& [arguments, exit_code, says] : cases) {
    const Outcome outcome = widenet(arguments);
    std::string command;
    for (const auto& argument : arguments) command += argument + " ";
    EXPECT_EQ(outcome.exit_code, exit_code) << command << outcome.err;
    EXPECT_EQ(outcome.err.rfind("widenet: ", 0), 0U) << command << outcome.err;
    EXPECT_NE(outcome.err.find(says), std::string::npos) << command << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  }
}

TEST_F(DocumentsTest, SearchAndListNeedNoModel) {
  ASSERT_EQ(ingest().exit_code, 0);
  EXPECT_EQ(widenet({"search", "rent"}).exit_code, 0);
  EXPECT_EQ(widenet({"ls", "office"}).exit_code, 0);
  const Outcome asked = widenet({"ask", "What is the rent?"});
  EXPECT_EQ(asked.exit_code, 1);
  EXPECT_NE(asked.err.find("models/nano"), std::string::npos) << asked.err;
}

TEST_F(DocumentsTest, DoctorFindsDamage) {
  ASSERT_EQ(ingest().exit_code, 0);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(
           directory_.path() / "widenet-data" / "originals")) {
    if (entry.is_regular_file()) {
      std::filesystem::permissions(entry.path(), std::filesystem::perms::owner_all);
      write_file_atomically(entry.path(), "changed");
      break;
    }
  }
  const Outcome outcome = widenet({"doctor"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(outcome.out.find("original bytes are missing or changed"), std::string::npos);
}

TEST_F(DocumentsTest, EvaluationsAreKeptAndShown) {
  directory_.write("hay.txt", "Some text that says little. And more of it, on and on. ");
  const Outcome ran = widenet({"eval", "niah", "--lengths", "600", "--depths", "0,100", "--needles",
                               "1", "--haystack", "hay.txt", "--model", "model", "--out", "out"});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const auto results = nlohmann::json::parse(read_file(directory_.path() / "out" / "results.json"));
  ASSERT_EQ(results["cells"].size(), 2U);
  for (const char* key : {"length", "depth", "score", "tries"}) {
    EXPECT_TRUE(results["cells"][0].contains(key)) << key;
  }
  EXPECT_NE(widenet({"eval", "ls"}).out.find("niah"), std::string::npos);
  EXPECT_NE(widenet({"eval", "show", "1"}).out.find("600 tokens"), std::string::npos);
  EXPECT_EQ(widenet({"eval", "show", "9"}).exit_code, 1);
}

}  // namespace
}  // namespace widenet::testing

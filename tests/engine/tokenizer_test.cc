#include "engine/tokenizer.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <random>
#include <thread>

#include "base/utf8.h"
#include "engine/byte_pair_merger.h"
#include "tests/support/sample_size.h"
#include "tests/support/tiny_tokenizer.h"

namespace widenet::engine {
namespace {

using Json = nlohmann::json;
using Special = Tokenizer::SpecialTokens;
using Ids = std::vector<TokenId>;
using std::filesystem::path;

const path kCorpus = path(WN_TESTS_DIR) / "golden" / "tokenizer" / "corpus.jsonl";
const path kIds = path(WN_BINARY_DIR) / "golden" / "tokenizer";  // from ids.tar.xz beside it
const path kNano = path(WN_SOURCE_DIR) / "models" / "nano" / "tokenizer.json";
const path kDeepseek = path(WN_TESTS_DIR) /
                       "engine/npm/node_modules/@lenml/tokenizer-deepseek_v4/models/tokenizer.json";

std::vector<Json> read_lines(const path& file) {
  std::ifstream in(file);
  std::vector<Json> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(Json::parse(line));
  return lines;
}

Tokenizer parse(const Json& json) {
  return Tokenizer::parse(json.dump(), "tokenizer.json");
}

const Tokenizer& nano() {
  static const Tokenizer tokenizer = Tokenizer::load(kNano);
  return tokenizer;
}

// Ids that other implementations gave for the corpus: tests/engine/npm/make_goldens.mjs.
void expect_goldens(const Tokenizer& tokenizer, const path& goldens) {
  const std::vector<Json> corpus = read_lines(kCorpus);
  const std::vector<Json> wanted = read_lines(goldens);
  ASSERT_GT(corpus.size(), 100u);
  ASSERT_EQ(corpus.size(), wanted.size());
  for (size_t i = 0; i < corpus.size(); ++i) {
    const auto text = corpus[i]["text"].get<std::string>();
    EXPECT_EQ(tokenizer.encode(text), wanted[i]["ids"].get<Ids>()) << "line " << i + 1;
    const Ids special = tokenizer.encode(text, Special::recognised);
    EXPECT_EQ(special, wanted[i]["special"].get<Ids>()) << "line " << i + 1;
    EXPECT_EQ(tokenizer.decode(special), text) << "line " << i + 1;
  }
}

TEST(TokenizerGoldenTest, DeepseekV4IdsAreThoseOfOtherImplementations) {
  if (!std::filesystem::exists(kDeepseek)) {
    GTEST_SKIP() << "no " << kDeepseek << "; ./run setup installs it (npm ci in tests/engine/npm)";
  }
  const Tokenizer tokenizer = Tokenizer::load(kDeepseek);
  expect_goldens(tokenizer, kIds / "deepseek_v4.jsonl");
  EXPECT_EQ(tokenizer.vocab_size(), 129280);
  EXPECT_EQ(tokenizer.special_token("<｜begin▁of▁sentence｜>"), 0);
  EXPECT_EQ(tokenizer.special_token("<｜end▁of▁sentence｜>"), 1);
  EXPECT_EQ(tokenizer.special_token("<｜User｜>"), 128803);
  EXPECT_EQ(tokenizer.special_token("<｜Assistant｜>"), 128804);
  EXPECT_EQ(tokenizer.special_token("<think>"), 128821);
  EXPECT_EQ(tokenizer.special_token("</think>"), 128822);
}

TEST(TokenizerGoldenTest, NanoIdsAreThoseOfOtherImplementations) {
  expect_goldens(nano(), kIds / "nano.jsonl");
}

TEST(TokenizerTest, MergesByRankAndLeftmostFirst) {
  const Tokenizer tokenizer = parse(
      test::tiny_tokenizer_json({{"b", "c"}, {"a", "b"}, {"a", "a"}, {"aa", "a"}, {"ab", "c"}}));
  EXPECT_EQ(tokenizer.encode("abc"), (Ids{'a', 256}));  // "bc" has the lower rank
  EXPECT_EQ(tokenizer.encode("ab"), (Ids{257}));
  EXPECT_EQ(tokenizer.encode("aaa"), (Ids{259}));  // "aa" + "a", from the left
  EXPECT_EQ(tokenizer.encode("aaaa"), (Ids{258, 258}));
  EXPECT_EQ(tokenizer.encode("aaaaa"), (Ids{258, 259}));
}

TEST(TokenizerTest, BothWaysOfWritingMergesAreRead) {
  Json json = test::tiny_tokenizer_json({{"a", "b"}, {" ", "ab"}});
  const Ids wanted = parse(json).encode("ab ab");
  for (Json& merge : json["model"]["merges"]) {
    const auto text = merge.get<std::string>();
    merge = {text.substr(0, text.find(' ')), text.substr(text.find(' ') + 1)};
  }
  EXPECT_EQ(parse(json).encode("ab ab"), wanted);
  EXPECT_EQ(wanted, (Ids{256, 257}));
}

TEST(TokenizerTest, IgnoreMergesTakesWholePiecesFirst) {
  Json json = test::tiny_tokenizer_json({{"a", "b"}});
  json["model"]["vocab"]["xyz"] = 300;
  EXPECT_EQ(parse(json).encode("xyz"), (Ids{'x', 'y', 'z'}));
  json["model"]["ignore_merges"] = true;
  EXPECT_EQ(parse(json).encode("xyz"), (Ids{300}));
  EXPECT_EQ(parse(json).encode("xyzab"), (Ids{'x', 'y', 'z', 256}));
}

TEST(TokenizerTest, TextNeverYieldsSpecialTokens) {
  const std::vector<std::string> parts = {
      "<｜User｜>", "<think>", "</think>", "<", "｜", "User", "<｜begin▁of▁sentence｜>",
      " ",          "\n",      "｜>",      "x"};
  std::mt19937 random(1);
  for (int round = 0; round < test::sample_size(300, 30'000); ++round) {
    std::string text;
    for (auto n = random() % 12; n > 0; --n) text += parts[random() % parts.size()];
    const Ids ids = nano().encode(text);
    for (const TokenId id : ids) ASSERT_FALSE(nano().is_special(id)) << text;
    ASSERT_EQ(nano().decode(ids), text);
    ASSERT_EQ(nano().decode(nano().encode(text, Special::recognised)), text);
  }
}

TEST(TokenizerTest, NotEvenIfTheFileHasMergesThatWould) {
  Json json = test::tiny_tokenizer_json({{"<", "t"}, {"<t", ">"}});
  json["added_tokens"].push_back({{"id", 257}, {"content", "<t>"}, {"normalized", false}});
  json["model"]["ignore_merges"] = true;
  const Tokenizer tokenizer = parse(json);
  EXPECT_EQ(tokenizer.encode("<t>", Special::recognised), (Ids{257}));
  EXPECT_EQ(tokenizer.encode("<t>"), (Ids{256, '>'}));
}

TEST(TokenizerTest, LongestSpecialTokenWinsAndNormalizedOnesComeSecond) {
  Json json = test::tiny_tokenizer_json();
  json["added_tokens"] = {{{"id", 300}, {"content", "<a"}, {"normalized", false}},
                          {{"id", 301}, {"content", "<a>"}, {"normalized", false}},
                          {{"id", 302}, {"content", "x<"}, {"normalized", true}}};
  const Tokenizer tokenizer = parse(json);
  EXPECT_EQ(tokenizer.encode("<a><ab", Special::recognised), (Ids{301, 300, 'b'}));
  EXPECT_EQ(tokenizer.encode("x<a", Special::recognised), (Ids{'x', 300}));
  EXPECT_EQ(tokenizer.encode("x<b", Special::recognised), (Ids{302, 'b'}));
}

TEST(TokenizerTest, AnyBytesSurviveEncodingAndDecoding) {
  std::mt19937 random(2);
  for (int round = 0; round < test::sample_size(500, 50'000); ++round) {
    std::string bytes;
    for (auto n = random() % 200; n > 0; --n) {
      bytes += static_cast<char>(random() % 4 == 0 ? random() : 'a' + random() % 3);
    }
    ASSERT_EQ(nano().decode(nano().encode(bytes)), bytes) << "round " << round;
    ASSERT_EQ(nano().decode(nano().encode(bytes, Special::recognised)), bytes) << "round " << round;
  }
  EXPECT_EQ(nano().encode(""), Ids{});
}

TEST(TokenizerTest, IdsOutOfRangeDecodeToNothing) {
  const Ids ids = {-1, static_cast<TokenId>(nano().vocab_size()), INT32_MAX, INT32_MIN};
  EXPECT_EQ(nano().decode(ids), "");
  EXPECT_FALSE(nano().is_special(-1));
  EXPECT_FALSE(nano().is_special(INT32_MAX));
}

// The cache of pieces is shared by the tokenizers of a thread.
TEST(TokenizerTest, TokenizersOfOneThreadDoNotMix) {
  const Tokenizer one = parse(test::tiny_tokenizer_json({{"a", "b"}}));
  const Tokenizer other = parse(test::tiny_tokenizer_json({{"b", "c"}}));
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(one.encode("abc"), (Ids{256, 'c'}));
    EXPECT_EQ(other.encode("abc"), (Ids{'a', 256}));
  }
}

// Pieces of every length around the cache's, twice each: computed, then remembered.
TEST(TokenizerTest, RememberedPiecesAreThePiecesComputed) {
  std::mt19937 random(3);
  for (int round = 0; round < test::sample_size(2000, 200'000); ++round) {
    std::string word;
    for (auto n = random() % 20 + 1; n > 0; --n) word += static_cast<char>('a' + random() % 2);
    const Ids first = nano().encode(word);
    ASSERT_EQ(nano().encode(word), first) << word;
    ASSERT_EQ(nano().decode(first), word);
  }
}

TEST(TokenizerTest, ThreadsEncodeAlike) {
  const std::string text = read_lines(kCorpus)[4]["text"];
  const Ids wanted = nano().encode(text);
  std::vector<std::thread> threads;
  std::vector<Ids> got(4);
  for (Ids& ids : got) threads.emplace_back([&] { ids = nano().encode(text); });
  for (std::thread& thread : threads) thread.join();
  for (const Ids& ids : got) EXPECT_EQ(ids, wanted);
}

// A megabyte without a place to cut takes n log n steps: quadratic ones would take minutes.
TEST(TokenizerTest, OneHugePieceIsMerged) {
  const std::string text(1 << 20, 'a');
  const Ids ids = nano().encode(text);
  EXPECT_EQ(nano().decode(ids), text);
}

TEST(TokenizerTest, WhatIsNotSupportedIsRefusedByName) {
  using Change = std::function<void(Json&)>;
  const std::vector<std::pair<std::string, Change>> cases = {
      {"normalizer",
       [](Json& j) {
         j["normalizer"] = {{"type", "NFC"}};
       }},
      {"WordPiece", [](Json& j) { j["model"]["type"] = "WordPiece"; }},
      {"byte_fallback", [](Json& j) { j["model"]["byte_fallback"] = true; }},
      {"dropout", [](Json& j) { j["model"]["dropout"] = 0.1; }},
      {"end_of_word_suffix", [](Json& j) { j["model"]["end_of_word_suffix"] = "</w>"; }},
      {"no vocab", [](Json& j) { j["model"].erase("vocab"); }},
      {"merges", [](Json& j) { j["model"]["merges"] = 7; }},
      {"of two tokens", [](Json& j) { j["model"]["merges"] = {"ab"}; }},
      {"of two tokens",
       [](Json& j) {
         j["model"]["merges"] = {{"a", "b", "c"}};
       }},
      {"not in vocab", [](Json& j) { j["model"]["merges"] = {"q q"}; }},
      {"the id -1", [](Json& j) { j["model"]["vocab"]["zz"] = -1; }},
      {"the id 1099511627776", [](Json& j) { j["model"]["vocab"]["zz"] = 1ull << 40; }},
      {"have the id 7", [](Json& j) { j["model"]["vocab"]["zz"] = 7; }},
      {"byte 65", [](Json& j) { j["model"]["vocab"].erase("A"); }},
      {"lstrip", [](Json& j) { j["added_tokens"][0]["lstrip"] = true; }},
      {"the same id", [](Json& j) { j["added_tokens"][1]["id"] = j["added_tokens"][0]["id"]; }},
      {"content", [](Json& j) { j["added_tokens"][0]["content"] = ""; }},
      {"content", [](Json& j) { j["added_tokens"][0].erase("content"); }},
      {"added_tokens", [](Json& j) { j["added_tokens"] = "x"; }},
      {"Metaspace", [](Json& j) { j["pre_tokenizer"]["pretokenizers"][0]["type"] = "Metaspace"; }},
      {"behavior", [](Json& j) { j["pre_tokenizer"]["pretokenizers"][0]["behavior"] = "Removed"; }},
      {"invert", [](Json& j) { j["pre_tokenizer"]["pretokenizers"][0]["invert"] = true; }},
      {"pattern", [](Json& j) { j["pre_tokenizer"]["pretokenizers"][0]["pattern"] = 1; }},
      {"U_REGEX",
       [](Json& j) {
         j["pre_tokenizer"]["pretokenizers"][0]["pattern"] = {{"Regex", "("}};
       }},
      {"ByteLevel", [](Json& j) { j["pre_tokenizer"]["pretokenizers"].erase(3); }},
      {"add_prefix_space",
       [](Json& j) { j["pre_tokenizer"]["pretokenizers"][3]["add_prefix_space"] = true; }},
      {"ByteLevel", [](Json& j) { j["pre_tokenizer"] = nullptr; }},
  };
  for (const auto& [part, change] : cases) {
    Json json = test::tiny_tokenizer_json({{"a", "b"}});
    change(json);
    try {
      parse(json);
      ADD_FAILURE() << part << " was accepted";
    } catch (const ModelError& error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  }
  for (const char* text : {"", "7", "[]", "{}", "{\"model\":", "\xff"}) {
    EXPECT_THROW(Tokenizer::parse(text, "tokenizer.json"), ModelError) << text;
  }
  EXPECT_THROW(Tokenizer::load("/nonexistent/tokenizer.json"), ModelError);
}

TEST(TokenizerTest, ByteLevelAloneSplitsByItsOwnPattern) {
  Json json = test::tiny_tokenizer_json({{" ", "a"}, {"a", " "}});
  json["pre_tokenizer"] = {{"type", "ByteLevel"}, {"add_prefix_space", false}};
  EXPECT_EQ(parse(json).encode("a a"), (Ids{'a', 256}));
  json["pre_tokenizer"]["use_regex"] = false;
  EXPECT_EQ(parse(json).encode("a a"), (Ids{'a', 256}));  // rank decides now, not the pattern
  EXPECT_EQ(parse(json).encode("a  a"), (Ids{257, 256}));
}

// The definition: scan for the lowest rank, merge its leftmost pair, start again.
Ids merge_naively(const std::map<std::pair<TokenId, TokenId>, std::pair<int, TokenId>>& merges,
                  Ids ids) {
  for (;;) {
    std::pair<int, TokenId> best = {INT32_MAX, -1};
    size_t at = 0;
    for (size_t i = 0; i + 1 < ids.size(); ++i) {
      const auto it = merges.find({ids[i], ids[i + 1]});
      if (it != merges.end() && it->second < best) {
        best = it->second;
        at = i;
      }
    }
    if (best.second < 0) return ids;
    ids[at] = best.second;
    ids.erase(ids.begin() + static_cast<ptrdiff_t>(at) + 1);
  }
}

TEST(BytePairMergerTest, EqualsTheDefinitionOnShortAndLongPieces) {
  std::array<TokenId, 256> byte_tokens;
  for (size_t i = 0; i < 256; ++i) byte_tokens[i] = static_cast<TokenId>(i);
  for (uint32_t seed = 0; seed < 60; ++seed) {
    std::mt19937 random(seed);
    BytePairMerger merger(byte_tokens, 40);
    std::map<std::pair<TokenId, TokenId>, std::pair<int, TokenId>> merges;
    std::vector<TokenId> tokens = {'a', 'b', 'c'};
    for (int rank = 0; rank < 40; ++rank) {
      const TokenId left = tokens[random() % tokens.size()];
      const TokenId right = tokens[random() % tokens.size()];
      const TokenId result = 256 + rank;
      merger.add({left, right, result});
      merges.emplace(std::pair(left, right), std::pair(rank, result));
      tokens.push_back(result);
    }
    for (const size_t size : {1, 2, 3, 17, 63, 64, 65, 66, 300}) {
      std::string piece;
      for (size_t i = 0; i < size; ++i) piece += static_cast<char>('a' + random() % 3);
      Ids got;
      merger.merge(piece, got);
      ASSERT_EQ(got, merge_naively(merges, Ids(piece.begin(), piece.end())))
          << "seed " << seed << ", " << size << " bytes";
    }
  }
}

TEST(StreamDecoderTest, TextIsCutOnlyBetweenCharacters) {
  const Tokenizer bytes_only = parse(test::tiny_tokenizer_json());
  std::mt19937 random(4);
  for (int round = 0; round < test::sample_size(300, 30'000); ++round) {
    std::string bytes;
    for (auto n = random() % 12; n > 0; --n) {
      if (random() % 4 == 0) {
        bytes += static_cast<char>(random());
      } else {
        append_utf8(bytes, static_cast<char32_t>(random() % 0x110000));
      }
    }
    StreamDecoder decoder(bytes_only);
    std::string text;
    for (const TokenId token : bytes_only.encode(bytes)) {
      const std::string part = decoder.feed(token);
      ASSERT_TRUE(is_valid_utf8(part));
      text += part;
    }
    text += decoder.finish();
    ASSERT_EQ(text, to_valid_utf8(bytes)) << "round " << round;
  }
}

TEST(StreamDecoderTest, CompleteCharactersComeAtOnce) {
  const Tokenizer bytes_only = parse(test::tiny_tokenizer_json());
  StreamDecoder decoder(bytes_only);
  EXPECT_EQ(decoder.feed('a'), "a");
  EXPECT_EQ(decoder.feed(0xe2), "");
  EXPECT_EQ(decoder.feed(0x82), "");
  EXPECT_EQ(decoder.feed(0xac), "€");
  EXPECT_EQ(decoder.feed(0xf0), "");
  EXPECT_EQ(decoder.finish(), "\ufffd");
  EXPECT_EQ(decoder.finish(), "");
}

}  // namespace
}  // namespace widenet::engine

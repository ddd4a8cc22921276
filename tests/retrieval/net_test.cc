#include "retrieval/net.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/store/fixture.h"
#include "tests/support/sample_size.h"

namespace widenet::retrieval {
namespace {

constexpr int64_t kChunkTokens = 100;

// A document of equal chunks of 100 tokens and 400 characters; chunk ids are 1000 * document + i.
DocumentLayout layout_of(store::DocumentId document, int64_t n_chunks) {
  DocumentLayout layout{.document = document, .collection = 1, .title = "T"};
  for (int64_t i = 0; i < n_chunks; ++i) {
    layout.chunks.push_back({.id = 1000 * document + i,
                             .document = document,
                             .ordinal = i,
                             .start_char = 400 * i,
                             .end_char = 400 * (i + 1),
                             .page = static_cast<int32_t>(i + 1),
                             .n_tokens = kChunkTokens});
  }
  return layout;
}

std::map<store::DocumentId, DocumentLayout> layouts_of(std::vector<int64_t> n_chunks) {
  std::map<store::DocumentId, DocumentLayout> layouts;
  for (size_t i = 0; i < n_chunks.size(); ++i) {
    const auto document = static_cast<store::DocumentId>(i + 1);
    layouts[document] = layout_of(document, n_chunks[i]);
  }
  return layouts;
}

struct Place {
  store::DocumentId document = 0;
  int64_t ordinal = 0;
};

// Candidates in this order of rank.
std::vector<Candidate> ranked(const std::vector<Place>& places) {
  std::vector<Candidate> candidates;
  for (const Place& place : places) {
    const auto rank = static_cast<double>(candidates.size() + 1);
    candidates.push_back({.chunk = layout_of(place.document, place.ordinal + 1).chunks.back(),
                          .score = 1 / (60 + rank)});
  }
  return candidates;
}

NetOptions options_of(NetShape shape, int64_t budget_tokens) {
  return {.shape = shape,
          .budget_tokens = budget_tokens,
          .neighbours = 1,
          .document_tokens = 10,
          .gap_tokens = 5};
}

std::vector<std::pair<int64_t, int64_t>> ranges_of(const NetDocument& document) {
  std::vector<std::pair<int64_t, int64_t>> ranges;
  for (const Passage& passage : document.passages) {
    ranges.emplace_back(passage.first_ordinal, passage.n_chunks);
  }
  return ranges;
}

using Ranges = std::vector<std::pair<int64_t, int64_t>>;

TEST(NetTest, HitsComeWithTheirNeighboursInDocumentOrder) {
  const auto candidates = ranked({{2, 5}, {1, 3}});
  const Net net = choose_net(candidates, layouts_of({9, 9}), options_of(NetShape::focused, 10'000));
  ASSERT_EQ(net.documents.size(), 2u);
  EXPECT_EQ(net.documents[0].document, 1);
  EXPECT_EQ(ranges_of(net.documents[0]), (Ranges{{2, 3}}));
  EXPECT_EQ(ranges_of(net.documents[1]), (Ranges{{4, 3}}));
  EXPECT_EQ(net.documents[1].passages[0].start_char, 1600);
  EXPECT_EQ(net.documents[1].passages[0].end_char, 2800);
  EXPECT_EQ(net.documents[1].passages[0].page, 5);
  EXPECT_DOUBLE_EQ(net.documents[1].score, 1.0 / 61);
  EXPECT_EQ(net.n_tokens, 2 * (10 + 300));
  EXPECT_DOUBLE_EQ(net.score_share, 1);
}

TEST(NetTest, PassagesThatTouchAreOne) {
  const auto candidates = ranked({{1, 2}, {1, 4}, {1, 8}});
  const Net net = choose_net(candidates, layouts_of({12}), options_of(NetShape::focused, 10'000));
  EXPECT_EQ(ranges_of(net.documents[0]), (Ranges{{1, 5}, {7, 3}}));
  EXPECT_EQ(net.n_tokens, 10 + 800 + 5);
}

TEST(NetTest, NeighboursEndWhereTheDocumentDoes) {
  const auto candidates = ranked({{1, 0}, {2, 2}});
  const Net net = choose_net(candidates, layouts_of({3, 3}), options_of(NetShape::focused, 10'000));
  EXPECT_EQ(ranges_of(net.documents[0]), (Ranges{{0, 2}}));
  EXPECT_EQ(ranges_of(net.documents[1]), (Ranges{{1, 2}}));
}

TEST(NetTest, ASmallBudgetHoldsTheBestHitsFirst) {
  const auto candidates = ranked({{3, 0}, {1, 0}, {2, 0}});
  const Net net = choose_net(candidates, layouts_of({1, 1, 1}), options_of(NetShape::focused, 230));
  ASSERT_EQ(net.documents.size(), 2u);
  EXPECT_EQ(net.documents[0].document, 1);
  EXPECT_EQ(net.documents[1].document, 3);
}

TEST(NetTest, ABudgetTooSmallForAnythingGivesAnEmptyNet) {
  const auto candidates = ranked({{1, 0}});
  for (const NetShape shape : {NetShape::focused, NetShape::wide, NetShape::all}) {
    const Net net = choose_net(candidates, layouts_of({1}), options_of(shape, 109));
    EXPECT_TRUE(net.documents.empty());
    EXPECT_EQ(net.n_tokens, 0);
    EXPECT_EQ(net.score_share, 0);
  }
}

TEST(NetTest, AWideNetTakesSmallDocumentsWhole) {
  // An eighth of 4,000 is 500: document 1 is small, document 2 is not.
  const auto candidates = ranked({{1, 4}, {2, 20}});
  const Net net = choose_net(candidates, layouts_of({5, 40}), options_of(NetShape::wide, 4'000));
  EXPECT_TRUE(net.documents[0].whole);
  EXPECT_EQ(ranges_of(net.documents[1]), (Ranges{{19, 3}}));
  EXPECT_FALSE(net.documents[1].whole);
}

TEST(NetTest, AWideNetWithRoomLeftTakesItsBestLargeDocumentWhole) {
  const auto candidates = ranked({{2, 20}, {1, 4}});
  const Net net = choose_net(candidates, layouts_of({30, 30}), options_of(NetShape::wide, 4'000));
  EXPECT_FALSE(net.documents[0].whole);
  EXPECT_TRUE(net.documents[1].whole);
}

TEST(NetTest, AllTakesEverythingThatFits) {
  const Net net =
      choose_net(ranked({{2, 0}}), layouts_of({3, 3, 3}), options_of(NetShape::all, 10'000));
  ASSERT_EQ(net.documents.size(), 3u);
  for (const NetDocument& document : net.documents) EXPECT_TRUE(document.whole);
  EXPECT_EQ(net.n_tokens, 3 * 310);
}

TEST(NetTest, AllPrefersWhatWasFoundWhenNotEverythingFits) {
  const Net net =
      choose_net(ranked({{3, 0}}), layouts_of({3, 3, 3}), options_of(NetShape::all, 700));
  ASSERT_EQ(net.documents.size(), 2u);
  EXPECT_EQ(net.documents[0].document, 1);
  EXPECT_EQ(net.documents[1].document, 3);
}

TEST(NetTest, DocumentsComeByCollectionFirst) {
  auto layouts = layouts_of({1, 1});
  layouts[1].collection = 7;
  const Net net =
      choose_net(ranked({{1, 0}, {2, 0}}), layouts, options_of(NetShape::focused, 10'000));
  EXPECT_EQ(net.documents[0].document, 2);
  EXPECT_EQ(net.documents[1].document, 1);
}

// Whatever is asked: within budget, in order, nothing twice, and the price is what it says.
TEST(NetTest, AnyNetIsOrderedPricedAndWithinBudget) {
  std::mt19937 random(7);
  for (int round = 0; round < test::sample_size(500, 20'000); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    std::vector<int64_t> n_chunks;
    for (size_t i = 0; i < 1 + random() % 8; ++i) n_chunks.push_back(1 + random() % 30);
    std::vector<Place> places;
    for (size_t i = 0; i < random() % 40; ++i) {
      const auto document = static_cast<size_t>(random() % n_chunks.size());
      places.push_back({static_cast<store::DocumentId>(document + 1),
                        static_cast<int64_t>(random()) % n_chunks[document]});
    }
    NetOptions options =
        options_of(static_cast<NetShape>(random() % 3), static_cast<int64_t>(random() % 5000));
    options.neighbours = random() % 3;
    const Net net = choose_net(ranked(places), layouts_of(n_chunks), options);
    int64_t n_tokens = 0;
    store::DocumentId last = 0;
    for (const NetDocument& document : net.documents) {
      EXPECT_GT(document.document, last);
      last = document.document;
      int64_t end = -1;
      for (const Passage& passage : document.passages) {
        EXPECT_GT(passage.first_ordinal, end);  // a gap of at least one chunk
        end = passage.first_ordinal + passage.n_chunks;
        EXPECT_EQ(passage.n_tokens, passage.n_chunks * kChunkTokens);
        n_tokens += passage.n_tokens;
      }
      EXPECT_LE(end, n_chunks[static_cast<size_t>(document.document - 1)]);
      n_tokens += 10 + 5 * (std::ssize(document.passages) - 1);
    }
    EXPECT_EQ(net.n_tokens, n_tokens);
    EXPECT_LE(net.n_tokens, options.budget_tokens);
  }
}

class CastNetTest : public store::StoreFixture {};

TEST_F(CastNetTest, ItReportsWhatTheScopeHolds) {
  const auto collection = store_->find_or_create_collection("papers");
  const auto first = ingest(collection, "a.txt", {"Rent is due. ", "Repairs are shared."});
  ingest(collection, "b.txt", {"Parking is free."});
  store_->fail_document(add(collection, "c.txt", "x").id, "bad");
  const auto candidates = retrieval::search(*store_, {.collections = {collection}}, "rent", {});
  const Net net =
      cast_net(*store_, {.collections = {collection}}, candidates, {.shape = NetShape::focused});
  ASSERT_EQ(net.documents.size(), 1u);
  EXPECT_EQ(net.documents[0].document, first);
  EXPECT_TRUE(net.documents[0].whole);
  EXPECT_EQ(cast_net(*store_, {.collections = {collection}}, candidates, {.shape = NetShape::all})
                .documents.size(),
            2u);
}

}  // namespace
}  // namespace widenet::retrieval

// Nets that were read before: when they are read again, and what then comes late.
#include "answer/sticky_net.h"

#include <gtest/gtest.h>

namespace widenet::answer {
namespace {

// Document d has `n_chunks` chunks of 100 tokens.
std::map<store::DocumentId, retrieval::DocumentLayout> make_layouts(int64_t n_documents,
                                                                    int64_t n_chunks) {
  std::map<store::DocumentId, retrieval::DocumentLayout> layouts;
  for (store::DocumentId d = 1; d <= n_documents; ++d) {
    retrieval::DocumentLayout& layout = layouts[d];
    layout.document = d;
    layout.collection = 1;
    for (int64_t i = 0; i < n_chunks; ++i) {
      layout.chunks.push_back({.id = 100 * d + i, .document = d, .ordinal = i, .n_tokens = 100});
    }
  }
  return layouts;
}

// First chunks of these documents, by falling score.
std::vector<retrieval::Candidate> first_chunks(const std::vector<store::DocumentId>& documents) {
  std::vector<retrieval::Candidate> candidates;
  for (const store::DocumentId d : documents) {
    const double rank = static_cast<double>(candidates.size()) + 1;
    candidates.push_back(
        {.chunk = {.id = 100 * d, .document = d, .ordinal = 0}, .score = 1 / (60 + rank)});
  }
  return candidates;
}

const retrieval::NetOptions kOptions = {.shape = retrieval::NetShape::wide,
                                        .budget_tokens = 1000,
                                        .document_tokens = 10,
                                        .gap_tokens = 5,
                                        .whole_document_max = 500};

std::vector<store::DocumentId> ids_of(const Selection& selection) {
  std::vector<store::DocumentId> ids;
  for (const auto& document : selection) ids.push_back(document.id);
  return ids;
}

TEST(StickyNetTest, AFirstNetLeavesRoomForLatePassages) {
  const auto layouts = make_layouts(9, 1);
  const auto net = choose_sticky(first_chunks({9, 3, 7, 1, 2, 4, 5, 6, 8}), layouts, kOptions, {});
  EXPECT_FALSE(net.is_reused);
  EXPECT_TRUE(net.late.empty());
  EXPECT_EQ(net.base.n_tokens, 7 * 110);
  EXPECT_EQ(ids_of(net.base.documents), (std::vector<store::DocumentId>{1, 2, 3, 4, 5, 7, 9}));
}

TEST(StickyNetTest, ANetThatHoldsMostIsReadAgainAndTheRestComesLate) {
  const auto layouts = make_layouts(9, 1);
  const auto first = choose_sticky(first_chunks({1, 2, 3, 4, 5, 6, 7}), layouts, kOptions, {});
  const auto second = choose_sticky(first_chunks({9, 5, 4, 3, 2, 1, 6}), layouts, kOptions,
                                    std::vector{first.base});
  EXPECT_TRUE(second.is_reused);
  EXPECT_EQ(ids_of(second.base.documents), ids_of(first.base.documents));
  ASSERT_EQ(ids_of(second.late), (std::vector<store::DocumentId>{9}));
  EXPECT_TRUE(second.late[0].is_late);
  EXPECT_DOUBLE_EQ(second.held, 1);
  EXPECT_EQ(second.base.documents[6].runs[0].score, 0);  // nothing said by this question's hits
  EXPECT_GT(second.base.documents[0].runs[0].score, 0);
}

TEST(StickyNetTest, ANetThatHoldsTooLittleIsNot) {
  const auto layouts = make_layouts(14, 1);
  const auto first = choose_sticky(first_chunks({1, 2, 3, 4, 5, 6, 7}), layouts, kOptions, {});
  const auto second = choose_sticky(first_chunks({8, 9, 10, 11, 12, 13, 14}), layouts, kOptions,
                                    std::vector{first.base});
  EXPECT_FALSE(second.is_reused);
}

TEST(StickyNetTest, ALatePassageOfADocumentInTheBaseHasItsOwnPlace) {
  auto layouts = make_layouts(3, 20);
  ReadNet read{.documents = {{.id = 2, .runs = {{0, 6, 0}}}}, .n_tokens = 610};
  auto candidates = first_chunks({2});
  candidates.push_back({.chunk = {.id = 215, .document = 2, .ordinal = 15}, .score = 0.001});
  const auto net = choose_sticky(candidates, layouts, kOptions, std::vector{read});
  EXPECT_TRUE(net.is_reused);
  ASSERT_EQ(ids_of(net.late), (std::vector<store::DocumentId>{2}));
  EXPECT_EQ(net.late[0].runs[0].first_ordinal, 15);
}

TEST(StickyNetTest, ANetThatNoLongerFitsIsNotRead) {
  const auto layouts = make_layouts(9, 1);
  const auto first = choose_sticky(first_chunks({1, 2, 3, 4, 5, 6, 7}), layouts, kOptions, {});
  auto smaller = kOptions;
  smaller.budget_tokens = 600;
  EXPECT_FALSE(
      choose_sticky(first_chunks({1, 2, 3}), layouts, smaller, std::vector{first.base}).is_reused);
}

TEST(NetMemoryTest, RemembersTheLastOnesOfEachScope) {
  NetMemory memory;
  const auto of = [](std::vector<store::CollectionId> collections) {
    return NetScope{.collections = std::move(collections), .cache = {}};
  };
  const auto net = [](store::DocumentId id) {
    return ReadNet{.documents = {{.id = id, .runs = {{0, 1, 0}}}}, .n_tokens = 1};
  };
  memory.remember(of({1}), net(1));
  memory.remember(of({1}), net(2));
  memory.remember(of({1, 2}), net(3));
  memory.remember(of({1}), net(1));
  ASSERT_EQ(memory.nets_of(of({1})).size(), 2U);
  EXPECT_EQ(memory.nets_of(of({1}))[0].documents[0].id, 1);
  EXPECT_TRUE(memory.nets_of(of({2})).empty());
  memory.forget(of({1}), net(1));
  EXPECT_EQ(memory.nets_of(of({1})).size(), 1U);
  EXPECT_TRUE(memory.nets_of({.collections = {1}, .cache = "others"}).empty());
  for (store::DocumentId id = 10; id < 40; ++id) memory.remember(of({5}), net(id));
  EXPECT_EQ(memory.nets_of(of({5})).size(), NetMemory::kNetsMax);
  EXPECT_TRUE(memory.nets_of(of({1})).empty());
}

}  // namespace
}  // namespace widenet::answer

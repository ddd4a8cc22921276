// Who may read: documents that name readers are found, counted and asked by those alone.
#include <algorithm>

#include "tests/store/fixture.h"

namespace widenet::store {
namespace {

using Texts = std::vector<std::string>;

Reader reader(std::vector<std::string> names) {
  return {.reads_all = false, .names = std::move(names)};
}

class AccessTest : public StoreFixture {
 protected:
  DocumentId ingest_for(const Texts& readers, const std::string& key, const Texts& sentences) {
    const DocumentId id = ingest(collection_, key, sentences);
    set_readers(id, readers);
    return id;
  }

  Texts search_as(const Reader& who, const std::string& query, int64_t limit = 10) {
    return found_texts(
        store_->search_text({.collections = {collection_}, .reader = who}, query, limit));
  }
  Texts search_like_as(const Reader& who, const std::string& text, int64_t limit = 10) {
    return found_texts(store_->search_vectors({.collections = {collection_}, .reader = who}, "test",
                                              test_embedding(text), limit));
  }

  CollectionId collection_ = store_->find_or_create_collection("papers");
};

TEST_F(AccessTest, BothSearchesFindWhatTheReaderMayRead) {
  ingest(collection_, "open.txt", {"Price for everybody."});
  ingest_for({"sales"}, "sales.txt", {"Price of sales."});
  ingest_for({"board", "hr"}, "board.txt", {"Price of the board."});
  const auto sorted = [](Texts texts) {
    std::ranges::sort(texts);
    return texts;
  };
  const Texts everything = {"Price for everybody.", "Price of sales.", "Price of the board."};
  EXPECT_EQ(sorted(search_as({}, "price")), everything);
  EXPECT_EQ(search_as(reader({}), "price"), Texts{"Price for everybody."});
  EXPECT_EQ(search_as(reader({"nobody"}), "price"), Texts{"Price for everybody."});
  EXPECT_EQ(sorted(search_as(reader({"sales"}), "price")),
            (Texts{"Price for everybody.", "Price of sales."}));
  EXPECT_EQ(sorted(search_as(reader({"hr", "sales"}), "price")), everything);
  EXPECT_EQ(sorted(search_like_as({}, "Price of sales.")), everything);
  EXPECT_EQ(search_like_as(reader({"hr"}), "Price of sales.").size(), 2U);
  EXPECT_EQ(search_like_as(reader({}), "Price of sales."), Texts{"Price for everybody."});
  // A name is no pattern and no part of another.
  EXPECT_EQ(search_as(reader({"sale", "sales\nboard", "%", "*", "Sales"}), "price").size(), 1U);
}

// Filtered afterwards, the best hits of others would leave nothing.
TEST_F(AccessTest, OthersHitsTakeNoPlace) {
  for (int i = 0; i < 40; ++i) {
    ingest_for({"board"}, std::to_string(i) + ".txt", {"Merger merger merger."});
  }
  ingest(collection_, "open.txt", {"One word of a merger among many others that say nothing."});
  EXPECT_EQ(search_as(reader({}), "merger", 1).size(), 1U);
  EXPECT_EQ(search_like_as(reader({}), "Merger merger merger.", 1).size(), 1U);
}

TEST_F(AccessTest, ListsAndCountsAreOfWhatTheReaderMayRead) {
  const DocumentId open = ingest(collection_, "open.txt", {"One."});
  const DocumentId closed = ingest_for({"board"}, "closed.txt", {"Two. ", "Three."});
  const auto ids_for = [&](const Reader& who) {
    std::vector<DocumentId> ids;
    for (const auto& document : store_->documents(collection_, {}, who)) ids.push_back(document.id);
    return ids;
  };
  EXPECT_EQ(ids_for({}), (std::vector{open, closed}));
  EXPECT_EQ(ids_for(reader({})), std::vector{open});
  // A page is full of what may be read, not cut from what is there.
  EXPECT_EQ(store_->documents(collection_, {.limit = 1, .after_id = open}, reader({})).size(), 0U);
  EXPECT_EQ(store_->size_of({.collections = {collection_}, .reader = {}}).n_chunks, 3);
  const auto size = store_->size_of({.collections = {collection_}, .reader = reader({"x"})});
  EXPECT_EQ(size.n_documents, 1);
  EXPECT_EQ(size.n_chunks, 1);
  EXPECT_EQ(store_->document(closed)->readers, Texts{"board"});
  EXPECT_TRUE(may_read(reader({"board"}), store_->document(closed)->readers));
  EXPECT_FALSE(may_read(reader({"x"}), store_->document(closed)->readers));
}

TEST_F(AccessTest, AListHoldsForAllVersionsUntilItIsChanged) {
  const DocumentId first = ingest(collection_, "a.txt", {"Old price."});
  EXPECT_EQ(search_as(reader({}), "price").size(), 1U);
  const auto add_version = [&](const std::string& bytes, const std::optional<Texts>& readers) {
    return store_
        ->add_document({.collection = collection_,
                        .key = "a.txt",
                        .sha256 = store_->put_original(bytes),
                        .readers = readers})
        .id;
  };
  add_version("New price.", Texts{"board"});  // not processed yet
  EXPECT_TRUE(search_as(reader({}), "price").empty());
  EXPECT_EQ(store_->document(first)->readers, Texts{"board"});
  const DocumentId third = add_version("Newest price.", {});  // not said: as before
  EXPECT_EQ(store_->document(third)->readers, Texts{"board"});
  EXPECT_EQ(add_version("Newest price.", Texts{"sales", "board", "sales"}), third);  // same bytes
  EXPECT_EQ(store_->document(third)->readers, (Texts{"board", "sales"}));
  set_readers(third, {});
  EXPECT_EQ(search_as(reader({}), "price").size(), 1U);
  EXPECT_THROW(set_readers(third, {"two\nlines"}), StoreError);
  EXPECT_THROW(set_readers(third, {""}), StoreError);
}

TEST_F(AccessTest, ChildrenNameWhomTheirParentNamesOrTheirOwn) {
  const Added added = add(collection_, "mail.zip", "bytes");
  set_readers(added.id, {"sales"});
  ASSERT_TRUE(store_->begin_processing(added.id));
  std::vector<ProcessedDocument> parts = {make_processed({"Price one."}),
                                          make_processed({"Price two."})};
  parts[0].member = "1.txt";
  parts[1].member = "2.txt";
  parts[1].readers = {"board"};
  store_->complete_document(added.id, parts);
  EXPECT_EQ(search_as(reader({"sales"}), "price"), Texts{"Price one."});
  EXPECT_EQ(search_as(reader({"board"}), "price"), Texts{"Price two."});
  set_readers(added.id, {"everyone"});
  EXPECT_EQ(search_as(reader({"everyone"}), "price"), Texts{"Price one."});
  EXPECT_EQ(search_as(reader({"board"}), "price"), Texts{"Price two."});
}

TEST_F(AccessTest, TablesHaveTheRowsThatTheReaderMayRead) {
  const Added added = add(collection_, "crm.zip", "bytes");
  ASSERT_TRUE(store_->begin_processing(added.id));
  std::vector<ProcessedDocument> parts = {make_processed({"Deal one."}),
                                          make_processed({"Deal two."})};
  parts[0].member = "1";
  parts[1].member = "2";
  parts[1].readers = {"board"};
  ProcessedTable deals{.name = "Deal",
                       .columns = {{.name = "Worth", .type = TableColumnType::integer}}};
  deals.rows = {{int64_t{10}}, {int64_t{1000}}};
  deals.lines = {{0, 9}, {0, 9}};
  deals.parts = {0, 1};
  ProcessedTable secrets{.name = "Secret", .columns = {{.name = "Word"}}};
  secrets.rows = {{std::string("canary")}};
  secrets.lines = {{0, 9}};
  secrets.parts = {1};
  store_->complete_document(added.id, parts, {.tables = {deals, secrets}});

  const auto ask = [&](const Reader& who, const std::string& sql) -> std::string {
    const auto rows = store_->read_tables(collection_, who)->query(sql);
    if (!rows) return "no: " + rows.error();
    std::string text;
    for (const auto& row : rows->rows) {
      for (const auto& cell : row) {
        const auto* number = std::get_if<int64_t>(&cell);
        text += number ? std::to_string(*number) : std::get<std::string>(cell);
      }
    }
    return text;
  };
  EXPECT_EQ(ask({}, "SELECT sum(Worth) FROM Deal"), "1010");
  EXPECT_EQ(ask(reader({"board"}), "SELECT sum(Worth) FROM Deal"), "1010");
  EXPECT_EQ(ask(reader({}), "SELECT sum(Worth) FROM Deal"), "10");
  EXPECT_EQ(ask(reader({}), "SELECT count(*) FROM Deal"), "1");
  EXPECT_EQ(ask(reader({}), "SELECT Worth FROM Deal WHERE Worth > 500 OR 1"), "10");
  EXPECT_EQ(ask(reader({"board"}), "SELECT Word FROM Secret"), "canary");
  for (const char* sql : {"SELECT Word FROM Secret", "SELECT count(*) FROM Secret",
                          "SELECT count(*) FROM main.rows_1", "SELECT c0 FROM main.rows_1",
                          "SELECT count(*) FROM main.rows_2", "SELECT readers FROM reader_lists",
                          "SELECT count(*) FROM main.documents",
                          "WITH Deal AS (SELECT c0 FROM main.rows_1) SELECT sum(c0) FROM Deal"}) {
    EXPECT_EQ(ask(reader({}), sql).substr(0, 4), "no: ") << sql << ": " << ask(reader({}), sql);
  }
  std::vector<std::string> names;
  const auto tables = store_->read_tables(collection_, reader({}));
  for (const auto& table : tables->tables()) {
    names.push_back(table.name);
  }
  EXPECT_EQ(names, Texts{"Deal"});
}

}  // namespace
}  // namespace widenet::store

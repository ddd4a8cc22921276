// The store: everything widenet remembers, in one data directory.
//
//   DIR/store.sqlite          the truth
//   DIR/originals/ab/abcd...  original bytes, named by their SHA-256
//   DIR/vectors/*.faiss       derived: a missing, old or corrupt file is caught up or rebuilt
//
// What a call has acknowledged survives kill -9 and power loss; what it has not happened either
// wholly or not at all.  Several processes may use one directory at once; exactly one of them
// processes documents (try_lock_worker).  Thread-safe: one writer at a time, any number of readers.
// Every method throws StoreError if the disk or the database fails.
//
//   auto store = Store::open("widenet-data");
//   const auto contracts = store->find_or_create_collection("contracts");
//   const auto added = store->add_document({.collection = contracts, .key = "a.txt",
//                                           .format = "txt", .sha256 =
//                                           store->put_original(bytes)});
//   store->begin_processing(added.id);
//   store->complete_document(added.id, processed);
//   store->search_text({.collections = {contracts}}, "termination notice", 20);
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "store/records.h"
#include "store/table_reader.h"

namespace widenet::store {

class StoreError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Paging {
  int64_t limit = 1000;
  int64_t after_id = 0;  // only ids above
};

struct RepairedVectors {
  std::filesystem::path file;
  int64_t n_vectors = 0;
  bool is_removed = false;  // else made again
};

class Store {
 public:
  // Creates the directory if need be, migrates an older one, finishes interrupted deletions.  A
  // directory written by a newer widenet is refused.
  static std::unique_ptr<Store> open(const std::filesystem::path& data_directory);
  ~Store();

  const std::filesystem::path& directory() const;

  // --- collections.  A name is unique, not empty and at most 200 characters.
  CollectionId find_or_create_collection(const std::string& name);
  std::optional<Collection> collection(CollectionId id) const;
  std::optional<Collection> collection(const std::string& name) const;
  std::vector<Collection> collections() const;  // by name
  // False if the new name is taken or there is no such collection.
  bool rename_collection(CollectionId id, const std::string& name);
  void set_collection_metadata(CollectionId id, const std::string& metadata_json);

  // --- original bytes.  Durable on return; storing the same bytes again costs a hash.
  std::string put_original(std::string_view bytes);                // returns the SHA-256
  std::string import_original(const std::filesystem::path& file);  // copies, any size
  std::optional<std::filesystem::path> original_path(const std::string& sha256) const;

  // --- uploaded files
  FileId add_file(const File& file);  // id and created_ms are ignored
  std::optional<File> file(FileId id) const;
  std::vector<File> files(Paging paging = {}) const;
  // Forgets the upload; its bytes go unless a document still holds them (delete those first).
  // False: no such file.
  bool delete_file(FileId id);

  // --- documents
  Added add_document(const NewDocument& document);
  std::optional<Document> document(DocumentId id) const;  // any version
  // The version that a key stands for now: the newest that is not superseded.
  std::optional<Document> find_document(CollectionId collection, const std::string& key) const;
  // Current versions, children among them, by id.
  std::vector<Document> documents(CollectionId collection,
                                  Paging paging = {},
                                  const Reader& reader = {}) const;
  ScopeSize size_of(const Scope& scope) const;
  std::vector<Document> documents_of_job(JobId job) const;
  std::vector<Document> children(DocumentId parent) const;
  std::vector<Document> versions(DocumentId id) const;  // all versions of its key, newest first

  // --- processing.  `interrupted_documents` are those that a worker died on, by id: queue them
  // again with requeue_document.
  std::vector<Document> queued_documents(int64_t limit) const;
  std::vector<Document> interrupted_documents() const;
  bool begin_processing(DocumentId id);               // false: it is not queued (any more)
  void set_progress(DocumentId id, double progress);  // in memory only
  void requeue_document(DocumentId id);  // one that is processing or failed; else nothing
  void fail_document(DocumentId id, const std::string& reason);
  // One transaction: texts, pages, chunks, tables, search rows and vectors of the document or,
  // where there are several or they carry member names, of its children; the older version is
  // superseded and leaves the search, but for children that the newer one keeps.  Returns the ids
  // that carry text.  If the document was deleted meanwhile, nothing is stored and the result is
  // empty.
  std::vector<DocumentId> complete_document(DocumentId id,
                                            std::span<const ProcessedDocument> parts,
                                            const ProcessedFile& file = {});

  // Held by the one process that works on documents; released when it ends, however it ends.
  std::optional<FileDescriptor> try_lock_worker() const;

  // --- reading a document
  std::optional<std::string> text(DocumentId id) const;
  std::vector<Page> pages(DocumentId id) const;    // with words
  std::vector<Chunk> chunks(DocumentId id) const;  // in order
  // The tokens of chunks [first_ordinal, first_ordinal + count), one after the other.
  std::vector<int32_t> tokens(DocumentId id, int64_t first_ordinal, int64_t count) const;
  // For another tokenizer than the one that made them: replaces every chunk's tokens.
  void replace_tokens(DocumentId id,
                      const std::string& tokenizer,
                      std::span<const std::vector<int32_t>> tokens_of_chunks);

  // --- tables of ready documents, by collection and name
  std::vector<RecordTable> record_tables(const std::vector<CollectionId>& collections) const;
  // For SELECTs over the tables of a collection.  They have the columns of their documents, and
  // "_row" (the row's number, from 1), "_document" (the id of the document that tells of it),
  // "_start" and "_end" (where its line stands in that document's text).
  // Rows that the reader may not read are not there, nor tables without any that it may.
  std::unique_ptr<TableReader> read_tables(CollectionId collection,
                                           const Reader& reader = {}) const;

  // --- search, over ready documents of the scope only; the `limit` best, best first.  A query is
  // words, never a query language.  What the reader may not read takes no part: it neither shows
  // nor takes a place.  (How rare a word is, BM25 counts over the whole collection.)
  std::vector<SearchHit> search_text(const Scope& scope,
                                     std::string_view query,
                                     int64_t limit = 500) const;
  // `query` is L2-normalised; chunks embedded by another embedder are not found.
  std::vector<SearchHit> search_vectors(const Scope& scope,
                                        const std::string& embedder,
                                        std::span<const float> query,
                                        int64_t limit = 500) const;
  // Writes the vector indexes to disk, so that the next start need not catch up.
  void save_vectors();

  // --- deletion.  The first transaction hides everything; then it is physically removed: original
  // bytes that nothing else holds, text, pages, chunks, tables, search rows, vectors, and the
  // answers whose prompt held it.  An interrupted removal is finished at the next open.  A document
  // goes with all versions of its key and all children.  Nothing: there is no such thing.
  std::optional<DeletionReceipt> delete_document(DocumentId id);
  std::optional<DeletionReceipt> delete_collection(CollectionId id);
  std::optional<DeletionReceipt> receipt(int64_t deletion) const;
  std::vector<DeletionReceipt> receipts() const;
  // What the model made of a document is not in the store: whoever has the prefix cache open
  // removes it from there, and says so; and each process forgets it that has read it.  Those whose
  // cached state is on disk still, and all after `after`; by id.
  std::vector<CachedDeletion> cached_deletions(int64_t after) const;
  // The last one that no unfinished one is before.
  int64_t last_deletion() const;
  void finish_cached_deletion(int64_t deletion, int64_t n_files);

  // --- repair of what is derived, or named by nothing; also while others use the directory.
  // Compares every vector index with the vectors in the database.  Returns the files that were not
  // what these make, and now are, or went because no collection has them.
  std::vector<RepairedVectors> repair_vectors();
  // Removes original bytes that no document or upload names, and what interrupted writing left of
  // some, and returns their names.  Younger ones stay: somebody may be about to name them.
  std::vector<std::string> sweep_originals(std::chrono::seconds younger_than);

  // --- jobs
  JobId create_job(const Job& job);  // id and times are ignored
  std::optional<Job> job(JobId id) const;
  std::vector<Job> jobs(Paging paging = {}) const;
  std::vector<Job> unfinished_jobs() const;
  void update_job(const Job& job);  // every field but id, kind and created_ms

  // --- conversations and answers
  ConversationId create_conversation(const Conversation& conversation);
  std::optional<Conversation> conversation(ConversationId id) const;
  bool delete_conversation(ConversationId id);  // with its answers
  // Id and created_ms are ignored.  Answers whose time is over go in the same transaction.
  AnswerId add_answer(const Answer& answer);
  std::optional<Answer> answer(AnswerId id) const;
  std::vector<Answer> answers(Paging paging = {}) const;
  std::vector<Answer> last_answers(int64_t limit) const;              // newest first
  std::vector<Answer> answers_of(ConversationId conversation) const;  // oldest first

  // --- evaluations
  EvaluationId create_evaluation(const Evaluation& evaluation);
  void update_evaluation(const Evaluation& evaluation);
  std::optional<Evaluation> evaluation(EvaluationId id) const;
  std::vector<Evaluation> evaluations(Paging paging = {}) const;
  bool delete_evaluation(EvaluationId id);
  void put_evaluation_item(EvaluationId id, const EvaluationItem& item);  // replaces its key's
  std::vector<EvaluationItem> evaluation_items(EvaluationId id) const;

 private:
  class Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Milliseconds since 1970 UTC.
int64_t now_ms();

}  // namespace widenet::store

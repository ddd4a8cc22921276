// What the store keeps, as plain values: collections, documents, chunks, jobs, answers, receipts.
//
// Positions count characters (Unicode code points) of a document's canonical text, times are
// milliseconds since 1970 UTC, and texts named *_json are opaque to the store: whoever writes them
// reads them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace widenet::store {

using CollectionId = int64_t;
using DocumentId = int64_t;  // Names one version of a document, never reused: the label D<id>.
using ChunkId = int64_t;     // Consecutive within a document, in text order.
using FileId = int64_t;
using JobId = int64_t;
using ConversationId = int64_t;
using AnswerId = int64_t;
using EvaluationId = int64_t;
using TableId = int64_t;

// Who reads.  A document that names no readers is for all who may read its collection; others are
// for those of whose names they name one.
struct Reader {
  bool reads_all = true;             // the operator: whatever a document names
  std::vector<std::string> names{};  // its own and those of its groups

  friend bool operator==(const Reader&, const Reader&) = default;
};
bool may_read(const Reader& reader, const std::vector<std::string>& readers);
// A document can name it: UTF-8 of 1 to 200 characters on one line.
bool is_reader_name(const std::string& name);

// The documents of these collections that the reader may read.
struct Scope {
  std::vector<CollectionId> collections{};
  Reader reader{};
};
struct ScopeSize {
  int64_t n_documents = 0;  // ready ones, like all of these
  int64_t n_chunks = 0;
  int64_t n_tokens = 0;
  int64_t n_chars = 0;
};

struct Collection {
  CollectionId id = 0;
  std::string name{};
  std::string metadata_json = "{}";
  int64_t created_ms = 0;
  // Counts over documents that are current: neither superseded nor being deleted.
  int64_t n_ready = 0;
  int64_t n_pending = 0;  // queued or processing
  int64_t n_failed = 0;
  int64_t n_chunks = 0;  // of ready documents, like the three below
  int64_t n_tokens = 0;
  int64_t n_chars = 0;
  int64_t original_bytes = 0;
};

//   queued -> processing -> ready -> superseded (by a newer version of the same key)
//                        -> failed (with a reason; asking again queues it again)
enum class DocumentState { queued, processing, ready, failed, superseded };
const char* name_of(DocumentState state);

// One version of a document.  A file that holds several documents (a ZIP, a mail with attachments)
// is a ready document without text or chunks whose children carry both.
struct Document {
  DocumentId id = 0;
  CollectionId collection = 0;
  std::string key{};  // path or name: what stays the same from version to version
  int64_t version = 1;
  std::optional<DocumentId> parent{};
  std::optional<FileId> file{};
  std::optional<JobId> job{};
  std::string title{};
  std::string format{};  // "pdf", "md", ...
  std::string sha256{};  // of the original bytes
  int64_t bytes = 0;
  DocumentState state = DocumentState::queued;
  std::vector<std::string> readers{};   // sorted; none: all who may read the collection
  std::string error{};                  // why it failed
  std::vector<std::string> warnings{};  // what went wrong without failing it
  double progress = 0;                  // 0 to 1 while processing; kept in memory only
  std::string metadata_json = "{}";
  std::string tokenizer{};  // SHA-256 of the tokenizer.json that made the chunks' tokens
  int64_t n_pages = 0;
  int64_t n_chunks = 0;
  int64_t n_tokens = 0;
  int64_t n_chars = 0;
  int64_t created_ms = 0;
  int64_t updated_ms = 0;
};

struct NewDocument {
  CollectionId collection = 0;
  std::string key{};
  std::string title{};  // empty: the last part of the key, until the text says better
  std::string format{};
  std::string sha256{};  // of bytes that put_original or import_original stored
  std::optional<FileId> file{};
  std::optional<JobId> job{};
  std::string metadata_json = "{}";
  // Each is_reader_name().  Not said: those of the version before, or none.
  std::optional<std::vector<std::string>> readers{};
};

// The same bytes under the same key are `unchanged` (unless they failed before: then queued again).
enum class AddOutcome { added, changed, unchanged, retried };
struct Added {
  DocumentId id = 0;
  AddOutcome outcome = AddOutcome::added;
};

// Where a word stands on its page, in points from the top left corner.
struct WordBox {
  int64_t start_char = 0;
  int64_t end_char = 0;
  float left = 0, top = 0, right = 0, bottom = 0;
};
struct Page {
  int32_t number = 1;
  int64_t start_char = 0;
  int64_t end_char = 0;
  float width = 0, height = 0;
  std::vector<WordBox> words{};
};

// Chunks are in text order and do not overlap.
struct ProcessedChunk {
  int64_t start_char = 0;
  int64_t end_char = 0;
  int32_t page = 0;                // of its first character; 0: the format has no pages
  std::vector<int32_t> tokens{};   // of the text from start_char to end_char
  std::vector<float> embedding{};  // L2-normalised; empty: no embedder was given
};

struct CharRange {
  int64_t start_char = 0;
  int64_t end_char = 0;
};

// Typed tables, which SQL may ask.  A date is text: ISO 8601, so that it compares; a boolean is 0
// or 1; an empty cell is nothing.
enum class TableColumnType { text, integer, real, date, boolean };
struct TableColumn {
  std::string name{};  // unique within its table
  TableColumnType type = TableColumnType::text;
  int32_t decimals = 0;  // of real numbers: the most digits seen behind the point
};
using TableCell = std::variant<std::monostate, int64_t, double, std::string>;
struct ProcessedTable {
  std::string name{};
  std::vector<TableColumn> columns{};
  std::vector<std::vector<TableCell>> rows{};  // as many cells as there are columns
  std::vector<CharRange> lines{};              // of the rows, in their documents' texts
  std::vector<size_t> parts{};  // of the rows: which part tells of them; empty: the table's own
  std::string description_json = "{}";
};

// A table of the current documents of a collection.
struct RecordTable {
  TableId id = 0;
  CollectionId collection = 0;
  DocumentId document = 0;  // that it came with; its rows may belong to children of that
  std::string name{};       // unique within its collection: a number is added if need be
  std::vector<TableColumn> columns{};
  int64_t n_rows = 0;
  std::string description_json = "{}";
};

struct TableRows {
  std::vector<std::string> columns{};
  std::vector<std::vector<TableCell>> rows{};
  bool is_cut = false;  // there are more than the limits allow
};
struct TableLimits {
  int64_t rows_max = 1000;
  int64_t bytes_max = int64_t{1} << 20;  // of all cells
  int64_t milliseconds_max = 2000;
};

// What processing makes of one document, stored in one transaction.
struct ProcessedDocument {
  std::string member{};  // empty, or the name inside the file: then it becomes a child
  std::string title{};
  std::string format{};
  std::string text{};  // canonical; valid UTF-8
  std::string metadata_json = "{}";
  std::vector<std::string> readers{};  // of a child; none: its parent's
  std::vector<Page> pages{};
  std::vector<ProcessedChunk> chunks{};
  std::vector<ProcessedTable> tables{};
  std::vector<std::string> warnings{};
  std::string tokenizer{};  // SHA-256 of tokenizer.json
  std::string embedder{};   // fingerprint of the embedder; empty: no embeddings

  // This child of the version before says the same and stays: of all above only `member`,
  // `metadata_json` and `readers` are looked at.
  std::optional<DocumentId> same_as{};
};

// What a file of several documents says of itself.
struct ProcessedFile {
  std::vector<ProcessedTable> tables{};  // with `parts`
  std::string metadata_json = "{}";
  std::vector<std::string> warnings{};
};

struct Chunk {
  ChunkId id = 0;
  DocumentId document = 0;
  int64_t ordinal = 0;  // 0, 1, ... within the document
  int64_t start_char = 0;
  int64_t end_char = 0;
  int32_t page = 0;
  int64_t n_tokens = 0;
};

struct SearchHit {
  Chunk chunk{};
  float score = 0;  // BM25 or inner product: larger is better, comparable within one list only
};

// A file as uploaded, in no collection yet or in several.
struct File {
  FileId id = 0;
  std::string name{};
  std::string purpose{};
  std::string sha256{};
  int64_t bytes = 0;
  std::string owner{};  // who uploaded it, to the store any text
  int64_t created_ms = 0;
};

enum class JobState { queued, running, done, failed, cancelled };
const char* name_of(JobState state);

struct Job {
  JobId id = 0;
  std::string kind{};  // "ingest", "delete", "eval", ...
  std::optional<CollectionId> collection{};
  JobState state = JobState::queued;
  int64_t total = 0;
  int64_t done = 0;    // counted by complete_document as well
  int64_t failed = 0;  // counted by fail_document as well
  std::string message{};
  std::string details_json = "{}";
  int64_t created_ms = 0;
  int64_t updated_ms = 0;
};

struct Conversation {
  ConversationId id = 0;
  std::string title{};
  std::vector<CollectionId> collections{};
  std::string metadata_json = "{}";
  std::string owner{};  // who may go on with it, to the store any text
  int64_t created_ms = 0;
  int64_t updated_ms = 0;
};

struct Answer {
  AnswerId id = 0;
  std::optional<ConversationId> conversation{};
  std::string question{};
  std::string answer_json{};            // text, citations, mode, usage, seconds, coverage
  std::vector<DocumentId> documents{};  // in the prompt; deleting one deletes the answer
  int64_t created_ms = 0;
  std::optional<int64_t> expires_ms{};  // from then on it is deleted with the next answer
};

struct Evaluation {
  EvaluationId id = 0;
  std::string kind{};              // "niah", "qa", ...
  std::string state{};             // "running", "done", "failed"
  std::string config_json = "{}";  // arguments, seed, build, model, machine
  std::string results_json = "{}";
  int64_t created_ms = 0;
  int64_t updated_ms = 0;
};
struct EvaluationItem {
  std::string key{};  // unique within the evaluation: what a resumed run need not do again
  std::string item_json{};
};

// What a deletion destroyed.
struct DeletionReceipt {
  int64_t id = 0;
  std::string what{};  // 'collection "contracts"' or 'document "a.pdf" of "contracts"'
  int64_t requested_ms = 0;
  int64_t finished_ms = 0;
  int64_t documents = 0;  // versions and children
  int64_t pages = 0;
  int64_t chunks = 0;  // each with its search row
  int64_t vectors = 0;
  int64_t answers = 0;
  std::optional<int64_t> cache_files{};  // of the prefix cache; none: not removed yet
  std::vector<std::string> originals{};  // SHA-256 of the original bytes that were unlinked
};

// A deletion that is finished but for what prefix caches may know of these documents.
struct CachedDeletion {
  int64_t id = 0;
  bool is_on_disk = true;  // nobody has removed it from there yet
  std::vector<DocumentId> documents{};
};

}  // namespace widenet::store

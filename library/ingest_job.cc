// From a queued document to one that can be searched: extracted, cut into chunks, embedded.
#include "library/ingest_job.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <new>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>
#include <utility>

#include "base/utf8.h"
#include "library/process_document.h"
#include "library/record_set.h"

namespace widenet::library {
namespace {

std::string extension_of(const std::string& key) {
  std::string extension = std::filesystem::path(key).extension().string();
  if (!extension.empty()) extension.erase(0, 1);
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return extension;
}

std::string last_part(const std::string& key) {
  return key.substr(key.find_last_of('/') + 1);
}

// Several documents out of one file: the names of those inside it, unique.
std::vector<std::string> member_names(const std::vector<ingest::ExtractedDocument>& documents) {
  std::vector<std::string> names;
  if (documents.size() == 1 && documents.front().format != "record") return {std::string()};
  std::set<std::string> taken;
  for (const auto& document : documents) {
    const auto given = document.metadata.find("name");
    const std::string name = given != document.metadata.end() ? given->second : document.title;
    std::string unique = name.empty() ? "part" : name;
    for (int n = 2; !taken.insert(unique).second; ++n) {
      unique = (name.empty() ? "part" : name) + " (" + std::to_string(n) + ")";
    }
    names.push_back(std::move(unique));
  }
  return names;
}

// One run over the queue; the workers share it.
class Run {
 public:
  Run(store::Store& store, const TextModel& model, const IngestOptions& options)
      : store_(store), model_(model), options_(options) {}

  IngestSummary work() {
    for (const auto& document : store_.interrupted_documents())
      store_.requeue_document(document.id);
    std::vector<std::thread> workers;
    for (int64_t i = 1; i < options_.n_children; ++i) workers.emplace_back([this] { drain(); });
    drain();
    for (auto& worker : workers) worker.join();
    if (failure_) std::rethrow_exception(failure_);
    return {.done = progress_.done, .failed = progress_.failed};
  }

 private:
  static constexpr int64_t kBatch = 64;
  static constexpr double kToldStep = 0.05;

  void drain() {
    try {
      while (const auto document = take()) work_on(*document);
    } catch (...) {  // of the store or the machine: everybody stops, work() tells
      const std::scoped_lock lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
      is_stopped_ = true;
    }
  }

  // The next document, marked as being worked on.
  std::optional<store::Document> take() {
    const std::scoped_lock lock(mutex_);
    for (;;) {
      if (is_stopped_ || (options_.is_cancelled && options_.is_cancelled())) return {};
      if (queue_.empty()) {
        for (auto& document : store_.queued_documents(kBatch))
          queue_.push_back(std::move(document));
      }
      if (queue_.empty()) return {};
      const store::Document document = std::move(queue_.front());
      queue_.pop_front();
      if (!store_.begin_processing(document.id)) continue;  // deleted meanwhile
      progress_.pending = static_cast<int64_t>(queue_.size()) + ++n_running_;
      report(document);
      return document;
    }
  }

  void work_on(const store::Document& document) {
    std::string reason = attempt(document);
    if (!reason.empty()) store_.fail_document(document.id, reason);
    const std::scoped_lock lock(mutex_);
    ++(reason.empty() ? progress_.done : progress_.failed);
    progress_.pending = static_cast<int64_t>(queue_.size()) + --n_running_;
    report(store_.document(document.id).value_or(document));
  }

  // Empty, or why the document failed.
  std::string attempt(const store::Document& document) {
    const auto path = store_.original_path(document.sha256);
    if (!path) return "its original bytes are missing from the data directory (ingest it again)";
    const ingest::ExtractOptions extract{
        .program = options_.extractor, .format = "auto", .limits = options_.limits};
    const auto extracted = ingest::extract_file(*path, last_part(document.key), extract);
    if (!extracted) return extracted.error();
    try {
      auto set = read_record_set(*extracted);
      if (set && !*set) return set->error();
      if (set) return complete_records(document, **set);
      const auto parts = process_all(document, *extracted);
      if (parts.empty()) return "it holds no text";
      store_.complete_document(document.id, parts);
    } catch (const std::bad_alloc&) {
      return "it needs more memory than there is";
    }
    return {};
  }

  std::vector<store::ProcessedDocument> process_all(
      const store::Document& document, const std::vector<ingest::ExtractedDocument>& extracted) {
    const auto names = member_names(extracted);
    const auto standing = standing_children(document);
    std::vector<store::ProcessedDocument> parts;
    const auto n_parts = static_cast<double>(extracted.size());
    double told = 0.0;
    for (size_t i = 0; i < extracted.size(); ++i) {
      const auto before = standing.find(document.key + "/" + names[i]);
      if (before != standing.end() && says_the_same(before->second, extracted[i])) {
        parts.push_back(kept(before->second, names[i], extracted[i]));
        continue;
      }
      parts.push_back(process_document(
          extracted[i], names[i], model_, options_.chunk_tokens, [&](double share) {
            const double done = (static_cast<double>(i) + share) / n_parts;
            if (done - told < kToldStep || done >= 1.0) return;
            told = done;
            tell_share(document.id, done);
          }));
    }
    return parts;
  }

  // What came out of the version before, by key: what says the same again need not be made again.
  std::map<std::string, store::Document> standing_children(const store::Document& document) const {
    std::map<std::string, store::Document> children;
    for (const auto& version : store_.versions(document.id)) {
      if (version.state != store::DocumentState::ready || version.parent) continue;
      for (auto& child : store_.children(version.id)) {
        if (child.state == store::DocumentState::ready) children.emplace(child.key, child);
      }
    }
    return children;
  }

  bool says_the_same(const store::Document& before, const ingest::ExtractedDocument& now) const {
    return before.title == now.title && before.tokenizer == model_.tokenizer_sha256() &&
           store_.text(before.id) == now.text;
  }

  static store::ProcessedDocument kept(const store::Document& before,
                                       const std::string& member,
                                       const ingest::ExtractedDocument& now) {
    store::ProcessedDocument part;
    part.member = member;
    part.metadata_json = nlohmann::json(now.metadata).dump();
    part.same_as = before.id;
    return part;
  }

  std::string complete_records(const store::Document& document, RecordSet& set) {
    auto parts = process_all(document, set.documents);
    for (size_t i = 0; i < parts.size(); ++i) parts[i].readers = std::move(set.readers[i]);
    const auto n_kept =
        std::ranges::count_if(parts, [](const auto& part) { return part.same_as.has_value(); });
    store::ProcessedFile file;
    file.tables = std::move(set.tables);
    file.warnings = std::move(set.warnings);
    file.metadata_json = nlohmann::json{{"records", std::to_string(parts.size())},
                                        {"unchanged", std::to_string(n_kept)}}
                             .dump();
    store_.complete_document(document.id, parts, file);
    return {};
  }

  // Extraction, which tells nothing of itself, counts for a tenth.
  void tell_share(store::DocumentId id, double share) {
    store_.set_progress(id, 0.1 + 0.9 * share);
    const auto document = store_.document(id);
    const std::scoped_lock lock(mutex_);
    if (document) report(*document);
  }

  void report(const store::Document& document) {
    if (!options_.on_progress) return;
    progress_.document = document;
    options_.on_progress(progress_);
  }

  store::Store& store_;
  const TextModel& model_;
  const IngestOptions& options_;

  std::mutex mutex_;  // guards all below
  std::deque<store::Document> queue_;
  int64_t n_running_ = 0;
  IngestProgress progress_;
  std::exception_ptr failure_;
  bool is_stopped_ = false;
};

IngestProgress progress_of(const store::Store& store, store::JobId job) {
  IngestProgress progress;
  for (const auto& document : store.documents_of_job(job)) {
    const bool is_pending = document.state == store::DocumentState::queued ||
                            document.state == store::DocumentState::processing;
    const bool has_failed = document.state == store::DocumentState::failed;
    ++(is_pending ? progress.pending : has_failed ? progress.failed : progress.done);
    if (document.state == store::DocumentState::processing) progress.document = document;
  }
  return progress;
}

}  // namespace

store::Added add_file(store::Store& store,
                      store::CollectionId collection,
                      const SourceFile& file,
                      std::optional<store::JobId> job,
                      const std::optional<std::vector<std::string>>& readers) {
  store::NewDocument document;
  document.readers = readers;
  document.collection = collection;
  document.key = to_valid_utf8(file.key);
  document.format = extension_of(document.key);
  document.sha256 = store.import_original(file.path);
  document.job = job;
  return store.add_document(document);
}

std::optional<IngestSummary> process_queued(store::Store& store,
                                            const TextModel& model,
                                            const IngestOptions& options) {
  const auto lock = store.try_lock_worker();
  if (!lock) return {};
  return Run(store, model, options).work();
}

IngestSummary run_ingest_job(store::Store& store,
                             const TextModel& model,
                             store::JobId id,
                             const IngestOptions& options) {
  constexpr auto kPause = std::chrono::milliseconds(200);
  IngestProgress progress;
  for (;; std::this_thread::sleep_for(kPause)) {  // while another process works
    process_queued(store, model, options);
    progress = progress_of(store, id);
    const bool is_cancelled = options.is_cancelled && options.is_cancelled();
    if (progress.pending == 0 || is_cancelled) break;
    if (options.on_progress) options.on_progress(progress);
  }
  auto job = store.job(id);
  if (job && progress.pending == 0) {
    job->state = store::JobState::done;
    store.update_job(*job);
  }
  return {.done = progress.done, .failed = progress.failed};
}

int64_t refresh_tokens(store::Store& store,
                       store::CollectionId collection,
                       const TextModel& model) {
  int64_t n_refreshed = 0;
  for (store::Paging paging;;) {
    const auto documents = store.documents(collection, paging);
    if (documents.empty()) return n_refreshed;
    paging.after_id = documents.back().id;
    for (const auto& document : documents) {
      if (document.n_chunks == 0 || document.tokenizer == model.tokenizer_sha256()) continue;
      const auto text = store.text(document.id);
      if (!text) continue;
      std::vector<std::vector<int32_t>> tokens;
      for (const auto& chunk : store.chunks(document.id)) {
        tokens.push_back(
            model.tokenizer().encode(slice_chars(*text, chunk.start_char, chunk.end_char)));
      }
      store.replace_tokens(document.id, model.tokenizer_sha256(), tokens);
      ++n_refreshed;
    }
  }
}

}  // namespace widenet::library

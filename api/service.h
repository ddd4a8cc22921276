// What the routes work with: the documents, the model, what runs in the background, and the bound
// on running questions.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <thread>

#include "answer/ask.h"
#include "api/http/principal.h"
#include "engine/engine.h"
#include "engine/prefix_cache.h"
#include "engine/scheduler.h"
#include "library/cache_sweeper.h"
#include "library/ingest_job.h"
#include "library/text_model.h"
#include "store/store.h"

namespace widenet::api {

// Works on jobs of one kind one after the other, on its own thread; those that an earlier process
// left unfinished come first.  Thread-safe.
class JobWorker {
 public:
  // Returns early when cancelled: the job then stays unfinished.  What it throws fails the job.
  using Work = std::function<void(store::JobId job, const std::function<bool()>& is_cancelled)>;

  // The store outlives the worker.
  JobWorker(store::Store& store, std::string kind, Work work);

  // Cancels the job that is being worked on; the rest stays queued in the store.
  ~JobWorker();

  void enqueue(store::JobId job);

  // Waits until nothing is left to do.
  void wait_until_idle();

 private:
  void run();
  void work_on(store::JobId job);

  store::Store& store_;
  const Work work_;
  std::atomic<bool> is_stopping_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<store::JobId> jobs_;  // guarded by mutex_
  bool is_busy_ = false;           // guarded by mutex_
  std::thread thread_;
};

// At most `count_max` holders at once.  Thread-safe.
class Gate {
 public:
  explicit Gate(int64_t count_max) : left_(count_max) {}

  // Holds a place until the last copy of the pointer goes.  Null: all are taken.
  std::shared_ptr<void> try_enter();

 private:
  std::atomic<int64_t> left_;
};

// As whom the documents of a warm job are read, for its details.
nlohmann::json warm_details(const Principal& principal);

// The parts outlive the service.  Without a model (engine, scheduler and asker null) documents can
// be stored and searched, and questions are answered with 503; without `text` they are only stored.
struct ServiceParts {
  store::Store& store;
  const library::TextModel* text = nullptr;
  engine::Engine* engine = nullptr;
  engine::Scheduler* scheduler = nullptr;
  answer::Asker* asker = nullptr;
  engine::PrefixCache* cache = nullptr;      // of the scheduler
  library::CacheSweeper* sweeper = nullptr;  // of the cache
  engine::EncodingTexts encoding = {};       // of the model
  library::IngestOptions ingest = {};
  int64_t n_questions_max = 16;  // running or waiting for the model: below the scheduler's bounds
};

// Of a deletion that the store has carried out: what the model made of the documents is gone, too,
// unless another process has the cache open and does it within a second.
store::DeletionReceipt finish_deletion(const ServiceParts& parts,
                                       const store::DeletionReceipt& receipt);

struct Service {
  explicit Service(ServiceParts given);

  ServiceParts parts;
  Gate questions;
  std::unique_ptr<JobWorker> ingest_worker;  // null without `text`
  std::unique_ptr<JobWorker> warm_worker;    // null without a model
};

}  // namespace widenet::api

// What the routes work with: the documents, the model, and the two things that run in the
// background, ingestion and the bound on running questions.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "answer/ask.h"
#include "engine/engine.h"
#include "engine/scheduler.h"
#include "library/ingest_job.h"
#include "library/text_model.h"
#include "store/store.h"

namespace widenet::api {

// Works on ingestion jobs one after the other, on its own thread; those that an earlier process
// left unfinished come first.  Thread-safe.
class IngestWorker {
 public:
  // Both are used until the worker is destroyed.
  IngestWorker(store::Store& store,
               const library::TextModel& model,
               library::IngestOptions options);

  // Lets the documents that are being worked on finish; the rest stays queued in the store.
  ~IngestWorker();

  void enqueue(store::JobId job);

  // Waits until nothing is left to do.
  void wait_until_idle();

 private:
  void run();
  void work_on(store::JobId job);

  store::Store& store_;
  const library::TextModel& model_;
  library::IngestOptions options_;
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

// The parts outlive the service.  Without a model (engine, scheduler and asker null) documents can
// be stored and searched, and questions are answered with 503; without `text` they are only stored.
struct ServiceParts {
  store::Store& store;
  const library::TextModel* text = nullptr;
  engine::Engine* engine = nullptr;
  engine::Scheduler* scheduler = nullptr;
  answer::Asker* asker = nullptr;
  engine::EncodingTexts encoding = {};  // of the model
  library::IngestOptions ingest = {};
  int64_t n_questions_max = 16;  // running or waiting for the model: below the scheduler's bounds
};

struct Service {
  explicit Service(ServiceParts given);

  ServiceParts parts;
  Gate questions;
  std::unique_ptr<IngestWorker> worker;  // null without `text`
};

}  // namespace widenet::api

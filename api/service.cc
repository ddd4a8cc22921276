// The background thread of ingestion, and the gate of questions.
#include "api/service.h"

#include <cstdio>
#include <exception>

namespace widenet::api {

IngestWorker::IngestWorker(store::Store& store,
                           const library::TextModel& model,
                           library::IngestOptions options)
    : store_(store), model_(model), options_(std::move(options)) {
  options_.is_cancelled = [this] { return is_stopping_.load(); };
  for (const auto& job : store_.unfinished_jobs()) {
    if (job.kind == "ingest") jobs_.push_back(job.id);
  }
  thread_ = std::thread([this] { run(); });
}

IngestWorker::~IngestWorker() {
  is_stopping_ = true;
  {
    const std::lock_guard lock(mutex_);
    jobs_.clear();
  }
  changed_.notify_all();
  thread_.join();
}

void IngestWorker::enqueue(store::JobId job) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(job);
  }
  changed_.notify_all();
}

void IngestWorker::wait_until_idle() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return jobs_.empty() && !is_busy_; });
}

void IngestWorker::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return !jobs_.empty() || is_stopping_; });
    if (is_stopping_) return;
    const store::JobId job = jobs_.front();
    jobs_.pop_front();
    is_busy_ = true;
    lock.unlock();
    work_on(job);
    lock.lock();
    is_busy_ = false;
    changed_.notify_all();
  }
}

// A failure of the machine (not of a document) fails the job; its documents stay queued.
void IngestWorker::work_on(store::JobId id) {
  try {
    library::run_ingest_job(store_, model_, id, options_);
    return;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "widenet: job %lld failed: %s\n", static_cast<long long>(id),
                 error.what());
    try {
      if (auto job = store_.job(id)) {
        job->state = store::JobState::failed;
        job->message = error.what();
        store_.update_job(*job);
      }
    } catch (const std::exception&) {
      // The store is what failed: the next start takes the job up again.
    }
  }
}

std::shared_ptr<void> Gate::try_enter() {
  if (left_.fetch_sub(1) <= 0) {
    left_.fetch_add(1);
    return nullptr;
  }
  return {this, [](Gate* gate) { gate->left_.fetch_add(1); }};
}

Service::Service(ServiceParts given) : parts(std::move(given)), questions(parts.n_questions_max) {
  if (parts.text != nullptr) {
    worker = std::make_unique<IngestWorker>(parts.store, *parts.text, parts.ingest);
  }
}

}  // namespace widenet::api

// Jobs in the background, and the gate of questions.
#include "api/service.h"

#include <chrono>
#include <cstdio>
#include <exception>
#include <nlohmann/json.hpp>

namespace widenet::api {
namespace {

constexpr std::chrono::seconds kProgressEvery{1};  // that a job's progress is written down

answer::AskRequest warm_request(const nlohmann::json& details) {
  answer::AskRequest request;
  request.tenant = details.value("tenant", std::string());
  request.reader = {.reads_all = details.value("reads_all", true),
                    .names = details.value("names", std::vector<std::string>())};
  return request;
}

// Its items are tokens.
void work_on_warm_job(store::Store& store,
                      answer::Asker& asker,
                      store::JobId id,
                      const std::function<bool()>& is_cancelled) {
  auto job = store.job(id);
  if (!job || !job->collection) return;
  job->state = store::JobState::running;
  auto last_kept = std::chrono::steady_clock::now();
  answer::AskEvents events;
  events.is_cancelled = is_cancelled;
  events.on_prefill = [&](int64_t done, int64_t total, double) {
    const auto now = std::chrono::steady_clock::now();
    if (job->total == total && now - last_kept < kProgressEvery) return;
    last_kept = now;
    job->done = done;
    job->total = total;
    store.update_job(*job);
  };
  answer::AskRequest scope = warm_request(nlohmann::json::parse(job->details_json));
  scope.collections = {*job->collection};
  const answer::Warmed warmed = asker.warm(scope, events);
  if (warmed.is_cancelled) return;
  job->done = job->total = warmed.prompt_tokens;
  job->state = store::JobState::done;
  store.update_job(*job);
}

}  // namespace

nlohmann::json warm_details(const Principal& principal) {
  return {{"tenant", principal.tenant},
          {"reads_all", principal.reader.reads_all},
          {"names", principal.reader.names}};
}

JobWorker::JobWorker(store::Store& store, std::string kind, Work work)
    : store_(store), work_(std::move(work)) {
  for (const auto& job : store_.unfinished_jobs()) {
    if (job.kind == kind) jobs_.push_back(job.id);
  }
  thread_ = std::thread([this] { run(); });
}

JobWorker::~JobWorker() {
  is_stopping_ = true;
  {
    const std::lock_guard lock(mutex_);
    jobs_.clear();
  }
  changed_.notify_all();
  thread_.join();
}

void JobWorker::enqueue(store::JobId job) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(job);
  }
  changed_.notify_all();
}

void JobWorker::wait_until_idle() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return jobs_.empty() && !is_busy_; });
}

void JobWorker::run() {
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

// What fails a job is the machine, or what it asks for; its documents stay as they are.
void JobWorker::work_on(store::JobId id) {
  try {
    work_(id, [this] { return is_stopping_.load(); });
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

store::DeletionReceipt finish_deletion(const ServiceParts& parts,
                                       const store::DeletionReceipt& receipt) {
  if (parts.sweeper != nullptr) {
    parts.sweeper->sweep();
  } else {
    library::sweep_cache_files(parts.store, parts.store.directory() / "cache");
  }
  return parts.store.receipt(receipt.id).value_or(receipt);
}

Service::Service(ServiceParts given) : parts(std::move(given)), questions(parts.n_questions_max) {
  if (parts.text != nullptr) {
    ingest_worker = std::make_unique<JobWorker>(
        parts.store, "ingest", [this](store::JobId job, const std::function<bool()>& is_cancelled) {
          library::IngestOptions options = parts.ingest;
          options.is_cancelled = is_cancelled;
          library::run_ingest_job(parts.store, *parts.text, job, options);
        });
  }
  if (parts.asker != nullptr) {
    warm_worker = std::make_unique<JobWorker>(
        parts.store, "warm", [this](store::JobId job, const std::function<bool()>& is_cancelled) {
          work_on_warm_job(parts.store, *parts.asker, job, is_cancelled);
        });
  }
}

}  // namespace widenet::api

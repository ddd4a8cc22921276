// The model's thread: takes requests in order and runs them side by side, step by step.
#include "engine/scheduler.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <list>
#include <mutex>
#include <thread>
#include <utility>

#include "engine/block_keys.h"
#include "engine/engine.h"
#include "engine/generation.h"
#include "engine/prefix_cache.h"

namespace widenet::engine {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// A prompt waits for another that is being read if that spares it as much.
constexpr int64_t kSharedMin = 512;

}  // namespace

class Scheduler::Impl {
 public:
  Impl(Engine& engine, const SchedulerOptions& options)
      : engine_(engine),
        options_(options),
        cache_(options.cache != nullptr ? options.cache : engine.make_cache({})) {
    thread_ = std::thread([this] { serve(); });
  }

  ~Impl() {
    {
      const std::lock_guard lock(mutex_);
      is_stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return n_callers_ == 0; });
  }

  Completion generate(const GenerationRequest& request, const GenerationCallbacks& callbacks) {
    Job job{request, callbacks, Clock::now(), {}, nullptr, false};
    std::unique_lock lock(mutex_);
    if (static_cast<int64_t>(queue_.size()) >= options_.queue_max) {
      throw QueueFull("cannot take the request: " + std::to_string(queue_.size()) +
                      " are waiting already; try again in a while");
    }
    queue_.push_back(&job);
    ++n_callers_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return job.is_done; });
    --n_callers_;
    changed_.notify_all();
    if (job.error) std::rethrow_exception(job.error);
    return std::move(job.completion);
  }

  int64_t n_pending() const {
    const std::lock_guard lock(mutex_);
    return static_cast<int64_t>(queue_.size()) + n_running_;
  }

  Reuse known(std::span<const TokenId> prompt, std::string_view scope) const {
    return cache_->known(prompt, scope);
  }

 private:
  // Lives on its caller's stack until is_done.
  struct Job {
    const GenerationRequest& request;
    const GenerationCallbacks& callbacks;
    Clock::time_point queued;
    Completion completion;
    std::exception_ptr error;
    bool is_done;  // guarded by mutex_
  };

  // A job that has begun.  `generation` is empty if it could not.
  struct Running {
    Job* job;
    double queue_seconds;
    std::unique_ptr<Generation> generation;
    int64_t last_chunk = 0;           // the number of its prompt's last one among all prompts'
    const Running* leader = nullptr;  // reads the first n_shared tokens of its prompt for it
    int64_t n_shared = 0;
  };

  void serve() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return is_stopping_ || !queue_.empty() || n_running_ > 0; });
      if (queue_.empty() && n_running_ == 0) return;
      std::vector<Job*> jobs;
      while (!queue_.empty() &&
             n_running_ + static_cast<int64_t>(jobs.size()) < options_.running_max) {
        jobs.push_back(queue_.front());
        queue_.pop_front();
      }
      n_running_ += static_cast<int64_t>(jobs.size());
      const bool is_stopping = is_stopping_;
      lock.unlock();
      for (Job* job : jobs) begin(*job);
      for (Running& running : running_) {
        guarded(running, [&](Generation& generation) {
          if (is_stopping || generation.is_cancelled()) generation.cancel();
        });
      }
      step();
      release_followers();
      const std::vector<Job*> done = take_done();
      lock.lock();
      for (Job* job : done) job->is_done = true;
      n_running_ -= static_cast<int64_t>(done.size());
      if (!done.empty()) changed_.notify_all();
    }
  }

  void begin(Job& job) {
    Running& running = running_.emplace_back();
    running.job = &job;
    running.queue_seconds = seconds_since(job.queued);
    try {
      running.generation = std::make_unique<Generation>(
          engine_, job.request, job.callbacks, engine_.make_session(cache_, job.request.scope));
      follow(running);
    } catch (...) {  // the caller's to handle: it is rethrown where generate() waits
      job.error = std::current_exception();
    }
  }

  // Does something with a generation; what goes wrong is its caller's to handle.
  template <typename Action>
  static void guarded(Running& running, const Action& action) {
    if (!is_alive(running)) return;
    try {
      action(*running.generation);
    } catch (...) {
      running.job->error = std::current_exception();
    }
  }

  static bool is_alive(const Running& running) {
    return !running.job->error && !running.generation->is_done();
  }

  // One step of the model: every answer, and the next chunk of one prompt.
  void step() {
    std::vector<Running*> taking_part;
    for (Running& running : running_) {
      if (is_alive(running) && !running.generation->is_prefilling()) {
        taking_part.push_back(&running);
      }
    }
    const std::vector<Running*> answers = taking_part;
    if (Running* prompt = next_prompt()) taking_part.push_back(prompt);
    if (taking_part.empty()) return;
    try {
      begin_decoding_steps(answers);
      std::vector<Session*> sessions;
      for (Running* running : taking_part) sessions.push_back(&running->generation->session());
      engine_.advance(sessions);
    } catch (...) {  // what is left of these sessions is unknown
      for (Running* running : taking_part) running->job->error = std::current_exception();
    }
    for (Running* running : taking_part) {
      guarded(*running, [](Generation& generation) { generation.end_step(); });
    }
  }

  void begin_decoding_steps(const std::vector<Running*>& answers) {
    std::vector<Engine::Draft> drafts;
    std::vector<Running*> guessing;
    const auto n = static_cast<int64_t>(answers.size());
    for (Running* running : answers) {
      Generation& generation = *running->generation;
      const int64_t n_wanted = generation.n_guesses_wanted(n);
      if (n_wanted == 0) {
        generation.begin_step({});
        continue;
      }
      drafts.push_back({&generation.session(), generation.next_token(), n_wanted, {}});
      guessing.push_back(running);
    }
    if (!drafts.empty()) engine_.draft(drafts);
    for (size_t i = 0; i < guessing.size(); ++i) {
      guessing[i]->generation->begin_step(std::move(drafts[i].tokens));
    }
  }

  // Prompts take turns; those that nobody waits for when there is no other.
  Running* next_prompt() {
    Running* chosen = nullptr;
    for (Running& running : running_) {
      if (!is_reading(running) || running.leader != nullptr) continue;
      const auto turn = [&](const Running& r) { return std::pair(!is_urgent(r), r.last_chunk); };
      if (chosen == nullptr || turn(running) < turn(*chosen)) chosen = &running;
    }
    if (chosen != nullptr) chosen->last_chunk = ++n_chunks_;
    return chosen;
  }

  bool is_urgent(const Running& running) const {
    const auto waits = [&](const Running& other) {
      const bool is_for = &other == &running || other.leader == &running;
      return is_for && !other.job->request.is_background;
    };
    return std::ranges::any_of(running_, waits);
  }

  static bool is_reading(const Running& running) {
    return is_alive(running) && running.generation->is_prefilling();
  }

  // Finds the prompt being read that begins as this one does, for longest.
  void follow(Running& running) {
    const Session& mine = running.generation->session();
    running.leader = nullptr;
    for (Running& other : running_) {
      if (&other == &running || !is_reading(other) || other.leader != nullptr ||
          other.job->request.scope != running.job->request.scope) {
        continue;
      }
      const Session& theirs = other.generation->session();
      const auto parting = std::ranges::mismatch(mine.goal(), theirs.goal());
      const int64_t n_shared = (parting.in1 - mine.goal().begin()) / kBlockTokens * kBlockTokens;
      const int64_t n_known = running.leader == nullptr ? mine.n_tokens() : running.n_shared;
      if (n_shared < theirs.n_tokens() || n_shared < n_known + kSharedMin) continue;
      running.leader = &other;
      running.n_shared = n_shared;
    }
    if (running.leader != nullptr) {
      running.leader->generation->session().remember_at(running.n_shared);
    }
  }

  // Those whose leader has come as far as they go together, or will not, go on by themselves.
  void release_followers() {
    for (Running& running : running_) {
      const Running* leader = running.leader;
      if (leader == nullptr || !is_reading(running)) continue;
      const int64_t n_read = is_alive(*leader) ? leader->generation->session().n_tokens() : 0;
      guarded(running, [&](Generation& generation) {
        if (is_reading(*leader) && n_read < running.n_shared) {
          return generation.report_progress(n_read);
        }
        generation.resume();
        follow(running);
      });
    }
  }

  // The jobs that have ended, with their results.
  std::vector<Job*> take_done() {
    std::vector<Job*> done;
    for (auto it = running_.begin(); it != running_.end();) {
      if (is_alive(*it)) {
        ++it;
        continue;
      }
      Job& job = *it->job;
      if (!job.error) {
        job.completion = it->generation->take_completion();
        job.completion.seconds.queue = it->queue_seconds;
      }
      done.push_back(&job);
      it = running_.erase(it);
    }
    return done;
  }

  Engine& engine_;
  const SchedulerOptions options_;
  const std::shared_ptr<PrefixCache> cache_;
  std::list<Running> running_;  // in the order in which they began; the model's thread alone
  int64_t n_chunks_ = 0;        // of prompts, so far

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job*> queue_;    // guarded by mutex_
  int64_t n_callers_ = 0;     // inside generate(); guarded by mutex_
  int64_t n_running_ = 0;     // guarded by mutex_
  bool is_stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

Scheduler::Scheduler(Engine& engine, const SchedulerOptions& options)
    : impl_(std::make_unique<Impl>(engine, options)) {}

Scheduler::~Scheduler() = default;

Completion Scheduler::generate(const GenerationRequest& request,
                               const GenerationCallbacks& callbacks) {
  return impl_->generate(request, callbacks);
}

int64_t Scheduler::n_pending() const {
  return impl_->n_pending();
}

Reuse Scheduler::known(std::span<const TokenId> prompt, std::string_view scope) const {
  return impl_->known(prompt, scope);
}

}  // namespace widenet::engine

// The model's thread: takes requests in order, prefills, samples, streams.
#include "engine/scheduler.h"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <list>
#include <mutex>
#include <thread>
#include <utility>

#include "engine/engine.h"
#include "engine/model_config.h"

namespace widenet::engine {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// The conversations' sessions, most recently used first.  A session in use is taken out, so that
// one whose computation failed is not seen again.
class KeptSessions {
 public:
  explicit KeptSessions(int64_t count_max) : count_max_(count_max) {}

  std::unique_ptr<Session> take(const std::string& key) {
    for (auto it = kept_.begin(); it != kept_.end(); ++it) {
      if (it->first != key) continue;
      std::unique_ptr<Session> session = std::move(it->second);
      kept_.erase(it);
      return session;
    }
    return nullptr;
  }

  void put(const std::string& key, std::unique_ptr<Session> session) {
    kept_.emplace_front(key, std::move(session));
    if (static_cast<int64_t>(kept_.size()) > count_max_) kept_.pop_back();
  }

 private:
  int64_t count_max_;
  std::list<std::pair<std::string, std::unique_ptr<Session>>> kept_;
};

// One request on one session, from its first chunk to its last token.
class Generation {
 public:
  Generation(const Engine& engine,
             const GenerationRequest& request,
             const GenerationCallbacks& callbacks,
             Session& session)
      : engine_(engine),
        request_(request),
        callbacks_(callbacks),
        session_(session),
        sampler_(request.sampling),
        stops_(request.stop),
        decoder_(engine.tokenizer()) {}

  Completion run(const std::function<bool()>& is_stopping) {
    is_stopping_ = is_stopping;
    const auto start = Clock::now();
    const bool is_prefilled = prefill();
    completion_.seconds.prefill = seconds_since(start);
    if (!is_prefilled) {
      completion_.finish_reason = FinishReason::cancelled;
      return std::move(completion_);
    }
    const auto decode_start = Clock::now();
    completion_.finish_reason = decode();
    if (!has_stop_string_) emit(stops_.feed(decoder_.finish()));
    if (!has_stop_string_) emit({stops_.finish(), false});
    completion_.usage.completion_tokens = static_cast<int64_t>(completion_.tokens.size());
    completion_.seconds.decode = seconds_since(decode_start);
    return std::move(completion_);
  }

 private:
  bool is_cancelled() const {
    return is_stopping_() || (callbacks_.is_cancelled && callbacks_.is_cancelled());
  }

  bool prefill() {
    SyncOptions options;
    options.keep_going = [&](int64_t done, int64_t total) {
      if (callbacks_.on_prefill) callbacks_.on_prefill(done, total);
      return !is_cancelled();
    };
    const SyncResult result = session_.sync(request_.prompt, options);
    const auto total = static_cast<int64_t>(request_.prompt.size());
    completion_.usage.prompt_tokens = total;
    completion_.usage.cached_tokens = result.reused;
    completion_.usage.computed_tokens = result.computed;
    if (!result.cancelled && callbacks_.on_prefill) callbacks_.on_prefill(total, total);
    return !result.cancelled;
  }

  FinishReason decode() {
    std::vector<TokenId> timeline = request_.prompt;
    while (static_cast<int64_t>(completion_.tokens.size()) < request_.max_tokens) {
      if (is_cancelled()) return FinishReason::cancelled;
      const TokenId token = sampler_.sample(session_.logits());
      completion_.tokens.push_back(token);
      if (token == engine_.config().eos_token) return FinishReason::stop;
      emit(stops_.feed(decoder_.feed(token)));
      if (has_stop_string_) return FinishReason::stop;
      timeline.push_back(token);
      const bool is_last = static_cast<int64_t>(completion_.tokens.size()) == request_.max_tokens ||
                           static_cast<int64_t>(timeline.size()) > engine_.n_tokens_max();
      if (is_last) break;
      session_.sync(timeline);
    }
    return FinishReason::length;
  }

  void emit(const StopStrings::Output& output) {
    has_stop_string_ = has_stop_string_ || output.stopped;
    if (output.text.empty()) return;
    completion_.text += output.text;
    if (callbacks_.on_text) callbacks_.on_text(output.text);
  }

  const Engine& engine_;
  const GenerationRequest& request_;
  const GenerationCallbacks& callbacks_;
  Session& session_;
  Sampler sampler_;
  StopStrings stops_;
  StreamDecoder decoder_;
  bool has_stop_string_ = false;
  std::function<bool()> is_stopping_;
  Completion completion_;
};

}  // namespace

class Scheduler::Impl {
 public:
  Impl(Engine& engine, const SchedulerOptions& options)
      : engine_(engine), options_(options), sessions_(options.sessions_max) {
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
    return static_cast<int64_t>(queue_.size()) + (is_running_ ? 1 : 0);
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

  void serve() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return is_stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      Job& job = *queue_.front();
      queue_.pop_front();
      is_running_ = true;
      lock.unlock();
      run(job);
      lock.lock();
      is_running_ = false;
      job.is_done = true;
      changed_.notify_all();
    }
  }

  void run(Job& job) {
    const double queue_seconds = seconds_since(job.queued);
    const auto is_stopping = [this] {
      const std::lock_guard lock(mutex_);
      return is_stopping_;
    };
    try {
      const std::string& key = job.request.session_key;
      std::unique_ptr<Session> session = key.empty() ? nullptr : sessions_.take(key);
      if (session == nullptr) session = engine_.make_session();
      job.completion = Generation(engine_, job.request, job.callbacks, *session).run(is_stopping);
      job.completion.seconds.queue = queue_seconds;
      if (!key.empty()) sessions_.put(key, std::move(session));
    } catch (...) {  // the caller's to handle: it is rethrown where generate() waits
      job.error = std::current_exception();
    }
  }

  Engine& engine_;
  const SchedulerOptions options_;
  KeptSessions sessions_;  // the model's thread alone

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job*> queue_;    // guarded by mutex_
  int64_t n_callers_ = 0;     // inside generate(); guarded by mutex_
  bool is_running_ = false;   // guarded by mutex_
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

}  // namespace widenet::engine

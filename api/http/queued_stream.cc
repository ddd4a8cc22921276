// A bounded queue of formatted events, and waking the thread that empties it.
#include "api/http/queued_stream.h"

#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace widenet::api {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr size_t kQueuedBytesMax = 1 << 20;

}  // namespace

bool QueuedStream::send(const Event& event) {
  const std::lock_guard lock(mutex_);
  if (queued_.size() > kQueuedBytesMax) drop();
  if (is_broken_) return false;
  queued_ += format_event(event);
  wake();
  return true;
}

bool QueuedStream::is_closed() const {
  {
    const std::lock_guard lock(mutex_);
    if (is_broken_) return true;
  }
  return is_cancelled_();
}

void QueuedStream::finish() {
  const std::lock_guard lock(mutex_);
  is_finished_ = true;
  wake();
}

void QueuedStream::break_off() {
  const std::lock_guard lock(mutex_);
  drop();
}

QueuedStream::Taken QueuedStream::take() {
  const std::lock_guard lock(mutex_);
  return {std::exchange(queued_, {}), is_finished_, is_broken_};
}

asio::awaitable<bool> QueuedStream::wait(std::chrono::milliseconds time) {
  timer_.expires_after(time);
  error_code error;
  co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, error));
  co_return static_cast<bool>(error);
}

void QueuedStream::drop() {
  is_broken_ = true;
  queued_.clear();
  wake();
}

void QueuedStream::wake() {
  asio::post(timer_.get_executor(), [self = shared_from_this()] { self->timer_.cancel(); });
}

}  // namespace widenet::api

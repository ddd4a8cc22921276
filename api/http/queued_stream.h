// QueuedStream: events on their way from a handler's thread to the network thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "api/http/message.h"

namespace widenet::api {

// A reader that falls a mebibyte behind is dropped.  The handler's end may be used from any thread,
// take() and wait() on the network thread only.
class QueuedStream final : public EventStream, public std::enable_shared_from_this<QueuedStream> {
 public:
  QueuedStream(boost::asio::any_io_executor network, std::function<bool()> is_cancelled)
      : timer_(network), is_cancelled_(std::move(is_cancelled)) {}

  bool send(const Event& event) override;
  bool is_closed() const override;

  // The handler has returned.
  void finish();

  // The reader has gone: what is queued and whatever follows is dropped.
  void break_off();

  struct Taken {
    std::string bytes;
    bool is_finished;
    bool is_broken;
  };
  Taken take();

  // Until something was queued or finished (true), or `time` has passed (false).  A wake-up cannot
  // be lost: it is posted to the network thread, which is the one that called take() before this.
  boost::asio::awaitable<bool> wait(std::chrono::milliseconds time);

 private:
  void drop();
  void wake();

  boost::asio::steady_timer timer_;
  const std::function<bool()> is_cancelled_;
  mutable std::mutex mutex_;
  std::string queued_;        // guarded by mutex_
  bool is_finished_ = false;  // guarded by mutex_
  bool is_broken_ = false;    // guarded by mutex_
};

}  // namespace widenet::api

// Deadline: a bound on how long a connection's coroutine waits for its socket.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

namespace widenet::api {

// Cancels what the socket, which outlives it, is waiting for when time is up.  Network thread only.
class Deadline {
 public:
  explicit Deadline(boost::asio::ip::tcp::socket& socket)
      : state_(std::make_shared<State>(
            State{boost::asio::steady_timer(socket.get_executor()), socket})) {}
  ~Deadline() { clear(); }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  void set(std::chrono::milliseconds time) {
    state_->has_expired = false;
    state_->timer.expires_after(time);
    state_->timer.async_wait(
        [state = state_, turn = ++state_->turn](boost::system::error_code error) {
          if (error || state->turn != turn) return;
          state->has_expired = true;
          boost::system::error_code ignored;
          state->socket.cancel(ignored);
        });
  }
  void clear() {
    ++state_->turn;
    state_->timer.cancel();
  }
  bool has_expired() const { return state_->has_expired; }

 private:
  struct State {
    boost::asio::steady_timer timer;
    boost::asio::ip::tcp::socket& socket;
    uint64_t turn = 0;  // a wait that was begun in an earlier turn means nothing
    bool has_expired = false;
  };
  std::shared_ptr<State> state_;
};

}  // namespace widenet::api

// One connection: a coroutine that reads requests, has them answered, and writes the replies.
#pragma once

#include <atomic>
#include <functional>
#include <list>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/thread_pool.hpp>

#include "api/http/server.h"

namespace widenet::api {

using Socket = boost::asio::ip::tcp::socket;

// g++ 12 destroys temporaries of a conditional or a braced list in an awaited expression twice:
// such arguments are named first.
template <typename T>
using Awaitable = boost::asio::awaitable<T>;

// What the connections of one server share.  Touched on the network thread only, but for what is
// atomic or immutable.
struct ServerState {
  const Router& router;
  const Guard guard;
  const ServerOptions options;
  boost::asio::thread_pool handlers;
  std::atomic<bool> is_stopping = false;    // no further request on any connection
  std::atomic<bool> is_cancelling = false;  // running handlers are told to give up
  std::list<Socket*> incoming = {};         // waiting for or reading requests: cut off by stop()
};

// Serves `socket` until either side ends it.  Throws nothing but what the system has run out of.
Awaitable<void> serve_connection(Socket socket, ServerState& state);

// Tells one client that there are too many, and closes.
Awaitable<void> refuse_connection(Socket socket, ServerState& state);

}  // namespace widenet::api

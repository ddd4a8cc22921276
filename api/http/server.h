// The HTTP/1.1 server: sockets, limits, timeouts and event streams around a Router.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

#include "api/http/guard.h"
#include "api/http/router.h"

namespace widenet::api {

// Why the server could not be started: the address, and what the system said.
class ServerError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct ServerOptions {
  std::string host = "127.0.0.1";
  uint16_t port = 8080;  // 0: any free one
  std::filesystem::path temporary_directory = std::filesystem::temp_directory_path();
  bool stops_on_signals = false;  // SIGINT and SIGTERM call stop()

  int n_handler_threads = 32;
  int64_t n_connections_max = 128;  // further ones get 503 and are closed
  int64_t header_bytes_max = 32 << 10;
  int64_t target_bytes_max = 8 << 10;
  int64_t json_bytes_max = 16 << 20;
  int64_t file_bytes_max = int64_t{512} << 20;

  std::chrono::milliseconds idle_timeout = std::chrono::seconds(75);    // between requests
  std::chrono::milliseconds header_timeout = std::chrono::seconds(15);  // first byte to last
  std::chrono::milliseconds body_timeout = std::chrono::seconds(30);    // without a byte arriving
  std::chrono::milliseconds write_timeout = std::chrono::seconds(30);   // without a byte leaving
  std::chrono::milliseconds heartbeat = std::chrono::seconds(15);       // of silent event streams
  std::chrono::milliseconds stop_grace = std::chrono::seconds(5);  // then handlers are cancelled
};

// One thread does the network, a pool of n_handler_threads runs the handlers; whatever is not
// running waits in bounded places (connections, socket buffers, a mebibyte of events a stream: a
// reader that falls further behind is dropped).
//
// A handler learns through Request::is_cancelled and EventStream::is_closed that its client has
// gone.  A reply that the limits or the protocol ask for never reaches a handler.
//
// stop() may be called from any thread, and again.  It closes the listening socket and idle
// connections at once, lets running requests finish for stop_grace, then cancels them; run()
// returns when the last one has ended.
class Server {
 public:
  // Listens from now on.  Throws ServerError, also for an address beyond loopback without an API
  // key in `guard`.  `router` must outlive the server.
  Server(const Router& router, Guard guard, const ServerOptions& options);
  ~Server();

  uint16_t port() const;
  void run();
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace widenet::api

// ResponseWriter: replies and event streams, written to a socket within a time.
#pragma once

#include <string_view>

#include "api/http/connection.h"
#include "api/http/deadline.h"
#include "api/http/queued_stream.h"

namespace widenet::api {

// One for each connection, on the network thread.  Its coroutines throw system_error when the
// client has gone or takes too long.
class ResponseWriter {
 public:
  // Both outlive the writer.
  ResponseWriter(Socket& socket, ServerState& state);

  struct Protocol {
    unsigned version = 11;     // of HTTP: 10 or 11
    bool keeps_alive = false;  // after the reply, if it can be
  };

  // Writes the whole reply; for a stream, runs its handler to the end.  Returns whether the
  // connection can go on; if not, it has been shut down.
  Awaitable<bool> write(Response response, const Request& request, Protocol protocol);

  Awaitable<void> write_bytes(std::string_view bytes);

 private:
  Awaitable<void> write_stream(Response response, const Request& request);
  Awaitable<void> pump(QueuedStream& queue, bool is_chunked);
  Awaitable<void> close_gently();

  Socket& socket_;
  ServerState& state_;
  Deadline deadline_;
  Protocol protocol_;  // of the reply that is being written
};

}  // namespace widenet::api

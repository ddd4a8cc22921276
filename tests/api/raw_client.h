// A client that says exactly what a test wants, well-formed or not, and hears exactly what comes.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "base/file.h"

namespace widenet::api {

class RawClient {
 public:
  explicit RawClient(uint16_t port) { WN_CHECK(connect(port, /*seconds_max=*/20)); }

  // Nothing if nobody listens there.  A reply is waited for so long.
  static std::optional<RawClient> try_connect(uint16_t port, int seconds_max) {
    RawClient client;
    if (!client.connect(port, seconds_max)) return std::nullopt;
    return client;
  }

  // False once the server has reset the connection.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }

  // Reads until `mark` has come (and keeps what is behind it), or the server has closed.
  std::string read_until(std::string_view mark) {
    size_t at = std::string::npos;
    while ((at = received_.find(mark)) == std::string::npos && read_more()) {
    }
    const size_t end = at == std::string::npos ? received_.size() : at + mark.size();
    std::string out = received_.substr(0, end);
    received_.erase(0, end);
    return out;
  }

  std::string read_all() {
    while (read_more()) {
    }
    return std::exchange(received_, {});
  }

  // One reply with a Content-Length: head and body.
  std::string read_reply() {
    std::string head = read_until("\r\n\r\n");
    const size_t at = head.find("Content-Length: ");
    if (at == std::string::npos) return head;
    const size_t length = std::strtoull(head.c_str() + at + 16, nullptr, 10);
    while (received_.size() < length && read_more()) {
    }
    head += received_.substr(0, length);
    received_.erase(0, length);
    return head;
  }

  bool is_closed_by_server() { return received_.empty() && !read_more(); }
  void close() { socket_.reset(); }

 private:
  RawClient() = default;

  bool connect(uint16_t port, int seconds_max) {
    socket_.reset(::socket(AF_INET, SOCK_STREAM, 0));
    const timeval limit{.tv_sec = seconds_max, .tv_usec = 0};  // a hung test fails instead
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return ::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }

  bool read_more() {
    char chunk[4096];
    const ssize_t n = ::recv(socket_.get(), chunk, sizeof chunk, 0);
    if (n <= 0) return false;
    received_.append(chunk, static_cast<size_t>(n));
    return true;
  }

  FileDescriptor socket_;
  std::string received_;
};

// The status of "HTTP/1.1 200 OK..."; 0: no such line.
inline int status_of(std::string_view reply) {
  return reply.size() < 12 || !reply.starts_with("HTTP/1.")
             ? 0
             : std::atoi(std::string(reply.substr(9, 3)).c_str());
}

}  // namespace widenet::api

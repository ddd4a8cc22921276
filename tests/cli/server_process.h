// A `widenet serve` of its own, to be asked over HTTP and killed.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"

namespace widenet::testing {

class ServerProcess {
 public:
  using Clock = std::chrono::steady_clock;

  // Starts it in `directory`, on a free port, with further arguments.  What it says on stderr comes
  // into the file `serve.err` there.
  ServerProcess(const std::filesystem::path& directory, const std::vector<std::string>& arguments);
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  // Where it listens; 0 if it does not until then.
  uint16_t wait_for_port(Clock::time_point deadline);

  // Ends it with a signal, and waits for its end.  Returns how it ended: 128 + SIGKILL, or what it
  // had ended with before.
  int end(int signal);

 private:
  FileDescriptor out_;
  pid_t process_ = -1;
};

// The object that a POST gives; nothing if the server goes before it is whole.
std::optional<nlohmann::json> post(uint16_t port,
                                   const std::string& target,
                                   const nlohmann::json& body);

}  // namespace widenet::testing

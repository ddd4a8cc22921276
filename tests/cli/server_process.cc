#include "tests/cli/server_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "tests/api/raw_client.h"

namespace widenet::testing {
namespace {

constexpr int kReplySecondsMax = 120;

int exit_code_of(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

ServerProcess::ServerProcess(const std::filesystem::path& directory,
                             const std::vector<std::string>& arguments) {
  const std::string program = WN_BINARY_DIR "/widenet";
  std::vector<std::string> words = {program, "serve", "--port", "0"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("cannot make a pipe");
  out_.reset(ends[0]);
  const FileDescriptor in(ends[1]);
  process_ = ::fork();
  if (process_ < 0) throw std::runtime_error("cannot fork");
  if (process_ == 0) {
    if (::chdir(directory.c_str()) != 0) ::_exit(126);
    const int errors = ::open("serve.err", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (errors < 0 || ::dup2(errors, 2) < 0 || ::dup2(in.get(), 1) < 0) ::_exit(126);
    ::execv(program.c_str(), argv.data());
    ::_exit(127);
  }
}

ServerProcess::~ServerProcess() {
  if (process_ > 0) end(SIGKILL);
}

uint16_t ServerProcess::wait_for_port(Clock::time_point deadline) {
  std::string said;  // "widenet: http://127.0.0.1:8080/ (Ctrl-C stops it)\n"
  while (said.find('\n') == std::string::npos) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd waited{.fd = out_.get(), .events = POLLIN, .revents = 0};
    if (left <= 0 || ::poll(&waited, 1, static_cast<int>(left)) <= 0) return 0;
    char bytes[256];
    const ssize_t n = ::read(out_.get(), bytes, sizeof bytes);
    if (n <= 0) return 0;
    said.append(bytes, static_cast<size_t>(n));
  }
  const size_t colon = said.rfind(':');
  return static_cast<uint16_t>(std::stoi(said.substr(colon + 1)));
}

int ServerProcess::end(int signal) {
  int status = 0;
  if (::waitpid(process_, &status, WNOHANG) == 0) {
    ::kill(process_, signal);
    ::waitpid(process_, &status, 0);
  }
  process_ = -1;
  return exit_code_of(status);
}

std::optional<nlohmann::json> post(uint16_t port,
                                   const std::string& target,
                                   const nlohmann::json& body) {
  auto client = api::RawClient::try_connect(port, kReplySecondsMax);
  const std::string bytes = body.dump();
  const std::string request =
      "POST " + target + " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n" +
      "Content-Length: " + std::to_string(bytes.size()) + "\r\nConnection: close\r\n\r\n" + bytes;
  if (!client || !client->send(request)) return std::nullopt;
  const std::string reply = client->read_reply();
  const size_t at = reply.find("\r\n\r\n");
  if (at == std::string::npos) return std::nullopt;
  auto json = nlohmann::json::parse(reply.substr(at), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return std::nullopt;  // an object that was cut is none
  return json;
}

}  // namespace widenet::testing

#include "ingest/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/file.h"

namespace widenet::ingest {
namespace {

constexpr size_t kErrorBytesMax = 16 << 10;

[[noreturn]] void fail(const std::string& what, int error) {
  throw ExtractError(what + ": " + strerror(error));
}

struct Pipe {
  FileDescriptor read_end;
  FileDescriptor write_end;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) fail("cannot make a pipe", errno);
  return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

std::vector<char*> pointers_to(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& text : strings) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// posix_spawn's two bags of settings.
class SpawnSettings {
 public:
  SpawnSettings() {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  // Only the standard descriptors; no signals blocked or ignored, whatever the caller does.
  void set(const ProcessOptions& options, int output, int errors) {
    if (options.stdin_fd < 0) {
      posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0);
    } else {
      posix_spawn_file_actions_adddup2(&actions_, options.stdin_fd, 0);
    }
    posix_spawn_file_actions_adddup2(&actions_, output, 1);
    posix_spawn_file_actions_adddup2(&actions_, errors, 2);
    posix_spawn_file_actions_addclosefrom_np(&actions_, 3);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setpgroup(&attributes_, 0);
    const int group = options.own_group ? POSIX_SPAWN_SETPGROUP : 0;
    posix_spawnattr_setflags(
        &attributes_, static_cast<short>(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | group));
  }

  pid_t spawn(const ProcessOptions& options) {
    const std::vector<char*> arguments = pointers_to(options.arguments);
    const std::vector<char*> environment = pointers_to(options.environment);
    pid_t pid = -1;
    const int error = posix_spawnp(&pid, arguments[0], &actions_, &attributes_, arguments.data(),
                                   environment.data());
    if (error != 0) fail("cannot start " + options.arguments[0], error);
    return pid;
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

// A running child: killed and reaped, if nobody waited for it.
class Child {
 public:
  Child(pid_t pid, bool own_group) : pid_(pid), own_group_(own_group) {}
  ~Child() {
    kill_all();
    if (!reaped_) wait();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // The group outlives its leader: what the leader left behind goes too.
  void kill_all() {
    if (own_group_) {
      killpg(pid_, SIGKILL);
    } else if (!reaped_) {
      ::kill(pid_, SIGKILL);
    }
  }

  // Readable once the child has ended.
  FileDescriptor exit_event() const {
    const int fd = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
    if (fd < 0) fail("cannot watch a child process", errno);
    return FileDescriptor(fd);
  }

  int wait() {
    // The leader's number must not be given to another group before the group was killed, so the
    // exit is awaited first, unreaped.
    siginfo_t info{};
    while (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) != 0 &&
           errno == EINTR) {
    }
    if (own_group_) killpg(pid_, SIGKILL);
    own_group_ = false;
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    reaped_ = true;
    return status;
  }

 private:
  pid_t pid_;
  bool own_group_;
  bool reaped_ = false;
};

// Reads what is there; false at the end of the stream.
bool read_some(int fd, std::string& into) {
  std::array<char, 64 << 10> buffer;
  const ssize_t got = read(fd, buffer.data(), buffer.size());
  if (got < 0) return errno == EINTR || errno == EAGAIN;
  into.append(buffer.data(), static_cast<size_t>(got));
  return got > 0;
}

// Reads both streams until they end and the child has; says why it stopped before that.
class Watch {
 public:
  Watch(const ProcessOptions& options, ProcessResult& result)
      : options_(options), result_(result) {}

  ProcessEnd until_end(FileDescriptor output, FileDescriptor errors, FileDescriptor exit) {
    const auto deadline = std::chrono::steady_clock::now() + options_.wall_max;
    while (output.is_open() || errors.is_open() || exit.is_open()) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          deadline - std::chrono::steady_clock::now());
      if (left.count() <= 0) return ProcessEnd::timed_out;
      // poll skips what is closed: its number is -1.
      std::array<pollfd, 3> polled = {
          {{output.get(), POLLIN, 0}, {errors.get(), POLLIN, 0}, {exit.get(), POLLIN, 0}}};
      const auto wait_ms = static_cast<int>(std::min<int64_t>(left.count(), 60'000));
      if (poll(polled.data(), polled.size(), wait_ms) <= 0) continue;
      if (polled[0].revents != 0 && !read_some(output.get(), result_.output)) output.reset();
      if (polled[1].revents != 0 && !read_errors(errors.get())) errors.reset();
      if (polled[2].revents != 0) exit.reset();
      if (static_cast<int64_t>(result_.output.size()) > options_.output_bytes_max) {
        return ProcessEnd::too_much_output;
      }
    }
    return ProcessEnd::exited;
  }

 private:
  bool read_errors(int fd) {
    std::string errors;
    const bool more = read_some(fd, errors);
    result_.errors += errors;
    result_.errors.resize(std::min(kErrorBytesMax, result_.errors.size()));
    return more;
  }

  const ProcessOptions& options_;
  ProcessResult& result_;
};

}  // namespace

ProcessResult run_process(const ProcessOptions& options) {
  Pipe output = make_pipe();
  Pipe errors = make_pipe();
  SpawnSettings settings;
  settings.set(options, output.write_end.get(), errors.write_end.get());
  Child child(settings.spawn(options), options.own_group);
  output.write_end.reset();
  errors.write_end.reset();
  ProcessResult result;
  result.end =
      Watch(options, result)
          .until_end(std::move(output.read_end), std::move(errors.read_end), child.exit_event());
  if (result.end != ProcessEnd::exited) child.kill_all();
  const int status = child.wait();
  if (result.end == ProcessEnd::exited && WIFSIGNALED(status)) result.end = ProcessEnd::signalled;
  result.code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
  return result;
}

}  // namespace widenet::ingest

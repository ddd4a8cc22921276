#include "tests/cli/program.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>

#include "base/file.h"

namespace widenet::testing {
namespace {

void redirect(int target, const std::filesystem::path& file) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (fd < 0 || ::dup2(fd, target) < 0) ::_exit(126);
}

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

ScratchDirectory::ScratchDirectory() {
  std::string name = (std::filesystem::temp_directory_path() / "widenet-test-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
  path_ = name;
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code error;
  std::filesystem::remove_all(path_, error);
}

std::filesystem::path ScratchDirectory::write(const std::string& name,
                                              const std::string& contents) const {
  const auto file = path_ / name;
  std::filesystem::create_directories(file.parent_path());
  write_file_atomically(file, contents);
  return file;
}

Outcome run_program(const std::string& program,
                    const std::vector<std::string>& arguments,
                    const std::filesystem::path& directory) {
  const std::string path =
      program.find('/') == std::string::npos ? std::string(WN_BINARY_DIR "/") + program : program;
  std::vector<char*> argv = {const_cast<char*>(path.c_str())};
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);

  const ScratchDirectory streams;
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("cannot fork");
  if (child == 0) {
    if (::chdir(directory.c_str()) != 0) ::_exit(126);
    redirect(0, "/dev/null");
    redirect(1, streams.path() / "out");
    redirect(2, streams.path() / "err");
    ::execv(path.c_str(), argv.data());
    ::_exit(127);
  }
  Outcome outcome;
  outcome.exit_code = wait_for(child);
  outcome.out = read_file(streams.path() / "out");
  outcome.err = read_file(streams.path() / "err");
  return outcome;
}

}  // namespace widenet::testing

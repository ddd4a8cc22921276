// A program with the verb `extract` as widenet has it, and children that misbehave, for the tests
// of the sandbox.
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "cli/commands.h"
#include "ingest/sandbox.h"

namespace {

using widenet::ingest::give_up_rights;
using widenet::ingest::Rights;

// Says on stderr, as the sandboxed child would, what the sandbox let it do.
int try_forbidden(Rights rights) {
  const char* folder = std::getenv("TMPDIR");
  give_up_rights(rights, folder == nullptr ? "/tmp" : folder);
  const bool reads = open("/proc/self/environ", O_RDONLY) >= 0;
  const bool writes = open("/tmp/widenet-escape", O_WRONLY | O_CREAT, 0600) >= 0;
  const bool connects = socket(AF_INET, SOCK_STREAM, 0) >= 0;
  const bool leaves = setsid() >= 0 || setpgid(0, 0) == 0;
  const pid_t child = rights == Rights::parse_only ? fork() : -1;
  if (child == 0) _exit(0);
  std::fprintf(stderr, "widenet extract: reads %d writes %d connects %d leaves %d forks %d\n",
               reads, writes, connects, leaves, child > 0);
  return 1;
}

int misbehave(std::string_view how) {
  if (how == "test-hang") {
    while (true) pause();
  }
  if (how == "test-leave-a-child") {  // that keeps the pipe open
    if (fork() == 0) {
      while (true) pause();
    }
    while (true) pause();
  }
  if (how == "test-flood") {
    while (std::puts("flood") >= 0) {
    }
  }
  if (how == "test-crash") std::abort();
  if (how == "test-lie") std::puts(R"({"documents":[{"title":"a"}],"attachments":[]})");
  if (how == "test-forbidden-parse") return try_forbidden(Rights::parse_only);
  if (how == "test-forbidden-tools") return try_forbidden(Rights::run_tools);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 2 && std::string_view(argv[2]).starts_with("test-")) _exit(misbehave(argv[2]));
  CLI::App app("extract_program has widenet's verb `extract`.", "extract_program");
  app.require_subcommand(1);
  widenet::cli::add_extract_command(app);
  return widenet::cli::run_main(app, argc, argv);
}

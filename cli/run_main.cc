// The boundary where exceptions become exit codes.
#include <sys/stat.h>

#include <cstdio>
#include <exception>

#include "cli/commands.h"

namespace widenet::cli {
namespace {

constexpr int kFailure = 1;
constexpr int kWrongUsage = 2;

int wrong_usage(const char* what) {
  std::fprintf(stderr, "widenet: %s (run with --help for usage)\n", what);
  return kWrongUsage;
}

}  // namespace

int run_main(CLI::App& app, int argc, char** argv) {
  // What access lists keep apart, the file system should not hand out: files are 0600 and
  // directories 0700, also those that SQLite makes, whatever the shell's umask is.
  ::umask(0077);
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::Success& success) {  // --help, --version
    return app.exit(success);
  } catch (const CLI::RuntimeError& error) {  // a verb that has said what went wrong
    return error.get_exit_code();
  } catch (const CLI::ParseError& error) {
    return wrong_usage(error.what());
  } catch (const UsageError& error) {
    return wrong_usage(error.what());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "widenet: %s\n", error.what());
    return kFailure;
  }
}

}  // namespace widenet::cli

// The boundary where exceptions become exit codes.
#include <cstdio>
#include <exception>

#include "cli/commands.h"

namespace widenet::cli {

int run_main(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::Success& success) {  // --help, --version
    return app.exit(success);
  } catch (const CLI::RuntimeError& error) {  // a verb that has said what went wrong
    return error.get_exit_code();
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "widenet: %s\nRun with --help for usage.\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "widenet: %s\n", error.what());
    return 1;
  }
}

}  // namespace widenet::cli

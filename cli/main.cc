// widenet: everything.
#include "cli/commands.h"

int main(int argc, char** argv) {
  CLI::App app("widenet answers questions about a body of documents.", "widenet");
  app.require_subcommand(1);
  return widenet::cli::run_main(app, argc, argv);
}

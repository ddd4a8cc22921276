// widenet-engine: the model alone, for a machine that holds no documents.
#include "cli/commands.h"

int main(int argc, char** argv) {
  CLI::App app("widenet-engine runs a DeepSeek-V4 checkpoint.", "widenet-engine");
  app.require_subcommand(1);
  return widenet::cli::run_main(app, argc, argv);
}

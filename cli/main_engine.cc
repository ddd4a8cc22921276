// widenet-engine: the model alone, for a machine that holds no documents.
#include "cli/commands.h"

int main(int argc, char** argv) {
  using namespace widenet::cli;  // NOLINT(google-build-using-namespace): a list of its functions
  CLI::App app("widenet-engine runs a DeepSeek-V4 checkpoint.", "widenet-engine");
  app.require_subcommand(1);
  add_bench_command(app);
  add_cache_command(app);
  add_cost_command(app);
  add_generate_command(app);
  add_logits_command(app);
  add_tokenize_command(app);
  return run_main(app, argc, argv);
}

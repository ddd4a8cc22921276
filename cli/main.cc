// widenet: everything.
#include "cli/commands.h"

int main(int argc, char** argv) {
  using namespace widenet::cli;  // NOLINT(google-build-using-namespace): a list of its functions
  CLI::App app("widenet answers questions about a body of documents.", "widenet");
  app.require_subcommand(1);
  add_serve_command(app);
  add_ingest_command(app);
  add_ls_command(app);
  add_rm_command(app);
  add_search_command(app);
  add_sql_command(app);
  add_ask_command(app);
  add_plan_command(app);
  add_eval_command(app);
  add_doctor_command(app);
  add_backup_commands(app);
  add_bench_command(app);
  add_bench_search(*app.get_subcommand("bench"));
  add_cache_command(app);
  add_cache_warm(*app.get_subcommand("cache"));
  add_cost_command(app);
  add_generate_command(app);
  add_logits_command(app);
  add_tokenize_command(app);
  add_extract_command(app);
  return run_main(app, argc, argv);
}

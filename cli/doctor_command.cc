// `widenet doctor`: looks whether everything that widenet keeps is whole, and repairs what is
// derived.
#include <cstdio>

#include "cli/support.h"
#include "library/check_store.h"
#include "library/repair_store.h"

namespace widenet::cli {
namespace {

struct DoctorOptions {
  DataOptions data;
  ModelOptions model;
  bool repair = false;
};

// What access lists keep apart, the file system should not hand out.
void note_readers(const std::filesystem::path& directory) {
  using std::filesystem::perms;
  const perms others = perms::group_all | perms::others_all;
  if ((std::filesystem::status(directory).permissions() & others) == perms::none) return;
  std::printf("Other users of this machine may enter \"%s\" (chmod 700 it).\n",
              directory.string().c_str());
}

void repair(store::Store& store) {
  const auto report = library::repair_store(store);
  for (const auto& what : report.repaired) std::printf("%s\n", what.c_str());
  for (const auto& what : report.left) std::printf("%s\n", what.c_str());
  if (report.repaired.empty()) std::printf("There was nothing to repair.\n");
}

void run(const DoctorOptions& options) {
  const auto store = open_store(options.data);
  if (options.repair) repair(*store);
  const auto model = find_text_model(options.model);
  const auto report = library::check_store(*store, model.get());
  std::printf(
      "Checked %s, %s, %s of original bytes.\n", counted(report.n_documents, "document").c_str(),
      counted(report.n_chunks, "chunk").c_str(), counted(report.n_originals, "file").c_str());
  note_readers(options.data.data);
  if (!model) std::printf("No model found: tokens were not checked (--model DIR names one).\n");
  for (const auto& problem : report.problems) std::printf("%s\n", problem.c_str());
  if (!report.problems.empty()) {
    throw CommandError("cannot vouch for the documents in \"" + options.data.data.string() +
                       "\": " + counted(static_cast<int64_t>(report.problems.size()), "problem") +
                       " found (see above)");
  }
  std::printf("All is well.\n");
}

}  // namespace

void add_doctor_command(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("doctor", "Check that all that is kept is whole");
  const auto options = std::make_shared<DoctorOptions>();
  add_data_option(*verb, options->data);
  verb->add_option("--model", options->model.model, "The model whose tokens to check");
  verb->add_flag("--repair", options->repair,
                 "First make again what is derived, and remove what nothing names");
  verb->callback([options] { run(*options); });
}

}  // namespace widenet::cli

// `widenet extract`: the sandboxed child that ingestion starts; also usable by hand.
#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>

#include "cli/commands.h"
#include "ingest/extract_child.h"

namespace widenet::cli {

void add_extract_command(CLI::App& app) {
  CLI::App* verb =
      app.add_subcommand("extract", "Read a document from stdin, in a sandbox, and print JSON");
  struct Options {
    ingest::ExtractChildOptions child;
    int64_t cpu_seconds = ingest::ExtractLimits{}.cpu_max.count();
  };
  const auto options = std::make_shared<Options>();
  ingest::ExtractLimits& limits = options->child.limits;
  verb->add_option(
      "format", options->child.format,
      "auto, txt, md, html, pdf, docx, odt, xlsx, ods, pptx, odp, epub, csv, tsv, json, jsonl, "
      "eml, mbox, rtf, xml or zip");
  verb->add_option("--name", options->child.name, "The file's name, for its extension");
  verb->add_option("--memory", limits.memory_bytes_max, "Bytes of address space");
  verb->add_option("--cpu", options->cpu_seconds, "Seconds of CPU time of each process");
  verb->add_option("--input", limits.input_bytes_max, "Bytes of input");
  verb->callback([options] {
    options->child.limits.cpu_max = std::chrono::seconds(options->cpu_seconds);
    // Without exit handlers: the process has no rights left to run them with.
    _exit(ingest::run_extract_child(options->child));
  });
}

}  // namespace widenet::cli

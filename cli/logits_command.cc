// `widenet logits`: what the model makes of given tokens, for comparison with other
// implementations.
#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>

#include "base/file.h"
#include "cli/engine_options.h"
#include "engine/sampler.h"

namespace widenet::cli {
namespace {

struct LogitsOptions {
  ModelOptions model;
  std::filesystem::path tokens;
  std::filesystem::path out;
  int64_t chunk = 0;
  int64_t n_greedy = 0;
};

std::vector<engine::TokenId> read_tokens(const std::filesystem::path& path) {
  std::istringstream text(read_file(path));
  std::vector<engine::TokenId> tokens;
  std::string word;
  while (text >> word) {
    size_t used = 0;
    long value = -1;
    try {
      value = std::stol(word, &used);
    } catch (const std::exception&) {
      used = 0;
    }
    if (used != word.size() || value < 0 || value > INT32_MAX) {
      throw CommandError("cannot read tokens from \"" + path.string() + "\": \"" + word +
                         "\" is not a token id; write ids separated by white space");
    }
    tokens.push_back(static_cast<engine::TokenId>(value));
  }
  return tokens;
}

void run(const LogitsOptions& options) {
  std::vector<engine::TokenId> tokens = read_tokens(options.tokens);
  const auto engine = engine::Engine::load(engine_options(options.model));
  const auto session = engine->make_session();

  std::ofstream out(options.out, std::ios::binary);
  engine::SyncOptions sync;
  sync.chunk_tokens = options.chunk;
  sync.on_logits = [&](int64_t, std::span<const float> row) {
    out.write(reinterpret_cast<const char*>(row.data()),
              static_cast<std::streamsize>(row.size_bytes()));
  };
  session->sync(tokens, sync);
  out.close();
  if (!out) throw CommandError("cannot write the logits to \"" + options.out.string() + "\"");

  for (int64_t i = 0; i < options.n_greedy; ++i) {
    if (i > 0) session->sync(tokens);
    tokens.push_back(engine::Sampler::argmax(session->logits()));
    std::printf("%s%d", i == 0 ? "" : " ", tokens.back());
  }
  if (options.n_greedy > 0) std::printf("\n");
}

}  // namespace

void add_logits_command(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("logits", "Write the logits after each of given tokens");
  const auto options = std::make_shared<LogitsOptions>();
  verb->add_option("--tokens", options->tokens, "A file of token ids, separated by white space")
      ->required();
  verb->add_option("--out", options->out, "Where to write float32 [n_tokens, vocab_size]")
      ->required();
  verb->add_option("--chunk", options->chunk, "Tokens read at a time (0: the engine's choice)")
      ->check(CLI::Range(0, 1 << 20))
      ->capture_default_str();
  verb->add_option("--greedy", options->n_greedy, "Print this many greedy tokens that follow")
      ->check(CLI::Range(0, 1 << 20))
      ->capture_default_str();
  add_model_options(*verb, options->model);
  verb->callback([options] { run(*options); });
}

}  // namespace widenet::cli

// `widenet generate`: the model alone: one message in, its reply out.
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <iterator>
#include <memory>

#include "base/file.h"
#include "base/utf8.h"
#include "cli/engine_options.h"
#include "engine/scheduler.h"

namespace widenet::cli {
namespace {

struct GenerateOptions {
  ModelOptions model;
  CacheOptions cache;
  std::filesystem::path directory;  // of the cache; empty: in memory alone
  std::string prompt;
  std::string prompt_file;
  engine::Thinking thinking = engine::Thinking::none;
  engine::SamplingOptions sampling;
  int64_t max_tokens = 256;
  bool raw = false;
};

std::string read_prompt(const GenerateOptions& options) {
  if (!options.prompt.empty()) return options.prompt;
  if (!options.prompt_file.empty() && options.prompt_file != "-") {
    return read_file(options.prompt_file);
  }
  return {std::istreambuf_iterator<char>(std::cin), {}};
}

std::vector<engine::TokenId> encode(const engine::Tokenizer& tokenizer,
                                    const std::filesystem::path& model,
                                    const std::string& text,
                                    const GenerateOptions& options) {
  const engine::PromptEncoder encoder(tokenizer, engine::read_encoding_texts(model));
  std::vector<engine::TokenId> content = tokenizer.encode(text);
  if (options.raw) {
    content.insert(content.begin(), encoder.tokens().bos);
    return content;
  }
  const engine::Message message{.role = engine::Role::user, .content = std::move(content)};
  return encoder.encode({&message, 1}, options.thinking);
}

void run(const GenerateOptions& options) {
  const std::string text = read_prompt(options);
  if (text.empty()) throw UsageError("no prompt (give --prompt, --prompt-file or text on stdin)");
  const engine::EngineOptions load = engine_options(options.model);
  const auto engine = engine::Engine::load(load);
  engine::Scheduler scheduler(*engine,
                              {.cache = open_cache(*engine, options.cache, options.directory)});
  engine::GenerationCallbacks callbacks;
  callbacks.on_text = [](std::string_view piece) {
    std::fwrite(piece.data(), 1, piece.size(), stdout);
    std::fflush(stdout);
  };
  const auto completion =
      scheduler.generate({.prompt = encode(engine->tokenizer(), load.model, text, options),
                          .sampling = options.sampling,
                          .max_tokens = options.max_tokens,
                          .stop = {}},
                         callbacks);
  std::printf("\n");
  if (::isatty(STDERR_FILENO) == 1) {
    std::fprintf(stderr, "%lld tokens read in %.2f s, %lld written in %.2f s\n",
                 static_cast<long long>(completion.usage.prompt_tokens), completion.seconds.prefill,
                 static_cast<long long>(completion.usage.completion_tokens),
                 completion.seconds.decode);
  }
}

}  // namespace

void add_generate_command(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("generate", "Let the model reply to a message");
  const auto options = std::make_shared<GenerateOptions>();
  auto* prompt = verb->add_option("--prompt", options->prompt, "The message");
  verb->add_option("--prompt-file", options->prompt_file, "A file that holds it; - is stdin")
      ->excludes(prompt);
  add_think_option(*verb, options->thinking);
  verb->add_option("--max-tokens", options->max_tokens, "Tokens of the reply at most")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  verb->add_option("--temperature", options->sampling.temperature, "0: the likeliest each time")
      ->check(CLI::Range(0.0, 10.0))
      ->capture_default_str();
  verb->add_option("--top-p", options->sampling.top_p, "Probability mass to choose from")
      ->check(CLI::Range(1e-6, 1.0))
      ->capture_default_str();
  verb->add_option("--seed", options->sampling.seed, "Same seed, same reply")
      ->capture_default_str();
  verb->add_flag("--raw", options->raw, "Go on with the text itself: no roles around it");
  add_model_options(*verb, options->model);
  add_cache_options(*verb, options->cache);
  verb->add_option("--cache", options->directory,
                   "Directory where what is read is remembered (default: it is not)");
  verb->callback([options] { run(*options); });
}

}  // namespace widenet::cli

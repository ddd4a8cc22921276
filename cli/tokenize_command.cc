// `widenet tokenize`: a tokenizer.json applied to lines of JSON.
#include <cstdio>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/commands.h"
#include "engine/tokenizer.h"

namespace widenet::cli {
namespace {

using engine::Tokenizer;

std::string text_of(const std::string& line, int64_t line_number) {
  const auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (json.is_object() && json.contains("text") && json["text"].is_string()) return json["text"];
  throw CommandError("cannot tokenize line " + std::to_string(line_number) +
                     " of stdin: it is not an object with a \"text\", {\"text\": \"...\"}");
}

void tokenize_lines(const Tokenizer& tokenizer, Tokenizer::SpecialTokens special_tokens) {
  int64_t line_number = 0;
  for (std::string line; std::getline(std::cin, line);) {
    const nlohmann::json answer = {
        {"ids", tokenizer.encode(text_of(line, ++line_number), special_tokens)}};
    std::puts(answer.dump().c_str());
    if (std::cin.rdbuf()->in_avail() == 0) std::fflush(stdout);  // someone may wait for it
  }
}

}  // namespace

void add_tokenize_command(CLI::App& app) {
  CLI::App* verb = app.add_subcommand(
      "tokenize", "Read lines {\"text\": ...} from stdin and print lines {\"ids\": [...]}");
  struct Options {
    std::filesystem::path tokenizer;
    bool recognises_special = false;
  };
  const auto options = std::make_shared<Options>();
  verb->add_option("--tokenizer", options->tokenizer, "The tokenizer.json")->required();
  verb->add_flag("--special", options->recognises_special,
                 "Recognise special tokens in the text; without it, text is only text");
  verb->callback([options] {
    std::ios::sync_with_stdio(false);
    tokenize_lines(Tokenizer::load(options->tokenizer), options->recognises_special
                                                            ? Tokenizer::SpecialTokens::recognised
                                                            : Tokenizer::SpecialTokens::as_text);
  });
}

}  // namespace widenet::cli

// Tokenizer: byte-level BPE as a Hugging Face tokenizer.json describes it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/model_error.h"

namespace widenet::engine {

using TokenId = int32_t;

struct TokenizerState;

// Text becomes tokens in three steps: special tokens are cut out (only when asked), the rest is
// split by the file's regular expressions, and each piece is merged byte pair by byte pair.
// Every byte string encodes, and decode(encode(s)) == s.  Neither BOS nor EOS is added.
// Immutable after load; const methods are safe from any number of threads.
class Tokenizer {
 public:
  // Text that came from outside is `as_text`: it can never yield a special token.
  enum class SpecialTokens { as_text, recognised };

  // Throws ModelError if the file is not there, is malformed, or asks for something that is not
  // implemented (a normalizer, another model than BPE, an unknown pre-tokenizer): it says what.
  static Tokenizer load(const std::filesystem::path& tokenizer_json);
  // The same from the file's contents; `origin` is only quoted in messages.
  static Tokenizer parse(std::string_view json, std::string_view origin);

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  std::vector<TokenId> encode(std::string_view text,
                              SpecialTokens special_tokens = SpecialTokens::as_text) const;

  // The bytes of the tokens, special ones by their content; ids out of range give nothing.  May
  // end inside a UTF-8 sequence: see StreamDecoder.
  std::string decode(std::span<const TokenId> tokens) const;
  std::string_view bytes_of(TokenId token) const;

  // The id of an added token with exactly this content.
  std::optional<TokenId> special_token(std::string_view content) const;
  bool is_special(TokenId token) const;

  // One more than the largest id.
  int64_t vocab_size() const;

 private:
  explicit Tokenizer(std::unique_ptr<const TokenizerState> state);

  std::unique_ptr<const TokenizerState> state_;
};

// Turns a stream of tokens into a stream of text that is cut only between characters.
class StreamDecoder {
 public:
  // Keeps a reference to the tokenizer.
  explicit StreamDecoder(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  // The text that became complete with this token; ill-formed bytes become U+FFFD.
  std::string feed(TokenId token);
  // What is left at the end of the stream.
  std::string finish();

 private:
  const Tokenizer& tokenizer_;
  std::string pending_;
};

}  // namespace widenet::engine

// TextSplitter: cuts text into the pieces that byte-pair merges never cross.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/model_error.h"

namespace widenet::engine {

// Applies a tokenizer.json's Split pre-tokenizers, in order: each pattern cuts every piece that the
// ones before it left, its matches and the gaps between them becoming pieces ("Isolated").
//
// Any regular expression works, through ICU.  DeepSeek's own three patterns are recognised and take
// a matcher written by hand, some twenty times as fast and equal on all text.  Immutable; split is
// safe from any number of threads.
class TextSplitter {
 public:
  struct Pattern {
    std::string text;
    bool is_literal = false;
  };
  enum class Path { automatic, icu };  // icu: never the matcher written by hand

  // Throws ModelError naming a pattern that ICU does not accept.
  explicit TextSplitter(const std::vector<Pattern>& patterns, Path path = Path::automatic);
  TextSplitter(TextSplitter&&) noexcept;
  TextSplitter& operator=(TextSplitter&&) noexcept;
  ~TextSplitter();

  // Calls `on_piece` with each piece, in order; together they are the text.  Bytes that are not
  // UTF-8 count as U+FFFD.  Throws ModelError where a pattern of the file takes ICU beyond its
  // limits of time or stack, which DeepSeek's do on no text.
  using OnPiece = std::function<void(std::string_view piece)>;
  void split(std::string_view text, const OnPiece& on_piece) const;

  bool is_written_by_hand() const { return patterns_ == nullptr; }

 private:
  struct CompiledPatterns;
  std::unique_ptr<const CompiledPatterns> patterns_;
};

}  // namespace widenet::engine

// Reads tokenizer.json and puts the steps together: added tokens, Split patterns, merges.
//
// In the file a token is a string of printable characters, each of which stands for one byte
// (GPT-2's table); here it is its bytes from the moment the file is read.
#include "engine/tokenizer.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "base/file.h"
#include "base/utf8.h"
#include "engine/byte_pair_merger.h"
#include "engine/text_splitter.h"

namespace widenet::engine {
namespace {

using Json = nlohmann::json;

constexpr size_t kFileBytesMax = size_t{256} << 20;
constexpr int64_t kVocabMax = int64_t{1} << 24;

// GPT-2's own pattern, which ByteLevel applies when it says use_regex.
constexpr const char* kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

// Printable Latin-1 stands for itself; the other bytes, in order, for U+0100 onwards.
std::array<int, 0x180> make_byte_of_char() {
  std::array<int, 0x180> byte_of{};
  byte_of.fill(-1);
  int next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const bool is_printable =
        (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xff && byte != 0xad);
    byte_of[static_cast<size_t>(is_printable ? byte : next++)] = byte;
  }
  return byte_of;
}

// The bytes that a token of the file stands for; nothing if a character of it stands for none.
std::optional<std::string> bytes_of_token(std::string_view token) {
  static const std::array<int, 0x180> byte_of = make_byte_of_char();
  std::string bytes;
  for (size_t i = 0; i < token.size();) {
    auto code = static_cast<uint8_t>(token[i++]);
    uint32_t c = code;
    if (code >= 0x80) {  // every character that stands for a byte has two bytes at most
      if ((code & 0xe0) != 0xc0 || i == token.size()) return {};
      c = (code & 0x1fu) << 6 | (static_cast<uint8_t>(token[i++]) & 0x3fu);
    }
    if (c >= byte_of.size() || byte_of[c] < 0) return {};
    bytes += static_cast<char>(byte_of[c]);
  }
  return bytes;
}

struct StringHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
using IdOf = std::unordered_map<std::string, TokenId, StringHash, std::equal_to<>>;

// Finds added tokens in text: the leftmost, and of those that begin there the longest.
class LiteralMatcher {
 public:
  void add(const std::string& content, TokenId id) {
    ids_.emplace(content, id);
    begins_[static_cast<uint8_t>(content[0])] = true;
    const auto at =
        std::lower_bound(lengths_.begin(), lengths_.end(), content.size(), std::greater<>());
    if (at == lengths_.end() || *at != content.size()) lengths_.insert(at, content.size());
  }

  struct Match {
    size_t start, end;
    TokenId token;
  };
  std::optional<Match> find(std::string_view text, size_t from) const {
    for (size_t at = from; at < text.size(); ++at) {
      if (!begins_[static_cast<uint8_t>(text[at])]) continue;
      for (const size_t length : lengths_) {
        if (length > text.size() - at) continue;
        const auto it = ids_.find(text.substr(at, length));
        if (it != ids_.end()) return Match{at, at + length, it->second};
      }
    }
    return {};
  }

 private:
  IdOf ids_;
  std::array<bool, 256> begins_{};
  std::vector<size_t> lengths_;  // that occur, longest first
};

// Remembers what short pieces became, because a text repeats its words: one lookup of one cache
// line instead of the merges.  Each thread has one, shared by all tokenizers, so that encode stays
// const and free of locks.
class PieceCache {
 public:
  static constexpr size_t kPieceBytesMax = 16;
  static constexpr size_t kTokensMax = 10;

  struct alignas(64) Entry {
    // The piece: its first and last bytes, which cover it, and how many there are.
    uint64_t head = 0, tail = 0;
    uint32_t owner = 0;  // the tokenizer; 0: empty
    uint16_t n_bytes = 0;
    uint16_t n_tokens = 0;
    TokenId tokens[kTokensMax] = {};

    bool is_of(const Entry& wanted) const {
      return head == wanted.head && tail == wanted.tail && owner == wanted.owner &&
             n_bytes == wanted.n_bytes;
    }
  };

  static PieceCache& of_this_thread() {
    thread_local PieceCache cache;
    return cache;
  }

  // An entry for `piece`, of 1 to kPieceBytesMax bytes, without tokens.
  static Entry key_of(uint32_t owner, std::string_view piece) {
    const auto load = [&](auto word, size_t at) {
      std::memcpy(&word, piece.data() + at, sizeof word);
      return uint64_t{word};
    };
    const size_t n = piece.size();
    Entry key;
    key.owner = owner;
    key.n_bytes = static_cast<uint16_t>(n);
    if (n >= 8) {
      key.head = load(uint64_t{}, 0);
      key.tail = load(uint64_t{}, n - 8);
    } else if (n >= 4) {
      key.head = load(uint32_t{}, 0);
      key.tail = load(uint32_t{}, n - 4);
    } else {
      key.head = load(uint8_t{}, 0) | load(uint8_t{}, n / 2) << 8 | load(uint8_t{}, n - 1) << 16;
    }
    return key;
  }

  // The only place where `key` can be.
  Entry& place_of(const Entry& key) {
    uint64_t hash = key.head ^ std::rotl(key.tail, 29) ^ uint64_t { key.n_bytes } << 56 ^ key.owner;
    hash = (hash ^ hash >> 32) * 0x9e3779b97f4a7c15u;
    return entries_[hash >> (64 - kBits)];
  }

 private:
  static constexpr int kBits = 15;
  std::vector<Entry> entries_ = std::vector<Entry>(size_t{1} << kBits);  // 2 MB
};

}  // namespace

struct TokenizerState {
  explicit TokenizerState(TextSplitter text_splitter) : splitter(std::move(text_splitter)) {}

  const uint32_t number = next_number();  // in PieceCache
  TextSplitter splitter;
  std::unique_ptr<BytePairMerger> merger;
  bool ignores_merges = false;
  IdOf whole_pieces;  // bytes -> id; only if ignores_merges

  // Hugging Face looks for the added tokens that want no normalization first.
  std::array<LiteralMatcher, 2> literals;
  IdOf special_ids;
  std::vector<std::string> bytes;  // by id
  std::vector<bool> is_special;    // by id

  static uint32_t next_number() {
    static std::atomic<uint32_t> last{0};
    return ++last;
  }

  void encode_piece(std::string_view piece, PieceCache& cache, std::vector<TokenId>& tokens) const;
  void encode_text(std::string_view text, std::vector<TokenId>& tokens) const;
  void encode_around(std::string_view text, size_t stage, std::vector<TokenId>& tokens) const;
  void merge(std::string_view piece, std::vector<TokenId>& tokens) const;
};

namespace {

// Builds a Tokenizer's state from the parsed file, refusing what it does not understand.
class FileReader {
 public:
  FileReader(const Json& file, std::string where) : file_(file), where_(std::move(where)) {}

  [[noreturn]] void refuse(const std::string& why) const {
    throw ModelError("cannot use " + where_ + ": " + why);
  }

  std::vector<TextSplitter::Pattern> read_patterns() const {
    const Json& normalizer = value(file_, "normalizer");
    const bool is_empty_sequence =
        value(normalizer, "type") == "Sequence" && value(normalizer, "normalizers").empty();
    if (!normalizer.is_null() && !is_empty_sequence) {
      refuse("it has a normalizer; only text as it is can be tokenised");
    }
    const Json& pre = value(file_, "pre_tokenizer");
    Json steps = Json::array({pre});
    if (value(pre, "type") == "Sequence") steps = value(pre, "pretokenizers");
    if (!steps.is_array()) refuse("its pre_tokenizer is not a list of steps");

    std::vector<TextSplitter::Pattern> patterns;
    for (size_t i = 0; i < steps.size(); ++i) {
      const bool is_last = i + 1 == steps.size();
      if ((value(steps[i], "type") == "ByteLevel") != is_last) {
        refuse("its pre_tokenizer is not Split steps followed by ByteLevel");
      }
      add_pattern(steps[i], patterns);
    }
    if (steps.empty()) refuse("it has no pre_tokenizer");
    return patterns;
  }

  // All but patterns.
  void read_model(TokenizerState& state) const;

 private:
  // A member, or null.
  static const Json& value(const Json& object, const char* key) {
    static const Json null;
    if (!object.is_object()) return null;
    const auto it = object.find(key);
    return it == object.end() ? null : *it;
  }

  static std::string shown(const Json& value) {
    return value.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 80);
  }

  void only(const Json& object, const char* key, std::initializer_list<Json> wanted) const {
    const Json& given = value(object, key);
    for (const Json& one : wanted) {
      if (given.is_null() || given == one) return;
    }
    refuse(std::string("\"") + key + "\" is " + shown(given) + ", which is not supported");
  }

  void add_pattern(const Json& step, std::vector<TextSplitter::Pattern>& patterns) const {
    if (value(step, "type") == "ByteLevel") {
      only(step, "add_prefix_space", {false});
      // Hugging Face's own default is true.
      if (value(step, "use_regex") != false) patterns.push_back({kGpt2Pattern, false});
      return;
    }
    if (value(step, "type") != "Split") {
      refuse("its pre_tokenizer has a step of type " + shown(value(step, "type")) +
             "; only Split and ByteLevel are supported");
    }
    only(step, "behavior", {"Isolated"});
    only(step, "invert", {false});
    const Json& pattern = value(step, "pattern");
    const bool is_literal = value(pattern, "String").is_string();
    const Json& text = value(pattern, is_literal ? "String" : "Regex");
    if (!text.is_string()) refuse("a Split step has the pattern " + shown(pattern));
    patterns.push_back({text.get<std::string>(), is_literal});
  }

  TokenId id_of(const Json& id, const std::string& what) const {
    if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() >= kVocabMax) {
      refuse(what + " has the id " + shown(id) + "; ids are integers from 0 to 16777215");
    }
    return id.get<TokenId>();
  }

  void read_added(TokenizerState& state) const;
  IdOf read_vocab(TokenizerState& state, const Json& vocab) const;
  void read_merges(TokenizerState& state, const IdOf& vocab, const Json& merges) const;
  std::array<TokenId, 256> byte_tokens(const TokenizerState& state, const IdOf& vocab) const;
  std::pair<std::string, std::string> merged_pair(const Json& merge) const;

  static void set_bytes(TokenizerState& state, TokenId id, std::string bytes) {
    const auto i = static_cast<size_t>(id);
    if (i >= state.bytes.size()) {
      state.bytes.resize(i + 1);
      state.is_special.resize(i + 1);
    }
    state.bytes[i] = std::move(bytes);
  }

  const Json& file_;
  const std::string where_;
};

void FileReader::read_model(TokenizerState& state) const {
  const Json& model = value(file_, "model");
  if (value(model, "type") != "BPE") {
    refuse("its model is " + shown(value(model, "type")) + "; only BPE is supported");
  }
  only(model, "dropout", {0});
  only(model, "continuing_subword_prefix", {""});
  only(model, "end_of_word_suffix", {""});
  only(model, "byte_fallback", {false});
  state.ignores_merges = value(model, "ignore_merges") == true;

  const Json& vocab = value(model, "vocab");
  const Json& merges = value(model, "merges");
  if (!vocab.is_object() || vocab.empty()) refuse("its model has no vocab");
  if (!merges.is_array()) refuse("its model has no list of merges");
  const IdOf id_of_token = read_vocab(state, vocab);
  read_added(state);
  read_merges(state, id_of_token, merges);
  if (!state.ignores_merges) return;
  for (size_t id = 0; id < state.bytes.size(); ++id) {
    if (!state.is_special[id])
      state.whole_pieces.emplace(state.bytes[id], static_cast<TokenId>(id));
  }
}

IdOf FileReader::read_vocab(TokenizerState& state, const Json& vocab) const {
  IdOf id_of_token;
  id_of_token.reserve(vocab.size());
  std::vector<bool> seen;
  for (const auto& [token, id_json] : vocab.items()) {
    const TokenId id = id_of(id_json, "token \"" + token + "\"");
    const auto i = static_cast<size_t>(id);
    if (i >= seen.size()) seen.resize(i + 1);
    if (seen[i]) refuse("two tokens have the id " + std::to_string(id));
    seen[i] = true;
    // What stands for no bytes can only be an added token, whose content is its text.
    set_bytes(state, id, bytes_of_token(token).value_or(token));
    id_of_token.emplace(token, id);
  }
  return id_of_token;
}

void FileReader::read_added(TokenizerState& state) const {
  const Json& added = value(file_, "added_tokens");
  if (!added.is_array() && !added.is_null()) refuse("its added_tokens is not a list");
  for (const Json& token : added) {
    const Json& content = value(token, "content");
    if (!content.is_string() || content.get<std::string>().empty()) {
      refuse("an added token has the content " + shown(content));
    }
    const auto text = content.get<std::string>();
    const TokenId id = id_of(value(token, "id"), "added token \"" + text + "\"");
    for (const char* flag : {"single_word", "lstrip", "rstrip"}) only(token, flag, {false});
    const auto i = static_cast<size_t>(id);
    if (i < state.bytes.size() && state.is_special[i] && state.bytes[i] != text) {
      refuse("the added tokens \"" + state.bytes[i] + "\" and \"" + text + "\" have the same id " +
             std::to_string(id));
    }
    state.literals[value(token, "normalized") == true ? 1 : 0].add(text, id);
    state.special_ids.emplace(text, id);
    set_bytes(state, id, text);
    state.is_special[static_cast<size_t>(id)] = true;
  }
}

std::array<TokenId, 256> FileReader::byte_tokens(const TokenizerState& state,
                                                 const IdOf& vocab) const {
  std::array<TokenId, 256> tokens;
  tokens.fill(-1);
  for (const auto& [token, id] : vocab) {
    const std::string& bytes = state.bytes[static_cast<size_t>(id)];
    if (bytes.size() == 1 && !state.is_special[static_cast<size_t>(id)]) {
      tokens[static_cast<uint8_t>(bytes[0])] = id;
    }
  }
  for (size_t byte = 0; byte < tokens.size(); ++byte) {
    if (tokens[byte] < 0) refuse("no token stands for byte " + std::to_string(byte));
  }
  return tokens;
}

// A merge is written "left right" or ["left", "right"].
std::pair<std::string, std::string> FileReader::merged_pair(const Json& merge) const {
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
    return {merge[0].get<std::string>(), merge[1].get<std::string>()};
  }
  if (merge.is_string()) {
    const auto text = merge.get<std::string>();
    const size_t space = text.find(' ');
    if (space != std::string::npos) return {text.substr(0, space), text.substr(space + 1)};
  }
  refuse("the merge " + shown(merge) + " is not of two tokens");
}

void FileReader::read_merges(TokenizerState& state, const IdOf& vocab, const Json& merges) const {
  state.merger = std::make_unique<BytePairMerger>(byte_tokens(state, vocab), merges.size());
  const auto known = [&](const std::string& token, const Json& merge) {
    const auto it = vocab.find(token);
    if (it != vocab.end()) return it->second;
    refuse("the merge " + shown(merge) + " needs the token \"" + token +
           "\", which is not in vocab");
  };
  for (const Json& merge : merges) {
    const auto [left, right] = merged_pair(merge);
    const TokenId result = known(left + right, merge);
    // No text may become a special token, whatever the file says.
    if (state.is_special[static_cast<size_t>(result)]) continue;
    state.merger->add({known(left, merge), known(right, merge), result});
  }
}

}  // namespace

void TokenizerState::merge(std::string_view piece, std::vector<TokenId>& tokens) const {
  if (ignores_merges) {
    const auto it = whole_pieces.find(piece);
    if (it != whole_pieces.end()) {
      tokens.push_back(it->second);
      return;
    }
  }
  merger->merge(piece, tokens);
}

void TokenizerState::encode_piece(std::string_view piece,
                                  PieceCache& cache,
                                  std::vector<TokenId>& tokens) const {
  if (piece.size() > PieceCache::kPieceBytesMax) {
    merge(piece, tokens);
    return;
  }
  PieceCache::Entry key = PieceCache::key_of(number, piece);
  PieceCache::Entry& place = cache.place_of(key);
  if (place.is_of(key)) {
    for (size_t i = 0; i < place.n_tokens; ++i) tokens.push_back(place.tokens[i]);
    return;
  }
  const size_t first = tokens.size();
  merge(piece, tokens);
  const size_t n_tokens = tokens.size() - first;
  if (n_tokens > PieceCache::kTokensMax) return;
  key.n_tokens = static_cast<uint16_t>(n_tokens);
  std::copy_n(tokens.begin() + static_cast<ptrdiff_t>(first), n_tokens, key.tokens);
  place = key;
}

void TokenizerState::encode_text(std::string_view text, std::vector<TokenId>& tokens) const {
  PieceCache& cache = PieceCache::of_this_thread();
  splitter.split(text, [&](std::string_view piece) { encode_piece(piece, cache, tokens); });
}

// Cuts out the added tokens of this stage and those after it.
void TokenizerState::encode_around(std::string_view text,
                                   size_t stage,
                                   std::vector<TokenId>& tokens) const {
  if (stage == literals.size()) {
    encode_text(text, tokens);
    return;
  }
  size_t start = 0;
  for (auto match = literals[stage].find(text, 0); match;
       match = literals[stage].find(text, match->end)) {
    encode_around(text.substr(start, match->start - start), stage + 1, tokens);
    tokens.push_back(match->token);
    start = match->end;
  }
  encode_around(text.substr(start), stage + 1, tokens);
}

Tokenizer::Tokenizer(std::unique_ptr<const TokenizerState> state) : state_(std::move(state)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Tokenizer Tokenizer::parse(std::string_view json, std::string_view origin) {
  const std::string where(origin);
  try {
    const Json file = Json::parse(json);
    const FileReader reader(file, where);
    auto state = std::make_unique<TokenizerState>(TextSplitter(reader.read_patterns()));
    reader.read_model(*state);
    return Tokenizer(std::move(state));
  } catch (const Json::exception& error) {
    throw ModelError("cannot parse " + where + ": " + error.what());
  }
}

Tokenizer Tokenizer::load(const std::filesystem::path& tokenizer_json) {
  try {
    return parse(read_file(tokenizer_json, kFileBytesMax), "\"" + tokenizer_json.string() + "\"");
  } catch (const FileError& error) {
    throw ModelError(std::string("cannot load the tokenizer: ") + error.what());
  }
}

std::vector<TokenId> Tokenizer::encode(std::string_view text, SpecialTokens special_tokens) const {
  std::vector<TokenId> tokens;
  if (special_tokens == SpecialTokens::recognised) {
    state_->encode_around(text, 0, tokens);
  } else {
    state_->encode_text(text, tokens);
  }
  return tokens;
}

std::string Tokenizer::decode(std::span<const TokenId> tokens) const {
  std::string bytes;
  for (const TokenId token : tokens) bytes += bytes_of(token);
  return bytes;
}

std::string_view Tokenizer::bytes_of(TokenId token) const {
  if (token < 0 || token >= vocab_size()) return {};
  return state_->bytes[static_cast<size_t>(token)];
}

std::optional<TokenId> Tokenizer::special_token(std::string_view content) const {
  const auto it = state_->special_ids.find(content);
  if (it == state_->special_ids.end()) return {};
  return it->second;
}

bool Tokenizer::is_special(TokenId token) const {
  return token >= 0 && token < vocab_size() && state_->is_special[static_cast<size_t>(token)];
}

int64_t Tokenizer::vocab_size() const {
  return static_cast<int64_t>(state_->bytes.size());
}

namespace {

// How many bytes at the end of `bytes` may be the beginning of a character.
size_t incomplete_tail(std::string_view bytes) {
  for (size_t back = 1; back <= std::min<size_t>(3, bytes.size()); ++back) {
    const auto byte = static_cast<uint8_t>(bytes[bytes.size() - back]);
    if (byte < 0x80) return 0;
    if (byte < 0xc0) continue;  // a continuation: its lead is further back
    const size_t length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return length > back ? back : 0;
  }
  return 0;
}

}  // namespace

std::string StreamDecoder::feed(TokenId token) {
  pending_ += tokenizer_.bytes_of(token);
  const size_t ready = pending_.size() - incomplete_tail(pending_);
  std::string text = to_valid_utf8(std::string_view(pending_).substr(0, ready));
  pending_.erase(0, ready);
  return text;
}

std::string StreamDecoder::finish() {
  std::string text = to_valid_utf8(pending_);
  pending_.clear();
  return text;
}

}  // namespace widenet::engine

#include "eval/tasks/niah.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>

#include "base/file.h"
#include "base/utf8.h"
#include "eval/tasks/random.h"

namespace widenet::eval {
namespace {

using std::string_view;

// {a} is an attribute, {k} a key, {v} the value that is asked for.
constexpr std::array<string_view, 10> kSentences = {
    "{k} keeps {v} as its {a}.",
    "According to the harbour book, the {a} assigned to {k} reads {v}.",
    "As of this season the {a} of {k} stands at {v}.",
    "The {a} which {k} received last was {v}.",
    "Everyone was told that {k} had chosen {v} for its {a}.",
    "A brass plaque says that the {a} of {k} equals {v}.",
    "By old custom {k} goes by the {a} {v}.",
    "The clerk wrote {v} under {a} when {k} was registered.",
    "Since the flood, {v} has served {k} as {a}.",
    "Ask for {v} if you need the {a} of {k}."};
constexpr std::array<string_view, 10> kQuestions = {
    "What does {k} keep as its {a}?",
    "Which {a} is assigned to {k} in the harbour book?",
    "At what does the {a} of {k} stand?",
    "Which {a} did {k} receive last?",
    "What has {k} chosen for its {a}?",
    "What does the {a} of {k} equal?",
    "By which {a} does {k} go?",
    "What did the clerk write under {a} for {k}?",
    "What has served {k} as {a} since the flood?",
    "What is the {a} of {k}?"};
constexpr std::array<string_view, 24> kAttributes = {
    "berth",        "bell code",    "kiln mark",
    "stall",        "pennant",      "crate mark",
    "tide mark",    "lantern code", "tally",
    "anvil mark",   "orchard row",  "ration",
    "opening bid",  "depot",        "hangar",
    "verse",        "chart sheet",  "winch setting",
    "cellar vault", "guild stamp",  "beekeeping permit",
    "ferry slot",   "loom pattern", "choir bench"};
constexpr std::array<string_view, 24> kKeys = {
    "the schooner Marigold",    "the Quillfeather archive", "Captain Ottoline",
    "the Thistledown mill",     "the Pemberwick choir",     "the barge Halcyon",
    "the Ravensmoor abbey",     "Old Bartholomew",          "the Foxglove press",
    "the Saltmarsh lighthouse", "the Nettlecombe brewery",  "the ketch Persimmon",
    "the Wrenfield orchard",    "the Oxbow ferry",          "Widow Crabtree",
    "the Larkspur theatre",     "the Gannet rock station",  "the Hollowell forge",
    "the trawler Bramble",      "the Dunmallow college",    "the Peregrine club",
    "the Mossgate chapel",      "the lugger Cormorant",     "the Applethwaite dairy"};
constexpr std::array<string_view, 24> kWords = {
    "velvet",  "thunder",  "juniper", "marzipan", "saffron", "gondola", "pebble",     "walrus",
    "trumpet", "cinnamon", "meadow",  "falcon",   "pumpkin", "glacier", "tambourine", "hazel",
    "otter",   "crumpet",  "bonfire", "parsnip",  "lullaby", "quince",  "bagpipe",    "heron"};

std::string filled(string_view pattern, string_view a, string_view k, string_view v) {
  std::string text;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '{') {
      text += pattern[i + 1] == 'a' ? a : pattern[i + 1] == 'k' ? k : v;
      i += 2;
    } else {
      text += pattern[i];
    }
  }
  if (text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 32);
  return text;
}

std::string digits(Random& random, int64_t count) {
  std::string text(1, static_cast<char>('1' + random.below(9)));
  while (static_cast<int64_t>(text.size()) < count) {
    text += static_cast<char>('0' + random.below(10));
  }
  return text;
}

std::string letters(Random& random, int64_t count) {
  std::string text;
  for (int64_t i = 0; i < count; ++i) text += static_cast<char>('A' + random.below(26));
  return text;
}

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

std::string make_value(Random& random) {
  switch (random.below(4)) {
    case 0:
      return digits(random, 4 + random.below(4));
    case 1:
      return letters(random, 2) + "-" + digits(random, 4) + "-" + letters(random, 1);
    case 2:
      return std::string(random.choose(kWords)) + " " + std::string(random.choose(kWords));
    default:
      return std::string(random.choose(kWords)) + " " + digits(random, 3);
  }
}

}  // namespace

Needle make_needle(uint64_t seed, int64_t index) {
  Random random(seed * 1'000'003 + static_cast<uint64_t>(index));
  const auto pattern = static_cast<size_t>(random.below(kSentences.size()));
  const string_view attribute = random.choose(kAttributes);
  const string_view key = random.choose(kKeys);
  const std::string value = make_value(random);
  return {.sentence = filled(kSentences[pattern], attribute, key, value),
          .question = filled(kQuestions[pattern], attribute, key, value),
          .answer = value};
}

NeedleLists needle_lists() {
  return {.sentences = kSentences,
          .questions = kQuestions,
          .attributes = kAttributes,
          .keys = kKeys,
          .words = kWords};
}

std::vector<HaystackText> read_haystack(const std::string& path) {
  namespace fs = std::filesystem;
  std::vector<fs::path> files;
  if (fs::is_directory(path)) {
    for (const auto& entry : fs::recursive_directory_iterator(path)) {
      const std::string extension = entry.path().extension().string();
      const bool is_text = extension.empty() || extension == ".txt" || extension == ".md";
      if (entry.is_regular_file() && !entry.is_symlink() && is_text) files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
  } else {
    files.emplace_back(path);
  }
  std::vector<HaystackText> texts;
  for (const auto& file : files) {
    std::string text = to_valid_utf8(read_file(file));
    if (!text.empty()) texts.push_back({file.stem().string(), std::move(text)});
  }
  if (texts.empty()) {
    throw FileError("cannot read a haystack from \"" + path +
                    "\": it has no text (.txt and .md files are read)");
  }
  return texts;
}

Haystack::Haystack(const engine::Tokenizer& tokenizer,
                   std::span<const HaystackText> texts,
                   int64_t part_tokens_max)
    : tokenizer_(tokenizer) {
  for (const HaystackText& text : texts) {
    const std::vector<engine::TokenId> all = tokenizer.encode(text.text);
    for (size_t at = 0; at < all.size();) {
      size_t end = std::min(all.size(), at + static_cast<size_t>(part_tokens_max));
      const size_t hard_end = end;
      while (end < all.size() && end > at && !ends_sentence(all[end - 1])) --end;
      if (end == at) end = hard_end;
      parts_.push_back({text.title,
                        {all.begin() + static_cast<std::ptrdiff_t>(at),
                         all.begin() + static_cast<std::ptrdiff_t>(end)}});
      n_tokens_ += static_cast<int64_t>(end - at);
      at = end;
    }
  }
  WN_CHECK(n_tokens_ > 0);
}

bool Haystack::ends_sentence(engine::TokenId token) const {
  const string_view bytes = tokenizer_.bytes_of(token);
  return bytes.find_first_of(".!?\n") != string_view::npos;
}

std::vector<HaystackPart> Haystack::cut(const Cut& cut, const Needle& needle) const {
  int64_t room =
      cut.n_tokens - static_cast<int64_t>(tokenizer_.encode(" " + needle.sentence).size());
  int64_t skip = cut.offset % n_tokens_;
  size_t part = 0;
  for (; skip >= static_cast<int64_t>(parts_[part].tokens.size()); ++part) {
    skip -= static_cast<int64_t>(parts_[part].tokens.size());
  }
  std::vector<HaystackPart> chosen;
  for (; room > cut.part_tokens; part = (part + 1) % parts_.size()) {
    room -= cut.part_tokens;
    const auto& tokens = parts_[part].tokens;
    const auto count = std::min(room, static_cast<int64_t>(tokens.size()));
    chosen.push_back({parts_[part].title, {tokens.begin(), tokens.begin() + count}});
    room -= count;
  }
  if (chosen.empty()) chosen.push_back({parts_[part].title, {}});
  insert(chosen, cut.depth, needle);
  return chosen;
}

void Haystack::insert(std::vector<HaystackPart>& parts, double depth, const Needle& needle) const {
  int64_t total = 0;
  for (const auto& part : parts) total += static_cast<int64_t>(part.tokens.size());
  auto at = static_cast<int64_t>(std::floor(static_cast<double>(total) * depth / 100.0));
  size_t index = 0;
  for (; index + 1 < parts.size() && at > static_cast<int64_t>(parts[index].tokens.size());
       ++index) {
    at -= static_cast<int64_t>(parts[index].tokens.size());
  }
  auto& tokens = parts[index].tokens;
  if (depth < 100) {
    while (at > 0 && !ends_sentence(tokens[static_cast<size_t>(at - 1)])) --at;
  }
  // A sentence of its own, whatever stands around it: no other word may touch it.
  const bool begins_line =
      at == 0 || tokenizer_.bytes_of(tokens[static_cast<size_t>(at - 1)]).ends_with('\n');
  const bool is_followed_by_space =
      at == static_cast<int64_t>(tokens.size()) ||
      is_space(tokenizer_.bytes_of(tokens[static_cast<size_t>(at)]).front());
  std::string text = begins_line ? needle.sentence : " " + needle.sentence;
  if (!is_followed_by_space) text += begins_line ? "\n" : " ";
  const auto sentence = tokenizer_.encode(text);
  tokens.insert(tokens.begin() + at, sentence.begin(), sentence.end());
}

}  // namespace widenet::eval

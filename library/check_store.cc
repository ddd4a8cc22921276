#include "library/check_store.h"

#include <map>

#include "base/file.h"
#include "base/hash.h"
#include "base/utf8.h"

namespace widenet::library {
namespace {

class Checker {
 public:
  Checker(const store::Store& store, const TextModel* model) : store_(store), model_(model) {}

  CheckReport run() {
    for (const auto& collection : store_.collections()) {
      for (store::Paging paging;;) {
        const auto page = store_.documents(collection.id, paging);
        if (page.empty()) break;
        paging.after_id = page.back().id;
        for (const auto& document : page) check(document);
      }
    }
    return report_;
  }

 private:
  void check(const store::Document& document) {
    ++report_.n_documents;
    if (!document.parent) check_original(document);
    if (document.state == store::DocumentState::ready && document.n_chunks > 0) {
      check_chunks(document);
    }
  }

  void check_original(const store::Document& document) {
    const auto [seen, is_new] = originals_.try_emplace(document.sha256, false);
    if (is_new) {
      ++report_.n_originals;
      const auto path = store_.original_path(document.sha256);
      seen->second = path && is_intact(*path, document.sha256);
    }
    if (!seen->second)
      report(document, "its original bytes are missing or changed (ingest it again)");
  }

  static bool is_intact(const std::filesystem::path& path, const std::string& sha256) {
    try {
      const auto file = MappedFile::open(path);
      return to_hex(Sha256().update(file.bytes()).finish()) == sha256;
    } catch (const FileError&) {
      return false;
    }
  }

  void check_chunks(const store::Document& document) {
    const auto text = store_.text(document.id);
    if (!text || !is_valid_utf8(*text)) return report(document, "its text is missing or broken");
    const bool has_our_tokens =
        model_ != nullptr && document.tokenizer == model_->tokenizer_sha256();
    std::string_view rest = *text;
    int64_t end = 0;
    for (const auto& chunk : store_.chunks(document.id)) {
      ++report_.n_chunks;
      if (chunk.start_char != end || chunk.end_char <= chunk.start_char) {
        return report(document, "its chunks do not cover its text (ingest it again)");
      }
      end = chunk.end_char;
      const auto part = rest.substr(0, byte_of_char(rest, chunk.end_char - chunk.start_char));
      rest.remove_prefix(part.size());
      if (has_our_tokens &&
          model_->tokenizer().decode(store_.tokens(document.id, chunk.ordinal, 1)) != part) {
        return report(document, "the tokens of a chunk are not its text (ingest it again)");
      }
    }
    if (!rest.empty()) report(document, "its chunks do not cover its text (ingest it again)");
  }

  void report(const store::Document& document, const std::string& what) {
    report_.problems.push_back("D" + std::to_string(document.id) + " \"" + document.key +
                               "\": " + what);
  }

  const store::Store& store_;
  const TextModel* model_;
  CheckReport report_;
  std::map<std::string, bool> originals_;  // by SHA-256: whether the bytes are intact
};

}  // namespace

CheckReport check_store(const store::Store& store, const TextModel* model) {
  return Checker(store, model).run();
}

}  // namespace widenet::library

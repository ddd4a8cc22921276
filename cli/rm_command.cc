// `widenet rm`: deletes a collection or a document and prints what was destroyed.
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/support.h"
#include "library/cache_sweeper.h"

namespace widenet::cli {
namespace {

struct RmOptions {
  DataOptions data;
  std::string collection;
  std::string document;
  bool json = false;
};

// A document as named on the command line: its key, or its label (D17).
std::optional<store::DocumentId> find_document(const store::Store& store,
                                               store::CollectionId collection,
                                               const std::string& name) {
  if (const auto document = store.find_document(collection, name)) return document->id;
  if (name.size() < 2 || name.size() > 18 || name[0] != 'D') return {};
  if (name.find_first_not_of("0123456789", 1) != std::string::npos) return {};
  const auto document = store.document(std::stoll(name.substr(1)));
  if (!document || document->collection != collection) return {};
  return document->id;
}

std::optional<store::DeletionReceipt> remove(store::Store& store, const RmOptions& options) {
  const store::CollectionId collection = find_collection(store, options.collection).id;
  if (options.document.empty()) return store.delete_collection(collection);
  const auto document = find_document(store, collection, options.document);
  if (!document) {
    throw CommandError("cannot delete \"" + options.document + "\" of \"" + options.collection +
                       "\": there is no such document (widenet ls " + options.collection +
                       " lists them; name it by its path or its label)");
  }
  return store.delete_document(*document);
}

void print(const store::DeletionReceipt& receipt) {
  std::printf("Deleted %s: %s, %s, %s, %s, %s, %s of original bytes.\n", receipt.what.c_str(),
              counted(receipt.documents, "document version").c_str(),
              counted(receipt.pages, "page").c_str(), counted(receipt.chunks, "chunk").c_str(),
              counted(receipt.vectors, "vector").c_str(),
              counted(receipt.answers, "answer").c_str(),
              counted(static_cast<int64_t>(receipt.originals.size()), "file").c_str());
  for (const auto& original : receipt.originals) std::printf("  sha256 %s\n", original.c_str());
  if (receipt.cache_files) {
    std::printf("%s of what the model made of it.\n",
                counted(*receipt.cache_files, "file").c_str());
  } else {
    std::printf("What the model made of it goes from the cache of the process that has it open.\n");
  }
  std::printf("Receipt %lld.\n", static_cast<long long>(receipt.id));
}

void print_json(const store::DeletionReceipt& receipt) {
  const nlohmann::json json = {
      {"id", receipt.id},
      {"what", receipt.what},
      {"requested_ms", receipt.requested_ms},
      {"finished_ms", receipt.finished_ms},
      {"documents", receipt.documents},
      {"pages", receipt.pages},
      {"chunks", receipt.chunks},
      {"vectors", receipt.vectors},
      {"answers", receipt.answers},
      {"cache_files",
       receipt.cache_files ? nlohmann::json(*receipt.cache_files) : nlohmann::json(nullptr)},
      {"originals", receipt.originals}};
  std::printf("%s\n", json.dump(2).c_str());
}

void run(const RmOptions& options) {
  const auto store = open_store(options.data);
  auto receipt = remove(*store, options);
  if (!receipt) {
    throw CommandError("cannot delete from \"" + options.collection +
                       "\": it was deleted meanwhile (see widenet ls)");
  }
  library::sweep_cache_files(*store, store->directory() / "cache");
  receipt = store->receipt(receipt->id);
  options.json ? print_json(*receipt) : print(*receipt);
}

}  // namespace

void add_rm_command(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("rm", "Delete a collection or a document, with a receipt");
  const auto options = std::make_shared<RmOptions>();
  verb->add_option("collection", options->collection, "The collection")->required();
  verb->add_option("document", options->document, "One document: its path or its label (D17)");
  verb->add_flag("--json", options->json, "Print the receipt as JSON");
  add_data_option(*verb, options->data);
  verb->callback([options] { run(*options); });
}

}  // namespace widenet::cli

// The objects of the API as JSON, their ids, and lists of them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/json_body.h"
#include "api/service.h"

namespace widenet::api {

// "file-7", "vs_2", "job_5", "conv_3": a prefix and the store's id.
std::string make_id(std::string_view prefix, int64_t id);
std::optional<int64_t> parse_id(std::string_view prefix, std::string_view text);

// What an id means, or a 404 that says what there is not.
store::Collection find_collection(const Service& service, std::string_view id);
store::File find_file(const Service& service, std::string_view id);
// "17", "D17" or "doc-17".
store::Document find_document(const Service& service, std::string_view id);
// A document in a collection, by its own id or by the file that was uploaded for it.
store::Document find_member(const Service& service,
                            const store::Collection& collection,
                            std::string_view id);

// Every current document of a collection, in order of id.
std::vector<store::Document> all_documents(const store::Store& store, store::CollectionId id);

// The id of a document's file for clients: "file-7" of an upload, "doc-17" if there was none.
std::string file_id_of(const store::Document& document);

Json to_json(const store::File& file);
Json to_json(const store::Collection& collection);
Json to_json(const store::Job& job);
Json to_json(const store::DeletionReceipt& receipt);
// A vector_store.file: what became of a file in a collection.
Json to_member_json(const store::Document& document, int64_t n_children);
// What a document is: title, format, sizes.
Json to_document_json(const store::Document& document);

// One page of a list as the query (limit, order, after, before) asks for it.  `objects` ascend in
// age: the first is the oldest.
Json list_page(const Request& request, std::vector<Json> objects, int64_t limit_max = 100);

// A name for a file that is safe to show and to store: no directories, no control characters.
std::string clean_file_name(std::string_view name);

}  // namespace widenet::api

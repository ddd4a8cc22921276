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

// What an id or name means to who asks, or a 404 that says what there is not: what the principal
// may not see is not there.  A collection's name is that within its tenant, and its counts are
// those of what the principal may read.
store::Collection find_collection(const Service& service,
                                  const Request& request,
                                  std::string_view id);
store::Collection find_collection_named(const Service& service,
                                        const Request& request,
                                        const std::string& name);
std::vector<store::Collection> visible_collections(const Service& service, const Request& request);
bool is_visible(const Request& request, const store::File& file);
bool is_visible(const Service& service, const Request& request, const store::Job& job);
store::File find_file(const Service& service, const Request& request, std::string_view id);
// "17", "D17" or "doc-17".
store::Document find_document(const Service& service, const Request& request, std::string_view id);
// A document in a collection, by its own id or by the file that was uploaded for it.
store::Document find_member(const Service& service,
                            const Request& request,
                            const store::Collection& collection,
                            std::string_view id);

// Whether the principal's key is for a collection of this name.
bool is_name_allowed(const Principal& principal, const std::string& name);
// As the store has it.
std::string stored_name(const Request& request, const std::string& name);
// Throws HttpError 403 unless the principal may read the file that the document is, or is part of,
// wholly: every version, and every document in it.
void need_all_of(const Service& service, const Request& request, const store::Document& document);
// Throws HttpError 403 unless it is the operator's.
void need_operator(const Request& request);

// Every current document of a collection that the principal may read, in order of id.
std::vector<store::Document> all_documents(const store::Store& store,
                                           const Request& request,
                                           store::CollectionId id);

// The id of a document's file for clients: "file-7" of an upload, "doc-17" if there was none.
std::string file_id_of(const store::Document& document);

Json to_json(const store::File& file);
Json to_json(const store::Collection& collection);
// With counts of what the principal may read: walks the documents if that is not all.
Json collection_json(const Service& service, const Request& request, store::Collection collection);
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

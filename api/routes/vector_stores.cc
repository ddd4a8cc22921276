// /v1/vector_stores: collections, and the files that were put into them.
#include <algorithm>
#include <map>
#include <string_view>

#include "api/routes/objects.h"
#include "api/routes/routes.h"

namespace widenet::api {
namespace {

constexpr int64_t kNameCharsMax = 200;

std::string lower_extension(const std::string& name) {
  const size_t dot = name.find_last_of('.');
  std::string extension = dot == std::string::npos ? "" : name.substr(dot + 1);
  for (char& c : extension) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return extension;
}

std::string free_name(const store::Store& store, const Request& request) {
  for (int n = 1;; ++n) {
    std::string name = "Untitled " + std::to_string(n);
    if (!store.collection(stored_name(request, name))) return name;
  }
}

// A key for some collections makes and names only such.
void need_name(const Request& request, const std::string& name) {
  if (is_name_allowed(request.principal, name)) return;
  throw HttpError({.status = 403,
                   .message = "this API key is not for a vector store named \"" + name + "\"",
                   .code = "name_not_allowed",
                   .param = "name"});
}

[[noreturn]] void name_taken(const std::string& name) {
  throw HttpError({.status = 409,
                   .message = "there is a vector store named \"" + name + "\" already",
                   .code = "name_taken",
                   .param = "name"});
}

std::optional<std::string> metadata_of(const JsonBody& body) {
  const Json* metadata = body.object("metadata");
  if (metadata == nullptr) return std::nullopt;
  if (metadata->size() > 16) bad_field("metadata", "must not have more than 16 keys");
  for (const auto& [key, value] : metadata->items()) {
    if (!value.is_string()) bad_field("metadata", "must have strings as values");
  }
  return dump(*metadata);
}

// Puts an uploaded file into a collection: a document, and a job that makes it searchable.  The
// same bytes under the same name are there already; others become a new version.
store::Document attach(Service& service,
                       const Request& request,
                       const store::Collection& collection,
                       const store::File& file,
                       const std::optional<std::vector<std::string>>& readers) {
  auto& store = service.parts.store;
  const auto before = store.find_document(collection.id, file.name);
  if (before) need_all_of(service, request, *before);
  const auto job = store.create_job({.kind = "ingest", .collection = collection.id, .total = 1});
  const auto added = store.add_document({.collection = collection.id,
                                         .key = file.name,
                                         .format = lower_extension(file.name),
                                         .sha256 = file.sha256,
                                         .file = file.id,
                                         .job = job,
                                         .readers = readers});
  if (service.ingest_worker) service.ingest_worker->enqueue(job);
  return *store.document(added.id);
}

void refuse_attributes(const JsonBody& body) {
  const Json* attributes = body.object("attributes");
  if (attributes != nullptr && !attributes->empty()) {
    bad_field("attributes", "are not kept by this server, so it takes none");
  }
}

// Who may read: groups, and names of API keys.
std::optional<std::vector<std::string>> readers_of(const JsonBody& body) {
  if (body.find("x_readers") == nullptr) return {};
  auto readers = body.texts("x_readers", 100);
  for (const std::string& name : readers) {
    if (!store::is_reader_name(name)) {
      bad_field("x_readers", "must be names of 1 to 200 characters on one line");
    }
  }
  return readers;
}

int64_t count_children(const Service& service,
                       const Request& request,
                       const store::Document& document) {
  return std::ranges::count_if(service.parts.store.children(document.id), [&](const auto& child) {
    return may_read(request.principal.reader, child.readers);
  });
}

// POST /v1/vector_stores   {"name", "file_ids": [..], "metadata", "x_readers": [..]}
//
//   200  the vector store; its files are being processed
//   409  the name is taken
Response create(const Request& request, Service& service) {
  auto& store = service.parts.store;
  const auto body = JsonBody::parse(request);
  const auto metadata = metadata_of(body);
  const auto readers = readers_of(body);
  std::vector<store::File> files;
  for (const auto& id : body.texts("file_ids", 500))
    files.push_back(find_file(service, request, id));
  const std::string name =
      body.find("name") ? body.required_text("name", kNameCharsMax) : free_name(store, request);
  need_name(request, name);
  if (store.collection(stored_name(request, name))) name_taken(name);

  const auto id = store.find_or_create_collection(stored_name(request, name));
  if (metadata) store.set_collection_metadata(id, *metadata);
  const auto collection = store.collection(id);
  for (const auto& file : files) attach(service, request, *collection, file, readers);
  return json_response(
      collection_json(service, request, find_collection(service, request, make_id("vs_", id))));
}

// POST /v1/vector_stores/{id}   {"name", "metadata"}
Response update(const Request& request, Service& service) {
  auto& store = service.parts.store;
  const auto collection = find_collection(service, request, request.arguments[0]);
  const auto body = JsonBody::parse(request);
  const auto metadata = metadata_of(body);
  if (body.find("name")) {
    const auto name = body.required_text("name", kNameCharsMax);
    need_name(request, name);
    if (name != collection.name &&
        !store.rename_collection(collection.id, stored_name(request, name))) {
      name_taken(name);
    }
  }
  if (metadata) store.set_collection_metadata(collection.id, *metadata);
  return json_response(
      collection_json(service, request, find_collection(service, request, request.arguments[0])));
}

Response list(const Request& request, Service& service) {
  auto collections = visible_collections(service, request);
  std::sort(collections.begin(), collections.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  std::vector<Json> objects;
  for (const auto& collection : collections) {
    objects.push_back(collection_json(service, request, collection));
  }
  return json_response(list_page(request, std::move(objects)));
}

Response remove(const Request& request, Service& service) {
  const auto collection = find_collection(service, request, request.arguments[0]);
  if (!request.principal.reader.reads_all) {
    throw HttpError({.status = 403,
                     .message = "a vector store is deleted by who may read every document in it",
                     .code = "not_all_readable"});
  }
  const auto receipt = service.parts.store.delete_collection(collection.id);
  if (!receipt) not_found("vector store \"" + request.arguments[0] + "\"");
  return json_response({{"id", make_id("vs_", collection.id)},
                        {"object", "vector_store.deleted"},
                        {"deleted", true},
                        {"x_receipt", to_json(finish_deletion(service.parts, *receipt))}});
}

// POST /v1/vector_stores/{id}/files   {"file_id", "x_readers": [..]}
//
//   200  the file's state here: "in_progress" until its job (x_document.job) is done
Response add_member(const Request& request, Service& service) {
  const auto collection = find_collection(service, request, request.arguments[0]);
  const auto body = JsonBody::parse(request);
  refuse_attributes(body);
  const auto file = find_file(service, request, body.required_text("file_id"));
  return json_response(
      to_member_json(attach(service, request, collection, file, readers_of(body)), 0));
}

// GET /v1/vector_stores/{id}/files?filter=in_progress|completed|failed|cancelled
Response list_members(const Request& request, Service& service) {
  const auto collection = find_collection(service, request, request.arguments[0]);
  const auto filter = request.query.find("filter");
  const auto documents = all_documents(service.parts.store, request, collection.id);
  std::map<store::DocumentId, int64_t> n_children;
  for (const auto& document : documents) {
    if (document.parent) ++n_children[*document.parent];
  }
  std::vector<Json> objects;
  for (const auto& document : documents) {
    if (document.parent) continue;
    Json object = to_member_json(document, n_children[document.id]);
    if (!filter || object.at("status") == *filter) objects.push_back(std::move(object));
  }
  return json_response(list_page(request, std::move(objects), 1000));
}

Response get_member(const Request& request, Service& service) {
  const auto collection = find_collection(service, request, request.arguments[0]);
  const auto document = find_member(service, request, collection, request.arguments[1]);
  return json_response(to_member_json(document, count_children(service, request, document)));
}

// DELETE /v1/vector_stores/{id}/files/{file}: all versions of the document go; an upload stays
// under /v1/files until it is deleted there.
Response remove_member(const Request& request, Service& service) {
  const auto collection = find_collection(service, request, request.arguments[0]);
  const auto document = find_member(service, request, collection, request.arguments[1]);
  need_all_of(service, request, document);
  const auto receipt = service.parts.store.delete_document(document.id);
  if (!receipt) not_found("file \"" + request.arguments[1] + "\"");
  return json_response({{"id", request.arguments[1]},
                        {"object", "vector_store.file.deleted"},
                        {"deleted", true},
                        {"x_receipt", to_json(finish_deletion(service.parts, *receipt))}});
}

}  // namespace

void add_vector_store_routes(Router& router, Service& service) {
  using Function = Response (*)(const Request&, Service&);
  const auto add = [&](const char* method, const char* pattern, BodyKind body, Function function) {
    router.add({.method = method,
                .pattern = pattern,
                .body = body,
                .writes = std::string_view(method) != "GET",
                .handler = [&service, function](const Request& request) {
                  return function(request, service);
                }});
  };
  const Function get = [](const Request& request, Service& from) {
    return json_response(
        collection_json(from, request, find_collection(from, request, request.arguments[0])));
  };
  add("GET", "/v1/vector_stores", BodyKind::none, list);
  add("POST", "/v1/vector_stores", BodyKind::json, create);
  add("GET", "/v1/vector_stores/{id}", BodyKind::none, get);
  add("POST", "/v1/vector_stores/{id}", BodyKind::json, update);
  add("DELETE", "/v1/vector_stores/{id}", BodyKind::none, remove);
  add("GET", "/v1/vector_stores/{id}/files", BodyKind::none, list_members);
  add("POST", "/v1/vector_stores/{id}/files", BodyKind::json, add_member);
  add("GET", "/v1/vector_stores/{id}/files/{file}", BodyKind::none, get_member);
  add("DELETE", "/v1/vector_stores/{id}/files/{file}", BodyKind::none, remove_member);
}

}  // namespace widenet::api

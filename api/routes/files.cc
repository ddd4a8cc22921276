// /v1/files: what was uploaded, in no vector store yet or in several.
#include "api/routes/objects.h"
#include "api/routes/routes.h"

namespace widenet::api {
namespace {

// Forms of a Content-Disposition that keep any name from becoming a header (RFC 8187).
std::string attachment(const std::string& name) {
  std::string encoded;
  for (const unsigned char c : name) {
    if (std::isalnum(c) || c == '.' || c == '-' || c == '_') {
      encoded += static_cast<char>(c);
    } else {
      char text[8];
      std::snprintf(text, sizeof text, "%%%02X", c);
      encoded += text;
    }
  }
  return "attachment; filename*=UTF-8''" + encoded;
}

const FormPart& the_file(const Request& request) {
  const FormPart* found = nullptr;
  for (const FormPart& part : request.form) {
    if (!part.is_file) continue;
    if (part.name != "file" || found != nullptr) bad_field(part.name, "is not the one file");
    found = &part;
  }
  if (found == nullptr) bad_field("file", "is needed: multipart/form-data with one file");
  return *found;
}

std::string purpose_of(const Request& request) {
  for (const FormPart& part : request.form) {
    if (part.name != "purpose" || part.is_file) continue;
    for (const char* known : {"assistants", "batch", "fine-tune", "vision", "user_data", "evals"}) {
      if (part.value == known) return part.value;
    }
    bad_field("purpose", "must be one of assistants, batch, fine-tune, vision, user_data, evals");
  }
  return "user_data";
}

// POST /v1/files   multipart/form-data: file, purpose = user_data
//
//   200  the file; its bytes are on disk
Response upload(const Request& request, Service& service) {
  const FormPart& part = the_file(request);
  store::File file;
  file.name = clean_file_name(part.file_name);
  file.purpose = purpose_of(request);
  file.bytes = part.file_bytes;
  file.owner = request.principal.owner();
  file.sha256 = service.parts.store.import_original(part.file);
  const auto stored = service.parts.store.file(service.parts.store.add_file(file));
  return json_response(to_json(*stored));
}

// GET /v1/files?limit&order&after&before&purpose
Response list(const Request& request, Service& service) {
  const auto purpose = request.query.find("purpose");
  std::vector<Json> objects;
  for (store::Paging paging;;) {
    const auto files = service.parts.store.files(paging);
    if (files.empty()) break;
    paging.after_id = files.back().id;
    for (const auto& file : files) {
      if (!is_visible(request, file)) continue;
      if (!purpose || file.purpose == *purpose) objects.push_back(to_json(file));
    }
  }
  return json_response(list_page(request, std::move(objects), 10'000));
}

// GET /v1/files/{id}/content: the bytes as uploaded, for downloading only.  `doc-17` names the
// original of a document that was not uploaded here.
Response content(const Request& request, Service& service) {
  const std::string& id = request.arguments[0];
  std::string name, sha256;
  if (id.starts_with("doc-")) {
    const auto document = find_document(service, request, id);
    need_all_of(service, request, document);  // its bytes tell of all that is in it
    name = clean_file_name(document.key);
    sha256 = document.sha256;
  } else {
    const auto file = find_file(service, request, id);
    name = file.name;
    sha256 = file.sha256;
  }
  Response response;
  response.file = service.parts.store.original_path(sha256);
  if (!response.file) not_found("content of \"" + id + "\"", "file_id");
  response.headers.add("Content-Type", "application/octet-stream");
  response.headers.add("Content-Disposition", attachment(name));
  response.headers.add("Content-Security-Policy", "default-src 'none'; sandbox");
  return response;
}

// DELETE /v1/files/{id}: the upload, and what was made of it in every vector store.
Response remove(const Request& request, Service& service) {
  auto& store = service.parts.store;
  const auto file = find_file(service, request, request.arguments[0]);
  std::vector<store::Document> documents;
  for (const auto& collection : store.collections()) {
    for (auto& document : all_documents(store, request, collection.id)) {
      if (document.file != file.id || document.parent) continue;
      need_all_of(service, request, document);  // before anything is deleted
      documents.push_back(std::move(document));
    }
  }
  Json receipts = Json::array();
  for (const auto& document : documents) {
    if (const auto receipt = store.delete_document(document.id)) {
      receipts.push_back(to_json(finish_deletion(service.parts, *receipt)));
    }
  }
  store.delete_file(file.id);
  return json_response({{"id", make_id("file-", file.id)},
                        {"object", "file"},
                        {"deleted", true},
                        {"x_receipts", receipts}});
}

}  // namespace

void add_file_routes(Router& router, Service& service) {
  router.add({.method = "POST",
              .pattern = "/v1/files",
              .body = BodyKind::form,
              .writes = true,
              .handler = [&](const Request& request) { return upload(request, service); }});
  router.add({.method = "GET", .pattern = "/v1/files", .handler = [&](const Request& request) {
                return list(request, service);
              }});
  router.add({.method = "GET", .pattern = "/v1/files/{id}", .handler = [&](const Request& request) {
                return json_response(to_json(find_file(service, request, request.arguments[0])));
              }});
  router.add({.method = "GET",
              .pattern = "/v1/files/{id}/content",
              .handler = [&](const Request& request) { return content(request, service); }});
  router.add({.method = "DELETE",
              .pattern = "/v1/files/{id}",
              .writes = true,
              .handler = [&](const Request& request) { return remove(request, service); }});
}

}  // namespace widenet::api

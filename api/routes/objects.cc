// Shapes as OpenAI's clients know them; what is ours beside them begins with x_.
#include "api/routes/objects.h"

#include <algorithm>
#include <charconv>

#include "base/utf8.h"

namespace widenet::api {
namespace {

Json optional_text(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

const char* member_status(store::DocumentState state) {
  switch (state) {
    case store::DocumentState::queued:
    case store::DocumentState::processing:
      return "in_progress";
    case store::DocumentState::failed:
      return "failed";
    case store::DocumentState::ready:
    case store::DocumentState::superseded:
      return "completed";
  }
  return "";
}

const char* job_status(const store::Job& job) {
  switch (job.state) {
    case store::JobState::queued:
      return "queued";
    case store::JobState::running:
      return "running";
    case store::JobState::done:
      return job.failed > 0 && job.done == 0 ? "failed" : "succeeded";
    case store::JobState::failed:
      return "failed";
    case store::JobState::cancelled:
      return "cancelled";
  }
  return "";
}

// Invisible, or turning the direction of what follows: nothing a name needs.
bool is_control(char32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200b && c <= 0x200f) ||
         (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

char32_t code_point_of(std::string_view character) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(character[i]); };
  if (character.size() == 1) return byte(0);
  const unsigned mask = character.size() == 2 ? 0x1f : character.size() == 3 ? 0x0f : 0x07;
  char32_t point = byte(0) & mask;
  for (size_t i = 1; i < character.size(); ++i) point = point << 6 | (byte(i) & 0x3f);
  return point;
}

template <typename T>
int64_t index_of(const std::vector<Json>& objects, const T& id) {
  const auto at = std::find_if(objects.begin(), objects.end(),
                               [&](const Json& object) { return object.at("id") == id; });
  return at - objects.begin();
}

// The name within the tenant; nothing if it is none of the principal's.
std::optional<std::string> seen_name(const Principal& principal, const std::string& stored) {
  const std::string prefix = principal.tenant.empty() ? "" : principal.tenant + "/";
  if (!stored.starts_with(prefix)) return {};
  std::string name = stored.substr(prefix.size());
  if (!is_name_allowed(principal, name)) return {};
  return name;
}

// Counts of what this reader may read.
void count_again(const store::Store& store, const Request& request, store::Collection& collection) {
  collection.n_ready = collection.n_pending = collection.n_failed = collection.n_chunks = 0;
  collection.n_tokens = collection.n_chars = collection.original_bytes = 0;
  for (const auto& document : all_documents(store, request, collection.id)) {
    const bool is_ready = document.state == store::DocumentState::ready;
    const bool has_failed = document.state == store::DocumentState::failed;
    ++(is_ready ? collection.n_ready : has_failed ? collection.n_failed : collection.n_pending);
    if (!document.parent) collection.original_bytes += document.bytes;
    if (!is_ready) continue;
    collection.n_chunks += document.n_chunks;
    collection.n_tokens += document.n_tokens;
    collection.n_chars += document.n_chars;
  }
}

std::optional<store::Collection> as_seen(const Request& request, store::Collection collection) {
  const auto name = seen_name(request.principal, collection.name);
  if (!name) return {};
  collection.name = *name;
  return collection;
}

bool is_visible(const Service& service, const Request& request, const store::Document& document) {
  const auto collection = service.parts.store.collection(document.collection);
  return collection && seen_name(request.principal, collection->name) &&
         may_read(request.principal.reader, document.readers);
}

}  // namespace

bool is_name_allowed(const Principal& principal, const std::string& name) {
  const auto& patterns = principal.collections;
  return patterns.empty() || std::ranges::any_of(patterns, [&](const std::string& pattern) {
           return pattern.ends_with('*')
                      ? name.starts_with(std::string_view(pattern).substr(0, pattern.size() - 1))
                      : name == pattern;
         });
}

std::string stored_name(const Request& request, const std::string& name) {
  const std::string& tenant = request.principal.tenant;
  return tenant.empty() ? name : tenant + "/" + name;
}

std::string make_id(std::string_view prefix, int64_t id) {
  return std::string(prefix) + std::to_string(id);
}

std::optional<int64_t> parse_id(std::string_view prefix, std::string_view text) {
  if (!text.starts_with(prefix)) return std::nullopt;
  text.remove_prefix(prefix.size());
  int64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  const bool is_whole = error == std::errc() && end == text.data() + text.size();
  return is_whole && id > 0 ? std::optional(id) : std::nullopt;
}

store::Collection find_collection(const Service& service,
                                  const Request& request,
                                  std::string_view id) {
  const auto number = parse_id("vs_", id);
  auto found = number ? service.parts.store.collection(*number) : std::nullopt;
  if (found) found = as_seen(request, *std::move(found));
  if (!found) not_found("vector store \"" + std::string(id) + "\"", "vector_store_id");
  return *found;
}

store::Collection find_collection_named(const Service& service,
                                        const Request& request,
                                        const std::string& name) {
  auto found = service.parts.store.collection(stored_name(request, name));
  if (found) found = as_seen(request, *std::move(found));
  if (!found) not_found("collection \"" + name + "\"", "collection");
  return *found;
}

std::vector<store::Collection> visible_collections(const Service& service, const Request& request) {
  std::vector<store::Collection> visible;
  for (auto& collection : service.parts.store.collections()) {
    if (auto seen = as_seen(request, std::move(collection))) {
      visible.push_back(*std::move(seen));
    }
  }
  return visible;
}

bool is_visible(const Request& request, const store::File& file) {
  const Principal& principal = request.principal;
  if (principal.is_operator() || file.owner == principal.owner()) return true;
  return principal.reader.reads_all && principal.collections.empty() &&
         file.owner.starts_with(principal.tenant + "/");
}

bool is_visible(const Service& service, const Request& request, const store::Job& job) {
  if (request.principal.is_operator()) return true;
  const auto collection =
      job.collection ? service.parts.store.collection(*job.collection) : std::nullopt;
  return collection && seen_name(request.principal, collection->name);
}

store::File find_file(const Service& service, const Request& request, std::string_view id) {
  const auto number = parse_id("file-", id);
  auto found = number ? service.parts.store.file(*number) : std::nullopt;
  if (!found || !is_visible(request, *found)) {
    not_found("file \"" + std::string(id) + "\"", "file_id");
  }
  return *found;
}

store::Document find_document(const Service& service, const Request& request, std::string_view id) {
  std::optional<int64_t> number;
  for (const std::string_view prefix : {"doc-", "D", ""}) {
    if (!number) number = parse_id(prefix, id);
  }
  auto found = number ? service.parts.store.document(*number) : std::nullopt;
  if (!found || !is_visible(service, request, *found)) {
    not_found("document \"" + std::string(id) + "\"", "document");
  }
  return *found;
}

store::Document find_member(const Service& service,
                            const Request& request,
                            const store::Collection& collection,
                            std::string_view id) {
  if (const auto number = parse_id("doc-", id)) {
    auto document = service.parts.store.document(*number);
    const bool is_here = document && document->collection == collection.id;
    if (is_here && is_visible(service, request, *document)) return *document;
  } else if (const auto file = parse_id("file-", id)) {
    for (auto& document : all_documents(service.parts.store, request, collection.id)) {
      if (document.file == file && !document.parent) return document;
    }
  }
  not_found("file \"" + std::string(id) + "\" in " + make_id("vs_", collection.id), "file_id");
}

void need_all_of(const Service& service, const Request& request, const store::Document& document) {
  const auto& store = service.parts.store;
  const auto may = [&](const store::Document& each) {
    return may_read(request.principal.reader, each.readers);
  };
  const store::DocumentId top = document.parent.value_or(document.id);
  const auto versions = store.versions(top);
  const bool may_all = std::ranges::all_of(versions, [&](const store::Document& version) {
    return may(version) && std::ranges::all_of(store.children(version.id), may);
  });
  if (may_all) return;
  throw HttpError({.status = 403,
                   .message = "it also holds documents that this API key may not read",
                   .code = "not_all_readable"});
}

void need_operator(const Request& request) {
  if (request.principal.is_operator()) return;
  throw HttpError({.status = 403,
                   .message = "this is for the operator's API key alone",
                   .code = "not_the_operator"});
}

std::vector<store::Document> all_documents(const store::Store& store,
                                           const Request& request,
                                           store::CollectionId id) {
  std::vector<store::Document> all;
  for (store::Paging paging;;) {
    auto documents = store.documents(id, paging, request.principal.reader);
    if (documents.empty()) return all;
    paging.after_id = documents.back().id;
    std::move(documents.begin(), documents.end(), std::back_inserter(all));
  }
}

std::string file_id_of(const store::Document& document) {
  return document.file ? make_id("file-", *document.file) : make_id("doc-", document.id);
}

Json to_json(const store::File& file) {
  return {{"id", make_id("file-", file.id)},
          {"object", "file"},
          {"bytes", file.bytes},
          {"created_at", file.created_ms / 1000},
          {"expires_at", nullptr},
          {"filename", file.name},
          {"purpose", file.purpose},
          {"status", "processed"}};
}

Json to_json(const store::Collection& collection) {
  const int64_t total = collection.n_ready + collection.n_pending + collection.n_failed;
  return {{"id", make_id("vs_", collection.id)},
          {"object", "vector_store"},
          {"created_at", collection.created_ms / 1000},
          {"name", collection.name},
          {"usage_bytes", collection.original_bytes},
          {"file_counts",
           {{"in_progress", collection.n_pending},
            {"completed", collection.n_ready},
            {"failed", collection.n_failed},
            {"cancelled", 0},
            {"total", total}}},
          {"status", collection.n_pending > 0 ? "in_progress" : "completed"},
          {"expires_after", nullptr},
          {"expires_at", nullptr},
          {"last_active_at", collection.created_ms / 1000},
          {"metadata", Json::parse(collection.metadata_json)},
          {"x_tokens", collection.n_tokens},
          {"x_characters", collection.n_chars},
          {"x_chunks", collection.n_chunks}};
}

Json collection_json(const Service& service, const Request& request, store::Collection collection) {
  if (!request.principal.reader.reads_all) count_again(service.parts.store, request, collection);
  return to_json(collection);
}

Json to_json(const store::Job& job) {
  const int64_t finished = job.done + job.failed;
  const bool has_ended = job.state == store::JobState::done;
  return {
      {"id", make_id("job_", job.id)},
      {"object", "job"},
      {"kind", job.kind},
      {"status", job_status(job)},
      {"progress", has_ended
                       ? 1.0
                       : static_cast<double>(finished) /
                             static_cast<double>(std::max<int64_t>({job.total, finished, 1}))},
      {"items", {{"done", job.done}, {"failed", job.failed}, {"total", job.total}}},
      {"vector_store_id", job.collection ? Json(make_id("vs_", *job.collection)) : Json(nullptr)},
      {"error", optional_text(job.message)},
      {"created_at", job.created_ms / 1000},
      {"updated_at", job.updated_ms / 1000}};
}

Json to_json(const store::DeletionReceipt& receipt) {
  return {{"id", receipt.id},
          {"what", receipt.what},
          {"requested_at", receipt.requested_ms / 1000},
          {"finished_at", receipt.finished_ms / 1000},
          {"documents", receipt.documents},
          {"pages", receipt.pages},
          {"chunks", receipt.chunks},
          {"vectors", receipt.vectors},
          {"answers", receipt.answers},
          {"cache_files", receipt.cache_files ? Json(*receipt.cache_files) : Json(nullptr)},
          {"originals", receipt.originals}};
}

Json to_document_json(const store::Document& document) {
  return {{"document", document.id},       {"title", document.title},
          {"filename", document.key},      {"format", document.format},
          {"version", document.version},   {"state", store::name_of(document.state)},
          {"pages", document.n_pages},     {"characters", document.n_chars},
          {"tokens", document.n_tokens},   {"bytes", document.bytes},
          {"warnings", document.warnings}, {"created_at", document.created_ms / 1000}};
}

Json to_member_json(const store::Document& document, int64_t n_children) {
  const bool has_failed = document.state == store::DocumentState::failed;
  Json details = to_document_json(document);
  details["progress"] = document.progress;
  details["children"] = n_children;
  details["job"] = document.job ? Json(make_id("job_", *document.job)) : Json(nullptr);
  return {{"id", file_id_of(document)},
          {"object", "vector_store.file"},
          {"usage_bytes", document.bytes},
          {"created_at", document.created_ms / 1000},
          {"vector_store_id", make_id("vs_", document.collection)},
          {"status", member_status(document.state)},
          {"last_error", has_failed ? Json{{"code", "invalid_file"}, {"message", document.error}}
                                    : Json(nullptr)},
          {"chunking_strategy", {{"type", "auto"}}},
          {"attributes", Json::object()},
          {"x_document", details}};
}

Json list_page(const Request& request, std::vector<Json> objects, int64_t limit_max) {
  const auto order = request.query.find("order").value_or("desc");
  if (order != "asc" && order != "desc") bad_field("order", "must be asc or desc");
  if (order == "desc") std::reverse(objects.begin(), objects.end());
  const auto limit = parse_id("", request.query.find("limit").value_or("20"));
  if (!limit || *limit > limit_max) {
    bad_field("limit", "must be an integer from 1 to " + std::to_string(limit_max));
  }

  const auto size = static_cast<int64_t>(objects.size());
  int64_t first = 0, last = size;
  if (const auto after = request.query.find("after")) {
    first = std::min(index_of(objects, *after) + 1, size);
  }
  if (const auto before = request.query.find("before")) {
    last = std::max(index_of(objects, *before), first);
    first = std::max(first, last - *limit);
  }
  last = std::min(last, first + *limit);
  Json data = Json::array();
  for (int64_t i = first; i < last; ++i) data.push_back(std::move(objects[static_cast<size_t>(i)]));
  return {{"object", "list"},
          {"first_id", data.empty() ? Json(nullptr) : data.front().at("id")},
          {"last_id", data.empty() ? Json(nullptr) : data.back().at("id")},
          {"has_more", last < size},
          {"data", std::move(data)}};
}

std::string clean_file_name(std::string_view name) {
  const std::string valid = to_valid_utf8(name);
  std::string_view rest = valid;
  rest.remove_prefix(rest.find_last_of("/\\") + 1);
  std::string clean;
  for (int64_t n_chars = 0; !rest.empty() && n_chars < 200; ++n_chars) {
    const std::string_view character = rest.substr(0, byte_of_char(rest, 1));
    rest.remove_prefix(character.size());
    clean += is_control(code_point_of(character)) ? std::string_view("_") : character;
  }
  const size_t start = clean.find_first_not_of(' ');
  if (start == std::string::npos || clean == "." || clean == "..") return "unnamed";
  return clean.substr(start, clean.find_last_not_of(' ') - start + 1);
}

}  // namespace widenet::api

// /v1/cache/warm: reading documents ahead of the first question about them.
#include "api/routes/objects.h"
#include "api/routes/questions.h"
#include "api/routes/routes.h"

namespace widenet::api {
namespace {

// POST /v1/cache/warm   {"vector_store_id"} or {"collection"}
//
//   202  the job that reads it, one after the other: its items are tokens
//   404  there is no such vector store
//   503  there is no model
Response warm(const Request& request, Service& service) {
  auto& store = service.parts.store;
  const auto body = JsonBody::parse(request);
  body.allow_only({"vector_store_id", "collection"});
  const auto name = body.text("collection");
  const auto collection =
      name ? find_collection_named(service, request, *name)
           : find_collection(service, request, body.required_text("vector_store_id"));
  need_model(service);
  const auto size =
      store.size_of({.collections = {collection.id}, .reader = request.principal.reader});
  const auto job = store.create_job({.kind = "warm",
                                     .collection = collection.id,
                                     .total = size.n_tokens,
                                     .details_json = dump(warm_details(request.principal))});
  service.warm_worker->enqueue(job);
  return json_response(to_json(*store.job(job)), 202);
}

}  // namespace

void add_cache_routes(Router& router, Service& service) {
  router.add({.method = "POST",
              .pattern = "/v1/cache/warm",
              .body = BodyKind::json,
              .handler = [&service](const Request& request) { return warm(request, service); }});
}

}  // namespace widenet::api

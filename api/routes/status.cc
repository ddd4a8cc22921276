// /v1/models, /v1/jobs and /healthz: what runs here, and how far it is.
#include "api/routes/objects.h"
#include "api/routes/routes.h"

namespace widenet::api {
namespace {

Json model_json(const engine::Engine& engine) {
  return {{"id", engine.name()},
          {"object", "model"},
          {"created", 0},
          {"owned_by", "widenet"},
          {"x_fingerprint", engine.fingerprint()},
          {"x_backend", engine.backend_name()},
          {"x_tokens_max", engine.n_tokens_max()}};
}

Response list_models(const Request&, Service& service) {
  Json data = Json::array();
  if (service.parts.engine) data.push_back(model_json(*service.parts.engine));
  return json_response({{"object", "list"}, {"data", data}});
}

Response get_model(const Request& request, Service& service) {
  const auto* engine = service.parts.engine;
  if (!engine || engine->name() != request.arguments[0]) {
    not_found("model \"" + request.arguments[0] + "\"", "model");
  }
  return json_response(model_json(*engine));
}

Response get_job(const Request& request, Service& service) {
  const auto id = parse_id("job_", request.arguments[0]);
  const auto job = id ? service.parts.store.job(*id) : std::nullopt;
  if (!job) not_found("job \"" + request.arguments[0] + "\"");
  return json_response(to_json(*job));
}

Response list_jobs(const Request& request, Service& service) {
  std::vector<Json> objects;
  for (store::Paging paging;;) {
    const auto jobs = service.parts.store.jobs(paging);
    if (jobs.empty()) break;
    paging.after_id = jobs.back().id;
    for (const auto& job : jobs) objects.push_back(to_json(job));
  }
  return json_response(list_page(request, std::move(objects)));
}

// GET /healthz: 200 as long as requests are answered; says what is missing.
Response health(const Request&, Service& service) {
  return json_response(
      {{"status", "ok"},
       {"model", service.parts.engine ? Json(service.parts.engine->name()) : Json(nullptr)},
       {"pending_questions",
        service.parts.scheduler ? service.parts.scheduler->n_pending() : int64_t{0}}});
}

}  // namespace

void add_status_routes(Router& router, Service& service) {
  using Function = Response (*)(const Request&, Service&);
  const auto add = [&](const char* pattern, Function function, bool is_public = false) {
    router.add({.method = "GET",
                .pattern = pattern,
                .is_public = is_public,
                .handler = [&service, function](const Request& request) {
                  return function(request, service);
                }});
  };
  add("/v1/models", list_models);
  add("/v1/models/{id}", get_model);
  add("/v1/jobs", list_jobs);
  add("/v1/jobs/{id}", get_job);
  add("/healthz", health, true);
}

Router make_router(Service& service) {
  Router router;
  add_file_routes(router, service);
  add_vector_store_routes(router, service);
  add_search_routes(router, service);
  add_ask_routes(router, service);
  add_chat_routes(router, service);
  add_document_routes(router, service);
  add_status_routes(router, service);
  add_page_routes(router);
  return router;
}

}  // namespace widenet::api

// /v1/models, /v1/jobs, /healthz and /metrics: what runs here, and how far it is.
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
  if (!job || !is_visible(service, request, *job)) {
    not_found("job \"" + request.arguments[0] + "\"");
  }
  return json_response(to_json(*job));
}

Response list_jobs(const Request& request, Service& service) {
  std::vector<Json> objects;
  for (store::Paging paging;;) {
    const auto jobs = service.parts.store.jobs(paging);
    if (jobs.empty()) break;
    paging.after_id = jobs.back().id;
    for (const auto& job : jobs) {
      if (is_visible(service, request, job)) objects.push_back(to_json(job));
    }
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

// Lines of Prometheus' text format.
class Metrics {
 public:
  void gauge(const std::string& name, int64_t value, const char* help) {
    add(name, "gauge", value, help);
  }
  void counter(const std::string& name, int64_t value, const char* help) {
    add(name + "_total", "counter", value, help);
  }
  std::string take() { return std::move(text_); }

 private:
  void add(const std::string& name, const char* type, int64_t value, const char* help) {
    text_ += "# HELP widenet_" + name + " " + help + "\n# TYPE widenet_" + name + " " + type +
             "\nwidenet_" + name + " " + std::to_string(value) + "\n";
  }

  std::string text_;
};

void add_cache(const engine::PrefixCacheStatistics& cache, Metrics& metrics) {
  metrics.counter("cache_lookups", cache.n_lookups, "Prompts looked up in the prefix cache.");
  metrics.counter("cache_hits", cache.n_hits, "Of these, prompts of which something was known.");
  metrics.counter("cache_tokens_wanted", cache.tokens_wanted, "Tokens of these prompts.");
  metrics.counter("cache_tokens_found", cache.tokens_found, "Of these, known and not read again.");
  metrics.counter("cache_tokens_from_disk", cache.tokens_from_disk, "Of these, from disk.");
  metrics.gauge("cache_memory_bytes", cache.ram_bytes, "Memory that the prefix cache takes.");
  metrics.gauge("cache_memory_points", cache.n_points, "Places in memory to go on from.");
  metrics.counter("cache_memory_evictions", cache.n_evicted, "Of these, given up for others.");
  metrics.gauge("cache_disk_bytes", cache.disk.bytes, "Disk that the prefix cache takes.");
  metrics.gauge("cache_disk_bytes_max", cache.disk.bytes_max, "Disk that it may take.");
  metrics.gauge("cache_disk_files", cache.disk.n_files, "Its files.");
  metrics.counter("cache_disk_evictions", cache.disk.n_evictions, "Files given up for others.");
  metrics.counter("cache_disk_reads", cache.disk.n_reads, "Reads that gave what was asked for.");
  metrics.counter("cache_disk_reads_gone", cache.disk.n_reads_gone, "Reads of evicted files.");
  metrics.counter("cache_disk_reads_damaged", cache.disk.n_reads_damaged,
                  "Reads of damaged files, which were removed.");
  metrics.counter("cache_disk_saves", cache.saves.n_saved, "Places saved to go on from.");
  metrics.counter("cache_disk_saves_skipped", cache.saves.n_skipped,
                  "Places that were not saved: the queue or the disk was full, or failed.");
  metrics.counter("cache_disk_bytes_written", cache.saves.bytes_written, "Bytes of files saved.");
}

// GET /metrics
Response metrics(const Request& request, Service& service) {
  need_operator(request);
  Metrics all;
  const auto& parts = service.parts;
  all.gauge("pending_questions", parts.scheduler ? parts.scheduler->n_pending() : 0,
            "Questions that wait for the model, or run on it.");
  if (parts.cache != nullptr) add_cache(parts.cache->statistics(), all);
  Response response;
  response.headers.add("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
  response.body = all.take();
  return response;
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
  add("/metrics", metrics);
}

Router make_router(Service& service) {
  Router router;
  add_file_routes(router, service);
  add_vector_store_routes(router, service);
  add_search_routes(router, service);
  add_ask_routes(router, service);
  add_cache_routes(router, service);
  add_chat_routes(router, service);
  add_document_routes(router, service);
  add_status_routes(router, service);
  add_page_routes(router);
  return router;
}

}  // namespace widenet::api

// A whole service over a fresh store, with the tiny model, called without sockets.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "api/routes/routes.h"
#include "api/service.h"
#include "base/file.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/tiny_model.h"

namespace widenet::api {

using Json = nlohmann::json;

// Keeps what a handler streams.
class RecordedStream final : public EventStream {
 public:
  bool send(const Event& event) override {
    events.push_back(event);
    return !is_gone;
  }
  bool is_closed() const override { return is_gone; }

  std::vector<Event> events;
  bool is_gone = false;
};

class ServiceTest : public testing::Test {
 protected:
  ServiceTest() {
    const auto model = directory_.path() / "tiny";
    test::make_tiny_model(model);
    store_ = store::Store::open(directory_.path() / "data");
    text_ = library::TextModel::load(model);
    engine_ = engine::Engine::load({.model = model, .backend = ""});
    cache_ = engine_->make_cache({});
    scheduler_ =
        std::make_unique<engine::Scheduler>(*engine_, engine::SchedulerOptions{.cache = cache_});
    asker_ = std::make_unique<answer::Asker>(
        answer::AskerParts{.store = *store_,
                           .engine = *engine_,
                           .scheduler = *scheduler_,
                           .embedder = text_->query_embedder(),
                           .tokenizer_sha256 = text_->tokenizer_sha256(),
                           .encoding = {}});
    start({.store = *store_,
           .text = text_.get(),
           .engine = engine_.get(),
           .scheduler = scheduler_.get(),
           .asker = asker_.get(),
           .cache = cache_.get()});
  }

  void start(ServiceParts parts) {
    parts.ingest.extractor = WN_BINARY_DIR "/widenet";
    service_.reset();
    service_ = std::make_unique<Service>(std::move(parts));
    router_ = make_router(*service_);
  }

  // As the server does it, less the socket.
  Response call(Request request) {
    try {
      const Route& route = router_.match(request);
      request.principal = principal_;
      need_right(route, principal_);
      return route.handler(request);
    } catch (const HttpError& error) {
      return error_response(error.detail());
    }
  }
  Response call(const std::string& method,
                const std::string& target,
                const std::string& body = "") {
    Request request;
    request.method = method;
    request.id = "req_test";
    request.body = body;
    EXPECT_TRUE(parse_target(target, request)) << target;
    return call(std::move(request));
  }
  Json get(const std::string& target) { return Json::parse(call("GET", target).body); }
  Json post(const std::string& target, const Json& body) {
    return Json::parse(call("POST", target, body.dump()).body);
  }
  int status(const std::string& method, const std::string& target, const Json& body = nullptr) {
    return call(method, target, body.is_null() ? "" : body.dump()).status;
  }

  Response upload(const std::string& name, const std::string& contents) {
    FormPart part;
    part.name = "file";
    part.is_file = true;
    part.file_name = name;
    part.file = directory_.path() / "upload";
    part.file_bytes = static_cast<int64_t>(contents.size());
    write_file_atomically(part.file, contents);
    Request request;
    request.method = "POST";
    request.path = "/v1/files";
    request.form = {part};
    return call(std::move(request));
  }
  std::string upload_id(const std::string& name, const std::string& contents) {
    return Json::parse(upload(name, contents).body).at("id");
  }

  // A vector store with these files, all processed.
  std::string make_store(const std::string& name,
                         const std::vector<std::pair<std::string, std::string>>& files) {
    const std::string id = post("/v1/vector_stores", {{"name", name}}).at("id");
    for (const auto& [file, contents] : files) {
      post("/v1/vector_stores/" + id + "/files", {{"file_id", upload_id(file, contents)}});
    }
    service_->ingest_worker->wait_until_idle();
    return id;
  }

  std::vector<Event> stream(const std::string& target, const Json& body, RecordedStream& out) {
    const Response response = call("POST", target, body.dump());
    EXPECT_TRUE(response.stream) << response.body;
    if (response.stream) response.stream(out);
    return out.events;
  }

  test::TemporaryDirectory directory_;
  std::unique_ptr<store::Store> store_;
  std::shared_ptr<const library::TextModel> text_;
  std::unique_ptr<engine::Engine> engine_;
  std::shared_ptr<engine::PrefixCache> cache_;
  std::unique_ptr<engine::Scheduler> scheduler_;
  std::unique_ptr<answer::Asker> asker_;
  std::unique_ptr<Service> service_;
  Router router_;
  Principal principal_;  // whose requests they are
};

}  // namespace widenet::api

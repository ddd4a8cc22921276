// `widenet serve`: the HTTP API and the page, until SIGINT or SIGTERM.
#include <toml++/toml.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include "api/http/server.h"
#include "api/routes/routes.h"
#include "api/service.h"
#include "base/file.h"
#include "cli/api_keys.h"
#include "cli/engine_options.h"
#include "cli/support.h"

namespace widenet::cli {
namespace {

namespace fs = std::filesystem;

struct ServeOptions {
  DataOptions data;
  ModelOptions model;
  CacheOptions cache;
  std::string host = "127.0.0.1";
  int port = 8080;
  fs::path api_key_file;
  fs::path config;
  std::vector<std::string> allowed_hosts;
  std::vector<api::ApiKey> keys;
};

// What widenet.toml may say.  The command line goes before it.
//
//   data = "widenet-data"            host = "0.0.0.0"
//   model = "models/nano"            port = 8080
//   api_key_file = "/etc/widenet/key"
//   allowed_hosts = ["papers.example"]   names this server answers for beside loopback ones
//   [[key]]                              a key beside the operator's: cli/api_keys.h
void read_config(const CLI::App& verb, ServeOptions& options) {
  if (options.config.empty()) return;
  toml::table config;
  try {
    config = toml::parse_file(options.config.string());
  } catch (const toml::parse_error& error) {
    throw CommandError("cannot read the configuration in \"" + options.config.string() +
                       "\": " + std::string(error.description()) + " (line " +
                       std::to_string(error.source().begin.line) + ")");
  }
  const auto is_given = [&](const char* name) { return verb.count(name) > 0; };
  const auto is_port = [](const toml::node& value) {
    const auto number = value.value_exact<int64_t>();
    return number.has_value() && *number >= 0 && *number <= 65535;
  };
  const auto are_names = [](const toml::node& value) {
    return value.is_array() &&
           (value.as_array()->empty() || value.as_array()->is_homogeneous(toml::node_type::string));
  };
  for (const auto& [key, value] : config) {
    const std::string_view name = key.str();
    if (name == "data" && value.is_string()) {
      if (!is_given("--data")) options.data.data = *value.value<std::string>();
    } else if (name == "model" && value.is_string()) {
      if (!is_given("--model")) options.model.model = *value.value<std::string>();
    } else if (name == "host" && value.is_string()) {
      if (!is_given("--host")) options.host = *value.value<std::string>();
    } else if (name == "port" && is_port(value)) {
      if (!is_given("--port")) options.port = *value.value<int>();
    } else if (name == "api_key_file" && value.is_string()) {
      if (!is_given("--api-key-file")) options.api_key_file = *value.value<std::string>();
    } else if (name == "key") {
      options.keys = read_api_keys(value, options.config);
    } else if (name == "allowed_hosts" && are_names(value)) {
      for (const auto& host : *value.as_array()) {
        options.allowed_hosts.push_back(*host.value<std::string>());
      }
    } else {
      throw CommandError("cannot use the configuration in \"" + options.config.string() + "\": \"" +
                         std::string(name) +
                         "\" is not a setting, or its value is not one it can have");
    }
  }
}

std::string read_api_key(const ServeOptions& options) {
  if (options.api_key_file.empty()) {
    const char* key = std::getenv("WIDENET_API_KEY");  // NOLINT(concurrency-mt-unsafe): at start
    return key == nullptr ? "" : key;
  }
  std::string key = read_file(options.api_key_file, 4096);
  key.erase(key.find_last_not_of(" \t\r\n") + 1);
  if (key.empty()) {
    throw CommandError("cannot use \"" + options.api_key_file.string() +
                       "\" as API key: the file is empty");
  }
  return key;
}

// Without a model one can still store and search; a model that was named must be there.
std::unique_ptr<AnsweringModel> load_model(store::Store& store,
                                           const ModelOptions& options,
                                           const CacheOptions& cache) {
  try {
    return std::make_unique<AnsweringModel>(store, options, cache);
  } catch (const std::exception& error) {
    if (!options.model.empty()) throw;
    std::fprintf(stderr, "widenet: no model answers (%s); documents can be stored and searched\n",
                 error.what());
    return nullptr;
  }
}

// A folder of the data directory, emptied of what an earlier process left.
fs::path make_upload_directory(const store::Store& store) {
  const fs::path uploads = store.directory() / "uploads";
  fs::remove_all(uploads);
  fs::create_directories(uploads);
  return uploads;
}

void print_address(const ServeOptions& options, uint16_t port) {
  const bool is_v6 = options.host.find(':') != std::string::npos;
  const std::string host = is_v6 ? "[" + options.host + "]" : options.host;
  std::printf("widenet: http://%s:%d/ (Ctrl-C stops it)\n", host.c_str(), port);
  std::fflush(stdout);
}

void serve(const ServeOptions& options) {
  const auto store = store::Store::open(options.data.data);
  const auto model = load_model(*store, options.model, options.cache);
  const auto text = model ? model->text : find_text_model(options.model);

  api::ServiceParts parts{.store = *store, .text = text.get()};
  if (model) {
    parts.engine = model->engine.get();
    parts.scheduler = model->scheduler.get();
    parts.asker = model->asker.get();
    parts.cache = model->cache.get();
    parts.sweeper = model->sweeper.get();
    parts.encoding = engine::read_encoding_texts(engine_options(options.model).model);
  }
  api::Service service(std::move(parts));
  const api::Router router = api::make_router(service);
  const api::Guard guard({.api_key = read_api_key(options),
                          .keys = options.keys,
                          .allowed_hosts = options.allowed_hosts});
  api::Server server(router, guard,
                     {.host = options.host,
                      .port = static_cast<uint16_t>(options.port),
                      .temporary_directory = make_upload_directory(*store),
                      .stops_on_signals = true});
  print_address(options, server.port());
  server.run();
}

}  // namespace

void add_serve_command(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("serve", "Serve the HTTP API and the page");
  const auto options = std::make_shared<ServeOptions>();
  add_data_option(*verb, options->data);
  add_model_options(*verb, options->model);
  add_cache_options(*verb, options->cache);
  verb->add_option("--host", options->host, "Address to listen on; beyond loopback a key is needed")
      ->capture_default_str();
  verb->add_option("--port", options->port, "Port to listen on; 0: any free one")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  verb->add_option("--api-key-file", options->api_key_file,
                   "File with the API key (default: $WIDENET_API_KEY, else none is asked for)")
      ->check(CLI::ExistingFile);
  verb->add_option("--config", options->config, "Settings in TOML")->check(CLI::ExistingFile);
  verb->callback([verb, options] {
    read_config(*verb, *options);
    serve(*options);
  });
}

}  // namespace widenet::cli

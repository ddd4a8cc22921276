// The page: a fixed table of assets that lie in the binary.  Nothing here touches a file.
#include "api/page_assets.h"
#include "api/routes/routes.h"

namespace widenet::api {
namespace {

constexpr const char* kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'";

Response serve(const Asset& asset) {
  Response response;
  response.headers.add("Content-Type", std::string(asset.content_type));
  response.headers.add("Content-Security-Policy", kPolicy);
  response.headers.add("Cross-Origin-Opener-Policy", "same-origin");
  // Names under /assets/ change with their content.
  const bool is_immutable = asset.path.starts_with("/assets/");
  response.headers.add("Cache-Control",
                       is_immutable ? "public, max-age=31536000, immutable" : "no-cache");
  response.body = std::string(asset.bytes);
  return response;
}

}  // namespace

void add_page_routes(Router& router) {
  for (const Asset& asset : page_assets()) {
    const std::string path = asset.path == "/index.html" ? "/" : std::string(asset.path);
    router.add(
        {.method = "GET", .pattern = path, .is_public = true, .handler = [&asset](const Request&) {
           return serve(asset);
         }});
  }
}

}  // namespace widenet::api

// The routes, a group a file.  docs/API.md shows each with an example.
#pragma once

#include "api/http/router.h"
#include "api/service.h"

namespace widenet::api {

// `service` outlives the router.
void add_file_routes(Router& router, Service& service);          // /v1/files
void add_vector_store_routes(Router& router, Service& service);  // /v1/vector_stores and its files
void add_search_routes(Router& router, Service& service);        // /v1/vector_stores/{id}/search
void add_ask_routes(Router& router, Service& service);           // /v1/ask, /v1/plan
void add_cache_routes(Router& router, Service& service);         // /v1/cache/warm
void add_chat_routes(Router& router, Service& service);          // /v1/chat/completions
void add_document_routes(Router& router, Service& service);      // /documents, /v1/documents
void add_status_routes(Router& router, Service& service);        // /v1/models, /v1/jobs, ...
void add_page_routes(Router& router);                            // the page itself

// All of them.
Router make_router(Service& service);

}  // namespace widenet::api

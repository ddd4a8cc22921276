// Documents as canonical text: for a reader as a page without scripts, for programs as JSON.
#include <algorithm>

#include "api/routes/objects.h"
#include "api/routes/routes.h"
#include "base/utf8.h"

namespace widenet::api {
namespace {

constexpr int64_t kTextCharsMax = 200'000;  // in one JSON reply

constexpr std::string_view kStyle =
    "body{margin:0 auto;max-width:48rem;padding:2rem 1.25rem 6rem;font:1rem/1.6 "
    "system-ui,sans-serif;color:#1c2024;background:#fcfcfa}header{color:#60646c;margin-bottom:"
    "1.5rem}h1{font-size:1.2rem;color:#1c2024;margin:0}pre{white-space:pre-wrap;overflow-wrap:"
    "anywhere;font:inherit;margin:0}mark{background:#ffe58a;color:inherit;padding:.1em 0;"
    "scroll-margin:30vh}@media(prefers-color-scheme:dark){body{background:#16181b;color:#e6e7ea}"
    "h1{color:#fff}mark{background:#6b5a12}}";

std::string escape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

struct Range {
  int64_t start_char = 0;
  int64_t end_char = 0;
};

int64_t position(const Request& request, const char* name, int64_t otherwise) {
  const auto text = request.query.find(name);
  if (!text) return otherwise;
  if (*text == "0") return 0;
  const auto value = parse_id("", *text);
  if (!value) bad_field(name, "must be a number of characters");
  return *value;
}

// ?start&end, within the text; nothing is marked without them.
Range range_of(const Request& request, int64_t n_chars, int64_t end_otherwise) {
  Range range;
  range.start_char = std::min(position(request, "start", 0), n_chars);
  range.end_char = std::min(position(request, "end", end_otherwise), n_chars);
  if (range.end_char < range.start_char) bad_field("end", "must not be before start");
  return range;
}

std::string text_of(const Service& service, const store::Document& document) {
  auto text = service.parts.store.text(document.id);
  if (!text) {
    throw HttpError({.status = 409,
                     .message = "document D" + std::to_string(document.id) +
                                " has no text: it is " + store::name_of(document.state) +
                                (document.error.empty() ? "" : " (" + document.error + ")"),
                     .code = "document_not_ready"});
  }
  return std::move(*text);
}

// GET /documents/{id}?start=&end=: the whole text, the range in <mark id="cited">.
Response show(const Request& request, Service& service) {
  const auto document = find_document(service, request, request.arguments[0]);
  const std::string text = text_of(service, document);
  const int64_t n_chars = count_chars(text);
  const Range range = range_of(request, n_chars, 0);

  Response response;
  response.headers.add("Content-Type", "text/html; charset=utf-8");
  response.headers.add("Content-Security-Policy",
                       "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
                       "form-action 'none'; frame-ancestors 'none'; sandbox");
  std::string& html = response.body;
  html =
      "<!doctype html><html lang=\"\"><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width\"><title>" +
      escape(document.title) + "</title><style>" + std::string(kStyle) + "</style><header><h1>" +
      escape(document.title) + "</h1>D" + std::to_string(document.id) + " &middot; " +
      escape(document.key) + "</header><pre>";
  html += escape(slice_chars(text, 0, range.start_char));
  if (range.end_char > range.start_char) {
    html += "<mark id=\"cited\">" + escape(slice_chars(text, range.start_char, range.end_char)) +
            "</mark>";
  }
  html += escape(slice_chars(text, range.end_char, n_chars)) + "</pre></html>";
  return response;
}

// The pages that a range touches, so that a reader can say "page 3".
Json pages_json(const Service& service, store::DocumentId id, const Range& range) {
  Json pages = Json::array();
  for (const auto& page : service.parts.store.pages(id)) {
    if (page.end_char < range.start_char || page.start_char > range.end_char) continue;
    pages.push_back(
        {{"number", page.number}, {"start_char", page.start_char}, {"end_char", page.end_char}});
  }
  return pages;
}

// GET /v1/documents/{id}/text?start=&end=: at most 200,000 characters of it.
Response text(const Request& request, Service& service) {
  const auto document = find_document(service, request, request.arguments[0]);
  const std::string all = text_of(service, document);
  const int64_t n_chars = count_chars(all);
  Range range = range_of(request, n_chars, n_chars);
  range.end_char = std::min(range.end_char, range.start_char + kTextCharsMax);
  Json json = to_document_json(document);
  json["start_char"] = range.start_char;
  json["end_char"] = range.end_char;
  json["n_chars"] = n_chars;
  json["text"] = slice_chars(all, range.start_char, range.end_char);
  json["page_ranges"] = pages_json(service, document.id, range);
  return json_response(json);
}

}  // namespace

void add_document_routes(Router& router, Service& service) {
  router.add({.method = "GET",
              .pattern = "/documents/{id}",
              .handler = [&](const Request& request) { return show(request, service); }});
  router.add(
      {.method = "GET", .pattern = "/v1/documents/{id}", .handler = [&](const Request& request) {
         return json_response(
             to_document_json(find_document(service, request, request.arguments[0])));
       }});
  router.add({.method = "GET",
              .pattern = "/v1/documents/{id}/text",
              .handler = [&](const Request& request) { return text(request, service); }});
}

}  // namespace widenet::api

// Mail (RFC 5322 and MIME) by GMime: the usual header lines, the text, and the attachments as they
// are.
#include <gmime/gmime.h>

#include <array>
#include <memory>
#include <string>
#include <utility>

#include "base/utf8.h"
#include "ingest/parsers.h"
#include "ingest/text.h"

namespace widenet::ingest {
namespace {

constexpr int kDepthMax = 30;  // of multiparts

struct Unref {
  void operator()(void* object) const { g_object_unref(object); }
};
template <typename T>
using Owned = std::unique_ptr<T, Unref>;

std::string utf8(const char* text) {
  return text == nullptr ? std::string() : to_valid_utf8(text);
}

// The part's bytes with the transfer encoding undone.
std::string decoded_bytes(GMimePart* part) {
  GMimeDataWrapper* content = g_mime_part_get_content(part);
  if (content == nullptr) return {};
  const Owned<GMimeStream> stream(g_mime_stream_mem_new());
  g_mime_data_wrapper_write_to_stream(content, stream.get());
  const GByteArray* bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream.get()));
  return {reinterpret_cast<const char*>(bytes->data), bytes->len};
}

std::string text_of(GMimePart* part, bool is_html) {
  const char* charset = g_mime_object_get_content_type_parameter(GMIME_OBJECT(part), "charset");
  const std::string text = decode_text(decoded_bytes(part), charset == nullptr ? "" : charset).text;
  return is_html ? text_of_html(text) : canonical_text(text);
}

bool is_type(GMimeObject* object, const char* type, const char* subtype) {
  return g_mime_content_type_is_type(g_mime_object_get_content_type(object), type, subtype) != 0;
}

// Collects a mail's parts: text in order, everything else as attachments.
class Collector {
 public:
  explicit Collector(Extraction& extraction) : extraction_(extraction) {}

  const std::string& body() const { return body_; }
  const std::vector<std::string>& warnings() const { return warnings_; }

  void collect(GMimeObject* object, int depth) {
    if (object == nullptr) return;
    if (depth > kDepthMax) return warn("parts nested more than 30 levels deep were left out");
    if (GMIME_IS_MULTIPART(object)) return multipart(GMIME_MULTIPART(object), depth);
    if (GMIME_IS_MESSAGE_PART(object)) return message(GMIME_MESSAGE_PART(object));
    if (GMIME_IS_PART(object)) part(GMIME_PART(object));
  }

 private:
  void warn(std::string warning) { warnings_.push_back(std::move(warning)); }

  void multipart(GMimeMultipart* parts, int depth) {
    const int count = g_mime_multipart_get_count(parts);
    if (!is_type(GMIME_OBJECT(parts), "multipart", "alternative")) {
      for (int i = 0; i < count; ++i) collect(g_mime_multipart_get_part(parts, i), depth + 1);
      return;
    }
    // The same thing several times: plain text if it says something, else the richest.
    for (int i = 0; i < count; ++i) {
      GMimeObject* choice = g_mime_multipart_get_part(parts, i);
      if (!is_type(choice, "text", "plain") || !GMIME_IS_PART(choice)) continue;
      const std::string text = text_of(GMIME_PART(choice), /*is_html=*/false);
      if (!text.empty()) return add_text(text);
    }
    if (count > 0) collect(g_mime_multipart_get_part(parts, count - 1), depth + 1);
  }

  void message(GMimeMessagePart* holder) {
    GMimeMessage* inner = g_mime_message_part_get_message(holder);
    if (inner == nullptr) return;
    char* raw = g_mime_object_to_string(GMIME_OBJECT(inner), nullptr);
    const std::string subject = one_line(utf8(g_mime_message_get_subject(inner)));
    attach((subject.empty() ? "message" : subject) + ".eml", raw);
    g_free(raw);
  }

  void part(GMimePart* part) {
    const char* filename = g_mime_part_get_filename(part);
    const bool is_plain = is_type(GMIME_OBJECT(part), "text", "plain");
    const bool is_html = is_type(GMIME_OBJECT(part), "text", "html");
    const char* disposition = g_mime_object_get_disposition(GMIME_OBJECT(part));
    const bool is_attached =
        disposition != nullptr && lowered(disposition) == GMIME_DISPOSITION_ATTACHMENT;
    if ((is_plain || is_html) && filename == nullptr && !is_attached) {
      return add_text(text_of(part, is_html));
    }
    // Pictures inside the text have an identifier that the HTML refers to.
    const bool is_inline_image = is_type(GMIME_OBJECT(part), "image", "*") && !is_attached;
    if (is_inline_image) return;
    const std::string name = one_line(utf8(filename));
    attach(name.empty() ? "attachment" : name, decoded_bytes(part));
  }

  void add_text(const std::string& text) {
    if (!body_.empty() && !text.empty()) body_ += "\n\n";
    body_ += text;
  }

  void attach(std::string name, std::string bytes) {
    bytes_left_ -= static_cast<int64_t>(bytes.size());
    if (bytes_left_ < 0 || extraction_.attachments.size() == size_t{kAttachmentsMax}) {
      return warn("attachment \"" + name + "\" was left out: there are too many or too large ones");
    }
    extraction_.attachments.push_back({std::move(name), std::move(bytes)});
  }

  Extraction& extraction_;
  std::string body_;
  std::vector<std::string> warnings_;
  int64_t bytes_left_ = kAttachmentBytesMax;
};

std::string addresses(GMimeMessage* message, GMimeAddressType type) {
  InternetAddressList* list = g_mime_message_get_addresses(message, type);
  if (list == nullptr) return {};
  char* text = internet_address_list_to_string(list, nullptr, /*encode=*/FALSE);
  std::string line = one_line(utf8(text));
  g_free(text);
  return line;
}

void add_header(const char* label, const std::string& value, ExtractedDocument& document) {
  if (value.empty()) return;
  document.text += std::string(label) + ": " + value + "\n";
  document.metadata[lowered(label)] = value;
}

void add_headers(GMimeMessage* message, ExtractedDocument& document) {
  add_header("From", addresses(message, GMIME_ADDRESS_TYPE_FROM), document);
  add_header("To", addresses(message, GMIME_ADDRESS_TYPE_TO), document);
  add_header("Cc", addresses(message, GMIME_ADDRESS_TYPE_CC), document);
  const std::string date = utf8(g_mime_object_get_header(GMIME_OBJECT(message), "Date"));
  add_header("Date", one_line(date), document);
  add_header("Subject", one_line(utf8(g_mime_message_get_subject(message))), document);
}

Owned<GMimeMessage> parse_message(std::string_view bytes) {
  static const bool kInitialised = (g_mime_init(), true);
  (void)kInitialised;
  const Owned<GMimeStream> stream(g_mime_stream_mem_new_with_buffer(bytes.data(), bytes.size()));
  const Owned<GMimeParser> parser(g_mime_parser_new_with_stream(stream.get()));
  return Owned<GMimeMessage>(g_mime_parser_construct_message(parser.get(), nullptr));
}

}  // namespace

Parsed parse_eml(std::string_view bytes, std::string_view) {
  const Owned<GMimeMessage> message = parse_message(bytes);
  if (!message) return Unexpected{"the mail has no headers"};
  ExtractedDocument document;
  document.format = "eml";
  add_headers(message.get(), document);
  if (document.metadata.empty()) return Unexpected{"the mail has no From, To, Date or Subject"};
  document.title = one_line(utf8(g_mime_message_get_subject(message.get())));
  Extraction extraction;
  Collector collector(extraction);
  collector.collect(g_mime_message_get_mime_part(message.get()), 0);
  document.text = canonical_text(document.text + "\n" + collector.body());
  document.warnings = collector.warnings();
  extraction.documents.push_back(std::move(document));
  return extraction;
}

}  // namespace widenet::ingest

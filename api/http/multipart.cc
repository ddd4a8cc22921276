// A small state machine over a buffer that holds at most one network read and one boundary.
#include "api/http/multipart.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <system_error>

#include "base/utf8.h"

namespace widenet::api {
namespace {

[[noreturn]] void malformed(std::string why) {
  throw HttpError({.message = "the multipart/form-data body is malformed: " + std::move(why),
                   .code = "invalid_multipart"});
}

[[noreturn]] void too_large(std::string what, std::string param) {
  throw HttpError({.status = 413,
                   .message = std::move(what),
                   .code = "request_too_large",
                   .param = std::move(param)});
}

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), text.begin(),
                                                    [](unsigned char a, unsigned char b) {
                                                      return std::tolower(a) == std::tolower(b);
                                                    });
}

// The value of `name` among the parameters of a header value such as
// form-data; name="file"; filename="a \"b\".txt".  Quotes are removed; a backslash escapes a quote
// or a backslash only, since browsers send Windows paths as they are.
std::optional<std::string> parameter(std::string_view header, std::string_view name) {
  size_t at = std::min(header.find(';'), header.size());
  while (at < header.size()) {
    ++at;
    while (at < header.size() && (header[at] == ' ' || header[at] == '\t')) ++at;
    const size_t equals = std::min(header.find_first_of("=;", at), header.size());
    const std::string_view key = header.substr(at, equals - at);
    at = equals;
    std::string value;
    if (at < header.size() && header[at] == '=') {
      ++at;
      if (at < header.size() && header[at] == '"') {
        for (++at; at < header.size() && header[at] != '"'; ++at) {
          const bool is_escape = header[at] == '\\' && at + 1 < header.size() &&
                                 (header[at + 1] == '"' || header[at + 1] == '\\');
          if (is_escape) ++at;
          value += header[at];
        }
        at = std::min(header.find(';', at), header.size());
      } else {
        const size_t end = std::min(header.find(';', at), header.size());
        value = header.substr(at, end - at);
        while (!value.empty() && value.back() == ' ') value.pop_back();
        at = end;
      }
    }
    if (key.size() == name.size() && starts_with_ignoring_case(key, name)) return value;
  }
  return std::nullopt;
}

// Browsers percent-encode exactly these three in names (WHATWG, multipart/form-data encoding).
std::string decode_name(std::string_view text) {
  std::string out = to_valid_utf8(text);
  for (const auto& [code, byte] : {std::pair{"%22", '"'}, {"%0D", '\r'}, {"%0A", '\n'}}) {
    for (size_t at = 0; (at = out.find(code, at)) != std::string::npos; ++at) {
      out.replace(at, 3, 1, byte);
    }
  }
  return out;
}

}  // namespace

std::optional<std::string> multipart_boundary(std::string_view content_type) {
  if (!starts_with_ignoring_case(content_type, "multipart/form-data")) return std::nullopt;
  auto boundary = parameter(content_type, "boundary");
  if (!boundary || boundary->empty() || boundary->size() > 70) return std::nullopt;
  return boundary;
}

MultipartReader::MultipartReader(std::string_view boundary, MultipartLimits limits)
    : delimiter_("\r\n--" + std::string(boundary)), limits_(std::move(limits)) {}

MultipartReader::~MultipartReader() {
  remove_files(parts_);
}

void MultipartReader::feed(std::string_view bytes) {
  if (state_ == State::epilogue) return;
  buffer_ += bytes;
  while (step()) {
  }
}

bool MultipartReader::step() {
  switch (state_) {
    case State::preamble:
      return find_first_boundary();
    case State::after_boundary:
      return finish_boundary_line();
    case State::headers:
      return read_headers();
    case State::content:
      return read_content();
    case State::epilogue:
      buffer_.clear();
      return false;
  }
  return false;
}

bool MultipartReader::find_first_boundary() {
  const size_t at = buffer_.find(delimiter_);
  if (at == std::string::npos) {
    if (buffer_.size() > delimiter_.size()) buffer_.erase(0, buffer_.size() - delimiter_.size());
    return false;
  }
  buffer_.erase(0, at + delimiter_.size());
  state_ = State::after_boundary;
  return true;
}

// A boundary is followed by "--" (the last one), or by blanks and a line break.
bool MultipartReader::finish_boundary_line() {
  if (buffer_.size() < 2) return false;
  if (buffer_.starts_with("--")) {
    state_ = State::epilogue;
    return true;
  }
  const size_t end = buffer_.find("\r\n");
  const size_t blanks = std::min(buffer_.find_first_not_of(" \t"), buffer_.size());
  if (end == std::string::npos) {
    if (buffer_.size() - blanks > 1 || blanks > 64) malformed("text after a boundary");
    return false;
  }
  if (blanks != end) malformed("text after a boundary");
  buffer_.erase(0, end);  // the line break stays, so that empty headers look like others
  state_ = State::headers;
  return true;
}

bool MultipartReader::read_headers() {
  const size_t end = buffer_.find("\r\n\r\n");
  const size_t size = std::min(end, buffer_.size());
  if (static_cast<int64_t>(size) > limits_.header_bytes_max)
    malformed("a part's header is too long");
  if (end == std::string::npos) return false;
  begin_part(std::string_view(buffer_).substr(0, end));
  buffer_.erase(0, end + 4);
  state_ = State::content;
  return true;
}

bool MultipartReader::read_content() {
  const size_t at = buffer_.find(delimiter_);
  if (at != std::string::npos) {
    append_content(std::string_view(buffer_).substr(0, at));
    end_part();
    buffer_.erase(0, at + delimiter_.size());
    state_ = State::after_boundary;
    return true;
  }
  if (buffer_.size() >= delimiter_.size()) {  // all but what could begin a boundary
    const size_t safe = buffer_.size() - delimiter_.size() + 1;
    append_content(std::string_view(buffer_).substr(0, safe));
    buffer_.erase(0, safe);
  }
  return false;
}

void MultipartReader::begin_part(std::string_view headers) {
  if (static_cast<int64_t>(parts_.size()) >= limits_.n_parts_max) {
    too_large("the form has more than " + std::to_string(limits_.n_parts_max) + " parts", "");
  }
  FormPart part;
  std::string disposition;
  while (!headers.empty()) {
    headers.remove_prefix(std::min<size_t>(2, headers.size()));  // CRLF
    const size_t end = std::min(headers.find("\r\n"), headers.size());
    const std::string_view line = headers.substr(0, end);
    headers.remove_prefix(end);
    std::string_view value = line.substr(std::min(line.find(':') + 1, line.size()));
    value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
    if (starts_with_ignoring_case(line, "content-disposition:")) disposition = value;
    if (starts_with_ignoring_case(line, "content-type:")) part.content_type = to_valid_utf8(value);
  }
  const auto name = parameter(disposition, "name");
  if (!starts_with_ignoring_case(disposition, "form-data") || !name) {
    malformed("a part has no Content-Disposition: form-data with a name");
  }
  part.name = decode_name(*name);
  if (const auto file_name = parameter(disposition, "filename")) {
    part.is_file = true;
    part.file_name = decode_name(*file_name);
    std::string pattern = (limits_.directory / "upload-XXXXXX").string();
    file_.reset(::mkstemp(pattern.data()));
    if (!file_.is_open()) {
      throw FileError("cannot create a temporary file in " + limits_.directory.string() + ": " +
                      std::strerror(errno));
    }
    part.file = pattern;
  }
  parts_.push_back(std::move(part));
}

void MultipartReader::append_content(std::string_view bytes) {
  FormPart& part = parts_.back();
  if (part.is_file) return write_file(bytes);
  if (static_cast<int64_t>(part.value.size() + bytes.size()) > limits_.value_bytes_max) {
    too_large("the form field is larger than " + std::to_string(limits_.value_bytes_max) + " bytes",
              part.name);
  }
  part.value += bytes;
}

void MultipartReader::write_file(std::string_view bytes) {
  FormPart& part = parts_.back();
  part.file_bytes += static_cast<int64_t>(bytes.size());
  if (part.file_bytes > limits_.file_bytes_max) {
    too_large("the file is larger than " + std::to_string(limits_.file_bytes_max) + " bytes",
              part.name);
  }
  while (!bytes.empty()) {
    const ssize_t n = ::write(file_.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      throw FileError("cannot write to " + part.file.string() + ": " + std::strerror(errno));
    }
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

void MultipartReader::end_part() {
  FormPart& part = parts_.back();
  part.value = to_valid_utf8(part.value);
  file_.reset();
}

std::vector<FormPart> MultipartReader::take_parts() {
  if (state_ != State::epilogue) malformed("it ends before its last boundary");
  return std::exchange(parts_, {});
}

void remove_files(const std::vector<FormPart>& parts) {
  for (const FormPart& part : parts) {
    std::error_code ignored;
    if (part.is_file) std::filesystem::remove(part.file, ignored);
  }
}

}  // namespace widenet::api

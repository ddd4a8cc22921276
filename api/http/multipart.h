// multipart/form-data (RFC 7578), read piece by piece so that a file never lies in memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/http/message.h"
#include "base/file.h"

namespace widenet::api {

// The boundary of a Content-Type header.  Nullopt: not multipart/form-data, or none (1 to 70
// characters) given.
std::optional<std::string> multipart_boundary(std::string_view content_type);

struct MultipartLimits {
  std::filesystem::path directory = {};  // where temporary files are made
  int64_t file_bytes_max = int64_t{512} << 20;
  int64_t value_bytes_max = 64 << 10;
  int64_t header_bytes_max = 8 << 10;  // of one part
  int64_t n_parts_max = 32;
};

// Feed it the body in pieces of any size.  Errors are thrown as HttpError: 400 for what is not
// multipart/form-data, 413 for what is over a limit.  A failing disk throws FileError.  Temporary
// files that take_parts() has not handed over are removed with the reader.  Not thread-safe.
class MultipartReader {
 public:
  MultipartReader(std::string_view boundary, MultipartLimits limits);
  ~MultipartReader();
  MultipartReader(const MultipartReader&) = delete;
  MultipartReader& operator=(const MultipartReader&) = delete;

  void feed(std::string_view bytes);

  // The parts, once all of the body has been fed.  Throws HttpError 400 if the body stopped short.
  std::vector<FormPart> take_parts();

 private:
  enum class State { preamble, after_boundary, headers, content, epilogue };

  bool step();  // consumes from buffer_ what it can; false: needs more bytes
  bool find_first_boundary();
  bool finish_boundary_line();
  bool read_headers();
  bool read_content();
  void begin_part(std::string_view headers);
  void append_content(std::string_view bytes);
  void end_part();
  void write_file(std::string_view bytes);

  const std::string delimiter_;  // CRLF "--" boundary
  const MultipartLimits limits_;
  State state_ = State::preamble;
  std::string buffer_ = "\r\n";  // so that the first boundary looks like the others
  std::vector<FormPart> parts_;
  FileDescriptor file_;
};

// Removes the temporary files of `parts` that are still there.
void remove_files(const std::vector<FormPart>& parts);

}  // namespace widenet::api

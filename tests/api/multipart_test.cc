// Forms, fed whole and byte by byte.
#include "api/http/multipart.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace widenet::api {
namespace {

namespace fs = std::filesystem;

class MultipartTest : public testing::Test {
 protected:
  MultipartTest() {
    std::string pattern = (fs::temp_directory_path() / "multipart-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  ~MultipartTest() override { fs::remove_all(directory_); }

  MultipartLimits limits() const {
    return {.directory = directory_,
            .file_bytes_max = 1000,
            .value_bytes_max = 20,
            .header_bytes_max = 200,
            .n_parts_max = 3};
  }
  std::vector<FormPart> read(const std::string& body, size_t piece) const {
    MultipartReader reader("XX", limits());
    for (size_t i = 0; i < body.size(); i += piece) reader.feed(body.substr(i, piece));
    return reader.take_parts();
  }
  int status_for(const std::string& body) const {
    try {
      remove_files(read(body, body.size()));
      return 200;
    } catch (const HttpError& error) {
      return error.detail().status;
    }
  }
  bool has_left_nothing() const { return fs::is_empty(directory_); }

  fs::path directory_;
};

std::string field(const std::string& name, const std::string& value) {
  return "--XX\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n";
}
std::string file(const std::string& name, const std::string& content) {
  return "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + name +
         "\"\r\nContent-Type: text/plain\r\n\r\n" + content + "\r\n";
}

TEST_F(MultipartTest, PiecesOfAnySizeGiveTheSameParts) {
  const std::string content = "line\r\n--X\r\n--XY\r\n\r\n--\r\n";  // nearly boundaries
  const std::string body = "preamble\r\n" + field("purpose", "user_data") + file("a.txt", content) +
                           "--XX--\r\nepilogue";
  for (size_t piece = 1; piece <= body.size(); ++piece) {
    const auto parts = read(body, piece);
    ASSERT_EQ(parts.size(), 2u) << piece;
    EXPECT_EQ(parts[0].name, "purpose");
    EXPECT_EQ(parts[0].value, "user_data");
    EXPECT_FALSE(parts[0].is_file);
    EXPECT_EQ(parts[1].file_name, "a.txt");
    EXPECT_EQ(parts[1].content_type, "text/plain");
    EXPECT_EQ(parts[1].file_bytes, static_cast<int64_t>(content.size()));
    EXPECT_EQ(read_file(parts[1].file), content) << piece;
    remove_files(parts);
  }
  EXPECT_TRUE(has_left_nothing());
}

TEST_F(MultipartTest, AnEmptyFileIsAFile) {
  const auto parts = read(file("empty", "") + "--XX--", 1000);
  ASSERT_EQ(parts.size(), 1u);
  EXPECT_TRUE(parts[0].is_file);
  EXPECT_EQ(fs::file_size(parts[0].file), 0u);
  remove_files(parts);
}

TEST_F(MultipartTest, NamesAreDecodedAsBrowsersWriteThem) {
  const auto parts = read(file("a%22<b>\\\"c\\d;e.txt", "x") + "--XX--", 1000);
  EXPECT_EQ(parts.at(0).file_name, "a\"<b>\"c\\d;e.txt");
  remove_files(parts);
}

TEST_F(MultipartTest, LimitsAre413) {
  EXPECT_EQ(status_for(file("a", std::string(1001, 'x')) + "--XX--"), 413);
  EXPECT_EQ(status_for(field("a", std::string(21, 'x')) + "--XX--"), 413);
  EXPECT_EQ(
      status_for(field("a", "") + field("b", "") + field("c", "") + field("d", "") + "--XX--"),
      413);
  EXPECT_TRUE(has_left_nothing());
}

TEST_F(MultipartTest, MalformedBodiesAre400) {
  for (const std::string& body :
       {std::string("no boundary at all"), file("a", "never ends"),
        field("a", "x") + "--XXjunk\r\n", std::string("--XX\r\n\r\nno header\r\n--XX--"),
        std::string("--XX\r\nContent-Disposition: form-data\r\n\r\nno name\r\n--XX--"),
        "--XX\r\nX: " + std::string(300, 'x') + "\r\n\r\n\r\n--XX--"}) {
    EXPECT_EQ(status_for(body), 400) << body;
  }
  EXPECT_TRUE(has_left_nothing());
}

TEST(MultipartBoundaryTest, IsReadFromTheContentType) {
  EXPECT_EQ(multipart_boundary("multipart/form-data; boundary=abc"), "abc");
  EXPECT_EQ(multipart_boundary("Multipart/Form-Data; charset=utf-8; BOUNDARY=\"a b\""), "a b");
  EXPECT_FALSE(multipart_boundary("multipart/form-data"));
  EXPECT_FALSE(multipart_boundary("multipart/form-data; boundary="));
  EXPECT_FALSE(multipart_boundary("multipart/form-data; boundary=" + std::string(71, 'x')));
  EXPECT_FALSE(multipart_boundary("application/json"));
}

}  // namespace
}  // namespace widenet::api

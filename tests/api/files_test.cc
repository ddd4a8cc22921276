// /v1/files and /v1/vector_stores: shapes, states, deletion, and names that mean harm.
#include "tests/api/service_fixture.h"

namespace widenet::api {
namespace {

using FilesTest = ServiceTest;

TEST_F(FilesTest, AnUploadHasOpenAisShape) {
  const Json file = Json::parse(upload("a.txt", "hello").body);
  EXPECT_EQ(file.at("object"), "file");
  EXPECT_TRUE(file.at("id").get<std::string>().starts_with("file-"));
  EXPECT_EQ(file.at("bytes"), 5);
  EXPECT_EQ(file.at("filename"), "a.txt");
  EXPECT_EQ(file.at("purpose"), "user_data");
  EXPECT_EQ(get("/v1/files/" + file.at("id").get<std::string>()), file);
}

TEST_F(FilesTest, ContentComesBackAsADownload) {
  const std::string id = upload_id("a<b>.html", "<script>alert(1)</script>");
  const Response content = call("GET", "/v1/files/" + id + "/content");
  ASSERT_TRUE(content.file);
  EXPECT_EQ(read_file(*content.file), "<script>alert(1)</script>");
  EXPECT_EQ(content.headers.find("Content-Type"), "application/octet-stream");
  EXPECT_EQ(content.headers.find("Content-Disposition"),
            "attachment; filename*=UTF-8''a%3Cb%3E.html");
}

TEST_F(FilesTest, NamesLoseWhatCouldHarm) {
  const auto name_of = [&](const std::string& name) {
    return Json::parse(upload(name, "x").body).at("filename").get<std::string>();
  };
  EXPECT_EQ(name_of("../../etc/passwd"), "passwd");
  EXPECT_EQ(name_of("C:\\temp\\a.txt"), "a.txt");
  EXPECT_EQ(name_of("a\r\nSet-Cookie: b.txt"), "a__Set-Cookie: b.txt");
  EXPECT_EQ(name_of("invoice\u202Efdp.exe"), "invoice_fdp.exe");
  EXPECT_EQ(name_of(".."), "unnamed");
  EXPECT_EQ(name_of(""), "unnamed");
  EXPECT_EQ(name_of("caf\xff.txt"), "caf\uFFFD.txt");
}

TEST_F(FilesTest, ListsArePaged) {
  for (int i = 0; i < 5; ++i) upload("f" + std::to_string(i), "x");
  const Json newest = get("/v1/files?limit=2");
  ASSERT_EQ(newest.at("data").size(), 2u);
  EXPECT_EQ(newest.at("data")[0].at("filename"), "f4");
  EXPECT_TRUE(newest.at("has_more"));
  const Json next = get("/v1/files?limit=2&after=" + newest.at("last_id").get<std::string>());
  EXPECT_EQ(next.at("data")[0].at("filename"), "f2");
  const Json back = get("/v1/files?limit=2&before=" + next.at("first_id").get<std::string>());
  EXPECT_EQ(back.at("data")[0].at("filename"), "f4");
  EXPECT_EQ(get("/v1/files?order=asc&limit=1").at("data")[0].at("filename"), "f0");
  EXPECT_EQ(status("GET", "/v1/files?limit=0"), 400);
  EXPECT_EQ(status("GET", "/v1/files?order=up"), 400);
}

TEST_F(FilesTest, UnknownIdsAre404) {
  for (const char* target :
       {"/v1/files/file-9", "/v1/files/9", "/v1/files/file-9999999999999999999",
        "/v1/vector_stores/vs_9", "/v1/vector_stores/vs_-1", "/v1/jobs/job_7", "/documents/7",
        "/v1/documents/D7/text", "/v1/models/other"}) {
    EXPECT_EQ(status("GET", target), 404) << target;
    EXPECT_EQ(get(target).at("error").at("type"), "not_found_error");
  }
}

TEST_F(FilesTest, AVectorStoreIsMadeRenamedAndDeleted) {
  const Json made = post("/v1/vector_stores", {{"name", "contracts"}, {"metadata", {{"a", "b"}}}});
  EXPECT_EQ(made.at("object"), "vector_store");
  EXPECT_EQ(made.at("status"), "completed");
  EXPECT_EQ(made.at("metadata").at("a"), "b");
  EXPECT_EQ(status("POST", "/v1/vector_stores", {{"name", "contracts"}}), 409);
  EXPECT_EQ(status("POST", "/v1/vector_stores", {{"name", "  "}}), 400);
  EXPECT_EQ(status("POST", "/v1/vector_stores", {{"name", 5}}), 400);
  EXPECT_EQ(post("/v1/vector_stores", Json::object()).at("name"), "Untitled 1");

  const std::string path = "/v1/vector_stores/" + made.at("id").get<std::string>();
  EXPECT_EQ(post(path, {{"name", "papers"}}).at("name"), "papers");
  EXPECT_EQ(status("POST", path, {{"name", "Untitled 1"}}), 409);
  EXPECT_TRUE(Json::parse(call("DELETE", path).body).at("deleted"));
  EXPECT_EQ(status("GET", path), 404);
}

TEST_F(FilesTest, AnAttachedFileIsProcessedInTheBackground) {
  const std::string id = make_store("papers", {{"a.txt", "The fee is 12 euros."}});
  const Json members = get("/v1/vector_stores/" + id + "/files");
  ASSERT_EQ(members.at("data").size(), 1u);
  const Json& member = members.at("data")[0];
  EXPECT_EQ(member.at("object"), "vector_store.file");
  EXPECT_EQ(member.at("status"), "completed");
  EXPECT_EQ(member.at("last_error"), nullptr);
  EXPECT_EQ(member.at("x_document").at("characters"), 20);
  const Json job = get("/v1/jobs/" + member.at("x_document").at("job").get<std::string>());
  EXPECT_EQ(job.at("status"), "succeeded");
  EXPECT_EQ(job.at("progress"), 1.0);
  EXPECT_EQ(get("/v1/vector_stores/" + id).at("file_counts").at("completed"), 1);
}

TEST_F(FilesTest, AFileThatFailsSaysWhyAndTheRestGoesOn) {
  const std::string id =
      make_store("papers", {{"bad.pdf", "%PDF-1.4 truncated"}, {"good.txt", "Good."}});
  const std::string path = "/v1/vector_stores/" + id + "/files";
  const Json failed = get(path + "?filter=failed");
  ASSERT_EQ(failed.at("data").size(), 1u);
  EXPECT_EQ(failed.at("data")[0].at("last_error").at("code"), "invalid_file");
  EXPECT_FALSE(failed.at("data")[0].at("last_error").at("message").get<std::string>().empty());
  EXPECT_EQ(get(path + "?filter=completed").at("data").size(), 1u);
}

TEST_F(FilesTest, DeletingAMemberKeepsTheUploadAndDeletingTheUploadTakesAll) {
  const std::string id = make_store("papers", {{"a.txt", "The fee is 12 euros."}});
  const std::string members = "/v1/vector_stores/" + id + "/files";
  const std::string file = get(members).at("data")[0].at("id");
  const Json deleted = Json::parse(call("DELETE", members + "/" + file).body);
  EXPECT_EQ(deleted.at("x_receipt").at("documents"), 1);
  EXPECT_EQ(deleted.at("x_receipt").at("cache_files"), 0);
  EXPECT_EQ(get(members).at("data").size(), 0u);
  EXPECT_EQ(status("GET", "/v1/files/" + file), 200);

  post(members, {{"file_id", file}});
  service_->ingest_worker->wait_until_idle();
  EXPECT_EQ(get(members).at("data").size(), 1u);
  EXPECT_EQ(status("DELETE", "/v1/files/" + file), 200);
  EXPECT_EQ(get(members).at("data").size(), 0u);
  EXPECT_EQ(status("GET", "/v1/files/" + file), 404);
}

TEST_F(FilesTest, SearchFindsPassagesWithTheirRanges) {
  const std::string id = make_store(
      "papers", {{"fees.txt", "The annual fee is 12 euros."}, {"cats.txt", "Cats sleep a lot."}});
  const std::string path = "/v1/vector_stores/" + id + "/search";
  const Json found = post(path, {{"query", "annual fee"}, {"max_num_results", 5}});
  EXPECT_EQ(found.at("object"), "vector_store.search_results.page");
  ASSERT_GE(found.at("data").size(), 1u);
  const Json& best = found.at("data")[0];
  EXPECT_EQ(best.at("filename"), "fees.txt");
  EXPECT_NE(best.at("content")[0].at("text").get<std::string>().find("12 euros"),
            std::string::npos);
  EXPECT_EQ(best.at("x_source").at("start_char"), 0);
  EXPECT_LE(best.at("score"), 1.0);
  for (const Json& body : {Json{{"query", ""}}, Json{{"query", "x"}, {"max_num_results", 51}},
                           Json{{"query", "x"}, {"filters", {{"type", "eq"}}}}, Json::object()}) {
    EXPECT_EQ(status("POST", path, body), 400) << body;
  }
}

TEST_F(FilesTest, ScriptsInDocumentsAreShownAsText) {
  const std::string script = "<script>alert(1)</script> & <img src=x onerror=\"alert(2)\">";
  const std::string id =
      make_store("papers", {{"<img src=x onerror=alert(3)>.txt", "Caf\u00e9 " + script}});
  const Json member = get("/v1/vector_stores/" + id + "/files").at("data")[0];
  const std::string document =
      std::to_string(member.at("x_document").at("document").get<int64_t>());

  const Response page = call("GET", "/documents/" + document + "?start=5&end=13");
  EXPECT_NE(
      page.body.find("Caf\u00e9 <mark id=\"cited\">&lt;script&gt;</mark>alert(1)&lt;/script&gt; "
                     "&amp; &lt;img src=x onerror=&quot;alert(2)&quot;&gt;"),
      std::string::npos)
      << page.body;
  EXPECT_EQ(page.body.find("<script"), std::string::npos);
  EXPECT_EQ(page.body.find("<img"), std::string::npos);
  const auto policy = page.headers.find("Content-Security-Policy").value_or("");
  EXPECT_NE(policy.find("default-src 'none'"), std::string::npos);
  EXPECT_NE(policy.find("sandbox"), std::string::npos);
  EXPECT_EQ(policy.find("script-src"), std::string::npos);

  const Json text = get("/v1/documents/D" + document + "/text?start=5&end=13");
  EXPECT_EQ(text.at("text"), "<script>");
  EXPECT_EQ(status("GET", "/documents/" + document + "?start=9&end=5"), 400);
  EXPECT_EQ(status("GET", "/documents/" + document + "?start=x"), 400);
  EXPECT_EQ(get("/v1/documents/" + document + "/text?start=999999").at("text"), "");
}

TEST_F(FilesTest, ThePageComesUnderAStrictPolicy) {
  const Response page = call("GET", "/");
  EXPECT_EQ(page.status, 200);
  EXPECT_NE(page.body.find("<title>widenet</title>"), std::string::npos);
  const auto policy = page.headers.find("Content-Security-Policy").value_or("");
  EXPECT_NE(policy.find("script-src 'self'"), std::string::npos);
  EXPECT_EQ(policy.find("unsafe"), std::string::npos);
}

TEST_F(FilesTest, MalformedJsonIsNamed) {
  for (const char* body : {"{", "[]", "\"x\"", "{\"name\":\"\xff\"}", "nul"}) {
    EXPECT_EQ(call("POST", "/v1/vector_stores", body).status, 400) << body;
  }
  EXPECT_EQ(call("POST", "/v1/vector_stores", std::string(100'000, '[')).status, 400);
}

}  // namespace
}  // namespace widenet::api

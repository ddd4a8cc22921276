// Attempts to reach across tenants, collections and access lists by every route there is.
#include <algorithm>

#include "tests/api/service_fixture.h"

namespace widenet::api {
namespace {

Principal tenant_key(const std::string& tenant, const std::string& name) {
  return {.name = name, .tenant = tenant, .collections = {}, .reader = {}, .may_write = true};
}

Principal group_key(const std::string& name, std::vector<std::string> groups) {
  return {.name = name,
          .tenant = {},
          .collections = {},
          .reader = {.reads_all = false, .names = std::move(groups)},
          .may_write = true};
}

class AccessRouteTest : public ServiceTest {
 protected:
  // The body of a reply to this principal, whatever its status.
  std::string reply_to(const Principal& principal,
                       const std::string& method,
                       const std::string& target,
                       const Json& body = nullptr) {
    principal_ = principal;
    const Response response = call(method, target, body.is_null() ? "" : body.dump());
    principal_ = {};
    return std::to_string(response.status) + " " + response.body;
  }
  int status_for(const Principal& principal,
                 const std::string& method,
                 const std::string& target,
                 const Json& body = nullptr) {
    return std::stoi(reply_to(principal, method, target, body));
  }
  std::string make_store_as(const Principal& principal,
                            const std::string& name,
                            const std::vector<std::pair<std::string, std::string>>& files) {
    principal_ = principal;
    const std::string id = make_store(name, files);
    principal_ = {};
    return id;
  }
  // Puts a file into a store for some readers; returns the document's number.
  std::string add_for(const std::string& store,
                      const std::string& name,
                      const std::string& contents,
                      const Json& readers) {
    const Json member = post("/v1/vector_stores/" + store + "/files",
                             {{"file_id", upload_id(name, contents)}, {"x_readers", readers}});
    service_->ingest_worker->wait_until_idle();
    return std::to_string(member.at("x_document").at("document").get<int64_t>());
  }

  const Principal acme_ = tenant_key("acme", "a"), byte_ = tenant_key("byte", "b");
  const Principal sales_ = group_key("sales-app", {"sales"}), board_ = group_key("x", {"board"});
};

TEST_F(AccessRouteTest, ATenantSeesItsOwnAlone) {
  const std::string id = make_store_as(acme_, "papers", {{"a.txt", "The canary sings."}});
  const std::string other = make_store_as(byte_, "papers", {{"b.txt", "Nothing here."}});
  EXPECT_EQ(store_->collections().size(), 2U);
  EXPECT_TRUE(store_->collection("acme/papers"));
  EXPECT_NE(reply_to(acme_, "GET", "/v1/vector_stores").find("\"papers\""), std::string::npos);

  const auto documents = store_->documents(store_->collection("acme/papers")->id);
  ASSERT_EQ(documents.size(), 1U);
  const std::string document = std::to_string(documents[0].id);
  const std::string file = "file-" + std::to_string(*documents[0].file);
  const std::string job = "job_" + std::to_string(*documents[0].job);
  const std::string in_store = "/v1/vector_stores/" + id;
  const Json question = {{"question", "What sings?"}};
  const auto asking = [&](Json scope) {
    scope.update(question);
    return scope;
  };
  struct Attempt {
    std::string method, target;
    Json body = nullptr;
  };
  const std::vector<Attempt> attempts = {
      {"GET", in_store},
      {"POST", in_store, {{"name", "mine"}}},
      {"DELETE", in_store},
      {"GET", in_store + "/files"},
      {"GET", in_store + "/files/" + file},
      {"DELETE", in_store + "/files/" + file},
      {"GET", in_store + "/files/doc-" + document},
      {"POST", in_store + "/files", {{"file_id", file}}},
      {"POST", "/v1/vector_stores/" + other + "/files", {{"file_id", file}}},
      {"GET", "/v1/vector_stores/" + other + "/files/doc-" + document},
      {"POST", in_store + "/search", {{"query", "canary"}}},
      {"GET", "/v1/files/" + file},
      {"GET", "/v1/files/" + file + "/content"},
      {"DELETE", "/v1/files/" + file},
      {"GET", "/v1/files/doc-" + document + "/content"},
      {"GET", "/documents/" + document},
      {"GET", "/v1/documents/" + document},
      {"GET", "/v1/documents/" + document + "/text"},
      {"GET", "/v1/jobs/" + job},
      {"POST", "/v1/ask", asking({{"vector_store_ids", {id}}})},
      {"POST", "/v1/ask", asking({{"collection", "acme/papers"}})},
      {"POST", "/v1/ask", asking({{"vector_store_ids", {other}}, {"documents", {document}}})},
      {"POST", "/v1/plan", asking({{"vector_store_ids", {id}}})},
      {"POST", "/v1/cache/warm", {{"vector_store_id", id}}},
      {"POST", "/v1/cache/warm", {{"collection", "acme/papers"}}},
      {"POST",
       "/v1/chat/completions",
       {{"messages", {{{"role", "user"}, {"content", "What sings?"}}}},
        {"vector_store_ids", {id}}}},
  };
  for (const auto& [method, target, body] : attempts) {
    const std::string reply = reply_to(byte_, method, target, body);
    EXPECT_EQ(reply.substr(0, 3), "404") << method << " " << target << " " << body << ": " << reply;
    EXPECT_EQ(reply.find("sings"), std::string::npos) << target;
  }
  for (const char* list : {"/v1/vector_stores", "/v1/files", "/v1/jobs"}) {
    const std::string theirs = reply_to(byte_, "GET", list);
    EXPECT_EQ(theirs.find("\"" + id + "\""), std::string::npos) << list;
    EXPECT_EQ(theirs.find("a.txt"), std::string::npos) << list;
  }
  EXPECT_EQ(status_for(byte_, "GET", "/metrics"), 403);
  EXPECT_TRUE(store_->collection("acme/papers"));  // nothing of it went
  EXPECT_EQ(store_->document(documents[0].id)->state, store::DocumentState::ready);
  EXPECT_EQ(status_for({}, "GET", in_store), 200);  // the operator sees all
}

TEST_F(AccessRouteTest, AnAccessListHoldsOnEveryRoute) {
  const std::string id = make_store("crm", {{"open.txt", "Open words about a canary."}});
  const std::string closed =
      add_for(id, "closed.txt", "The board keeps a canary named Zebulon.", {"board"});
  const std::string in_store = "/v1/vector_stores/" + id;
  const auto sees = [&](const Principal& principal, const std::string& method,
                        const std::string& target, const Json& body = nullptr) {
    const std::string reply = reply_to(principal, method, target, body);
    return reply.find("Zebulon") != std::string::npos ||
           reply.find("closed.txt") != std::string::npos;
  };
  const Json query = {{"query", "Who is the canary of the board?"}};
  const Json question = {{"question", "Who is the canary named?"}, {"vector_store_ids", {id}}};
  for (const char* mode : {"rag", "hybrid", "long", "auto"}) {
    Json asked = question;
    asked["mode"] = mode;
    const Json answer = Json::parse(reply_to(sales_, "POST", "/v1/ask", asked).substr(4));
    EXPECT_EQ(answer.at("coverage").at("documents_in_scope"), 1) << mode;
    EXPECT_EQ(answer.at("coverage").at("documents_read"), 1) << mode;
    const Json theirs = Json::parse(reply_to(board_, "POST", "/v1/ask", asked).substr(4));
    EXPECT_EQ(theirs.at("coverage").at("documents_in_scope"), 2) << mode;
  }
  EXPECT_TRUE(sees(board_, "POST", in_store + "/search", query));
  EXPECT_FALSE(sees(sales_, "POST", in_store + "/search", query));
  EXPECT_TRUE(sees(board_, "GET", in_store + "/files"));
  EXPECT_FALSE(sees(sales_, "GET", in_store + "/files"));
  EXPECT_FALSE(sees(sales_, "GET", "/v1/files"));
  for (const std::string& target : std::vector<std::string>{
           "/documents/" + closed, "/v1/documents/" + closed, "/v1/documents/" + closed + "/text",
           "/v1/files/doc-" + closed + "/content", in_store + "/files/doc-" + closed}) {
    EXPECT_EQ(status_for(sales_, "GET", target), 404) << target;
    EXPECT_EQ(status_for(board_, "GET", target), 200) << target;
  }
  EXPECT_EQ(status_for(sales_, "DELETE", in_store + "/files/doc-" + closed), 404);
  EXPECT_EQ(status_for(sales_, "DELETE", in_store), 403);
  const auto counts = [&](const Principal& principal) {
    return Json::parse(reply_to(principal, "GET", in_store).substr(4))
        .at("file_counts")
        .at("total");
  };
  EXPECT_EQ(counts(sales_), 1);
  EXPECT_EQ(counts(board_), 2);
  // Nor can a file of that name take its place.
  principal_ = sales_;
  const std::string file = upload_id("closed.txt", "Forged.");
  principal_ = {};
  EXPECT_EQ(status_for(sales_, "POST", in_store + "/files", {{"file_id", file}}), 403);
  EXPECT_EQ(status_for(board_, "GET", "/v1/files/" + file), 404);
}

// Who may read some of what is in a file neither gets its bytes, of whichever version, nor removes
// or replaces it.
TEST_F(AccessRouteTest, AFileIsWholeOrNot) {
  const std::string id = make_store("crm", {});
  const auto collection = store_->collection("crm")->id;
  const auto import = [&](const std::string& bytes) {
    const auto added = store_->add_document(
        {.collection = collection, .key = "crm.zip", .sha256 = store_->put_original(bytes)});
    EXPECT_TRUE(store_->begin_processing(added.id));
    store::ProcessedDocument open, closed;
    open.member = "1";
    open.text = "Open words.";
    closed.member = "2";
    closed.text = "A canary named Zebulon.";
    closed.readers = {"board"};
    if (const auto before = store_->find_document(collection, "crm.zip/2")) {
      closed.same_as = before->id;
    }
    store_->complete_document(added.id, {{open, closed}});
    return std::to_string(added.id);
  };
  const std::string first = import("Zebulon, in a ZIP"), second = import("Zebulon, again");
  for (const std::string& document : {first, second}) {  // the closed record moved to the second
    EXPECT_EQ(status_for(sales_, "GET", "/v1/files/doc-" + document + "/content"), 403);
    EXPECT_EQ(status_for(board_, "GET", "/v1/files/doc-" + document + "/content"), 200);
  }
  const std::string member = "/v1/vector_stores/" + id + "/files/doc-" + second;
  EXPECT_EQ(status_for(sales_, "DELETE", member), 403);
  principal_ = sales_;
  const std::string file = upload_id("crm.zip", "Forged.");
  principal_ = {};
  EXPECT_EQ(status_for(sales_, "POST", "/v1/vector_stores/" + id + "/files", {{"file_id", file}}),
            403);
  EXPECT_EQ(status_for(board_, "DELETE", member), 200);
}

TEST_F(AccessRouteTest, SumsAreOfRowsThatTheReaderMayRead) {
  const std::string id = make_store("crm", {{"visits.csv", "day,guests\n2024-01-02,3\n"}});
  add_for(id, "deals.csv", "deal,worth\nZebulon,100\nOther,50\n", {"board"});
  const auto asked = [&](const Principal& principal, const std::string& question) {
    return reply_to(principal, "POST", "/v1/ask",
                    {{"question", question}, {"vector_store_ids", {id}}, {"mode", "sql"}});
  };
  EXPECT_NE(asked(board_, "What is the total worth of deals?").find("150"), std::string::npos);
  for (const char* question : {"What is the total worth of deals?", "How many deals are there?",
                               "What is the worth of Zebulon?"}) {
    const std::string reply = asked(sales_, question);
    EXPECT_EQ(reply.substr(0, 3), "400") << reply;
    EXPECT_EQ(reply.find("150"), std::string::npos) << reply;
  }
  EXPECT_NE(asked(sales_, "What is the total of guests of visits?").find("3 "), std::string::npos);
}

TEST_F(AccessRouteTest, AConversationIsItsOwners) {
  const std::string id = make_store("crm", {{"open.txt", "Open words."}});
  const Json begun = {{"question", "What?"}, {"vector_store_ids", {id}}, {"conversation", "new"}};
  const Json first = Json::parse(reply_to(sales_, "POST", "/v1/ask", begun).substr(4));
  Json next = begun;
  next["conversation"] = first.at("conversation");
  EXPECT_EQ(status_for(board_, "POST", "/v1/ask", next), 404);
  EXPECT_EQ(status_for(sales_, "POST", "/v1/ask", next), 200);
}

TEST_F(AccessRouteTest, ADocumentClosedMeanwhileLeavesItsConversations) {
  const std::string id = make_store("crm", {{"open.txt", "Open words about nothing."}});
  const std::string other = add_for(id, "other.txt", "Words about a merger.", Json::array());
  Json asked = {{"question", "What about?"},
                {"vector_store_ids", {id}},
                {"conversation", "new"},
                {"mode", "long"}};
  const Json first = Json::parse(reply_to(sales_, "POST", "/v1/ask", asked).substr(4));
  EXPECT_EQ(first.at("coverage").at("documents_read"), 2);
  EXPECT_EQ(add_for(id, "other.txt", "Words about a merger.", {"board"}), other);  // same bytes
  asked["conversation"] = first.at("conversation");
  const Json second = Json::parse(reply_to(sales_, "POST", "/v1/ask", asked).substr(4));
  EXPECT_EQ(second.at("coverage").at("documents_read"), 1);
  for (const Json& range : second.at("context")) EXPECT_NE(range.at("document"), std::stoll(other));
}

// Whether somebody else has read a prompt shows in no count and no time.
TEST_F(AccessRouteTest, WhatOneHasReadIsUnknownToAnother) {
  const std::string text(4000, 'x');
  const std::string id = make_store("crm", {{"open.txt", text}});
  const Json asked = {
      {"question", "What?"}, {"vector_store_ids", {id}}, {"mode", "long"}, {"store", false}};
  const auto cached = [&](const Principal& principal) {
    const Json answer = Json::parse(reply_to(principal, "POST", "/v1/ask", asked).substr(4));
    return answer.at("usage").at("cached_tokens").get<int64_t>();
  };
  const auto planned = [&](const Principal& principal) {
    const Json plan = Json::parse(reply_to(principal, "POST", "/v1/plan", asked).substr(4));
    return plan.at("cached_tokens").get<int64_t>();
  };
  EXPECT_EQ(cached(sales_), 0);
  EXPECT_GT(planned(sales_), 0);
  EXPECT_EQ(planned(board_), 0);
  EXPECT_EQ(cached(board_), 0);
  EXPECT_GT(cached(sales_), 0);
  EXPECT_GT(planned(group_key("another", {"sales"})), 0);  // may read the same
  EXPECT_EQ(planned({}), 0);
}

TEST_F(AccessRouteTest, KeysForSomeCollectionsAndKeysThatOnlyRead) {
  const std::string id = make_store("crm-2024", {{"a.txt", "Words."}});
  make_store("hr", {{"b.txt", "Other words."}});
  Principal key = group_key("k", {});
  key.reader.reads_all = true;
  key.collections = {"crm-*", "papers"};
  EXPECT_EQ(status_for(key, "GET", "/v1/vector_stores/" + id), 200);
  EXPECT_EQ(reply_to(key, "GET", "/v1/vector_stores").find("\"hr\""), std::string::npos);
  EXPECT_EQ(status_for(key, "POST", "/v1/ask", {{"question", "?"}, {"collection", "hr"}}), 404);
  EXPECT_EQ(status_for(key, "POST", "/v1/vector_stores", {{"name", "hr2"}}), 403);
  EXPECT_EQ(status_for(key, "POST", "/v1/vector_stores", {{"name", "papers"}}), 200);
  EXPECT_EQ(status_for(key, "POST", "/v1/vector_stores/" + id, {{"name", "hr3"}}), 403);
  EXPECT_EQ(status_for(key, "GET", "/metrics"), 403);
  key.may_write = false;
  EXPECT_EQ(status_for(key, "POST", "/v1/vector_stores", {{"name", "crm-2025"}}), 403);
  EXPECT_EQ(status_for(key, "DELETE", "/v1/vector_stores/" + id), 403);
  EXPECT_EQ(status_for(key, "POST", "/v1/ask", {{"question", "?"}, {"vector_store_ids", {id}}}),
            200);
}

}  // namespace
}  // namespace widenet::api

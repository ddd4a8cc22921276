// Retrieval test sets as they are published: documents, queries, and which answers which.
//
//   BEIR   a folder: corpus.jsonl {"_id", "title", "text"}, queries.jsonl {"_id", "text"}, and
//          qrels/test.tsv (or qrels.tsv) "query-id <tab> corpus-id <tab> score" under a header
//   TREC   files of <DOC><DOCNO>..</DOCNO>.. text ..</DOC>, topics <top><num>..<title>..</top>, and
//          qrels "topic iteration document grade"
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace widenet::eval {

struct TestDocument {
  std::string key{};
  std::string title{};
  std::string text{};
};

struct TestQuery {
  std::string id{};
  std::string text{};
  std::map<std::string, int> grades{};  // of documents that are there; above nought
};

struct TestSet {
  std::string name{};
  std::vector<TestDocument> documents{};
  std::vector<TestQuery> queries{};  // those with a relevant document
};

struct TrecFiles {
  std::vector<std::filesystem::path> documents{};
  std::filesystem::path topics{};
  std::filesystem::path judgements{};
};

// Throw EvalError naming the file, the line, and what is wrong; FileError.
TestSet read_beir(const std::filesystem::path& folder);
TestSet read_trec(const TrecFiles& files);

}  // namespace widenet::eval

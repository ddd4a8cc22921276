#include "eval/test_set.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <sstream>
#include <string_view>

#include "base/file.h"
#include "base/utf8.h"
#include "eval/evaluation_log.h"

namespace widenet::eval {
namespace {

namespace fs = std::filesystem;

using Grades = std::map<std::string, std::map<std::string, int>>;  // by query, by document

std::string trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const size_t start = text.find_first_not_of(kBlanks);
  if (start == std::string_view::npos) return {};
  return std::string(text.substr(start, text.find_last_not_of(kBlanks) - start + 1));
}

EvalError bad_line(const fs::path& file, int64_t line, const std::string& why) {
  return EvalError("cannot read \"" + file.string() + "\" line " + std::to_string(line) + ": " +
                   why);
}

template <typename Use>
void for_each_json(const fs::path& file, const Use& use) {
  std::istringstream lines(read_file(file));
  int64_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (trimmed(line).empty()) continue;
    try {
      use(nlohmann::json::parse(line));
    } catch (const nlohmann::json::exception& error) {
      throw bad_line(file, number, error.what());
    }
  }
}

// Which columns of a judgement are the query, the document and the grade, and what is between them.
struct Columns {
  size_t query, document, grade;
  std::string_view separators;
};

std::vector<std::string> fields_of(std::string_view line, std::string_view separators) {
  std::vector<std::string> fields;
  for (size_t end; !line.empty(); line.remove_prefix(std::min(end + 1, line.size()))) {
    end = std::min(line.find_first_of(separators), line.size());
    if (end > 0) fields.push_back(trimmed(line.substr(0, end)));
  }
  return fields;
}

Grades read_grades(const fs::path& file, const Columns& columns, bool has_header) {
  std::istringstream lines(read_file(file));
  Grades grades;
  int64_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    if (++number == 1 && has_header) continue;
    if (trimmed(line).empty()) continue;
    const std::vector<std::string> fields = fields_of(line, columns.separators);
    if (fields.size() <= columns.grade) throw bad_line(file, number, "it has too few columns");
    const std::string& grade = fields[columns.grade];
    if (grade.find_first_not_of("-0123456789") != std::string::npos || grade.size() > 4) {
      throw bad_line(file, number, "\"" + grade + "\" is no grade");
    }
    const int value = std::stoi(grade);
    if (value > 0) grades[fields[columns.query]][fields[columns.document]] = value;
  }
  return grades;
}

// Gives queries their grades, and drops those without any document that is there.
void judge(TestSet& set, const Grades& grades) {
  std::set<std::string> keys;
  for (const TestDocument& document : set.documents) keys.insert(document.key);
  std::vector<TestQuery> judged;
  for (TestQuery& query : set.queries) {
    const auto found = grades.find(query.id);
    if (found == grades.end()) continue;
    for (const auto& [key, grade] : found->second) {
      if (keys.contains(key)) query.grades.emplace(key, grade);
    }
    if (!query.grades.empty()) judged.push_back(std::move(query));
  }
  set.queries = std::move(judged);
  if (set.queries.empty()) {
    throw EvalError("cannot use the test set \"" + set.name +
                    "\": no query has a relevant document in it");
  }
}

// Without regard to case.
size_t find_tag(std::string_view text, std::string_view tag, size_t from) {
  for (size_t at = text.find('<', from); at != std::string_view::npos;
       at = text.find('<', at + 1)) {
    bool is_equal = text.size() - at >= tag.size();
    for (size_t i = 0; is_equal && i < tag.size(); ++i) {
      const char c = text[at + i];
      is_equal = (c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c) == tag[i];
    }
    if (is_equal) return at;
  }
  return std::string_view::npos;
}

// What stands between <name> and </name>, or the next tag where that is missing.
std::optional<std::string_view> element(std::string_view text, const std::string& name) {
  const std::string open = "<" + name + ">";
  const size_t start = find_tag(text, open, 0);
  if (start == std::string_view::npos) return {};
  const std::string_view rest = text.substr(start + open.size());
  return rest.substr(0, std::min({find_tag(rest, "</" + name + ">", 0), find_tag(rest, "<desc>", 0),
                                  find_tag(rest, "<title>", 0), rest.size()}));
}

template <typename Use>
void for_each_element(std::string_view text, const std::string& name, const Use& use) {
  const std::string open = "<" + name + ">", close = "</" + name + ">";
  for (size_t at = find_tag(text, open, 0); at != std::string_view::npos;
       at = find_tag(text, open, at + 1)) {
    const size_t end = std::min(find_tag(text, close, at), text.size());
    use(text.substr(at + open.size(), end - at - open.size()));
  }
}

// Tags are blanks; the few entities that SGML files have are their characters.
std::string plain(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '<') {
      const size_t end = text.find('>', i);
      if (end != std::string_view::npos) {
        result += ' ';
        i = end;
        continue;
      }
    }
    bool is_entity = false;
    for (const auto& [entity, character] : std::initializer_list<std::pair<std::string_view, char>>{
             {"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}}) {
      if (!text.substr(i).starts_with(entity)) continue;
      result += character;
      i += entity.size() - 1;
      is_entity = true;
      break;
    }
    if (!is_entity) result += text[i];
  }
  return to_valid_utf8(trimmed(result));
}

TestDocument trec_document(std::string_view element_text, std::string_view number) {
  TestDocument document{.key = trimmed(number), .title = {}, .text = {}};
  if (const auto title = element(element_text, "title")) document.title = plain(*title);
  if (const auto text = element(element_text, "text")) {
    document.text = plain(*text);
  } else {
    const size_t end = find_tag(element_text, "</docno>", 0);
    document.text = plain(element_text.substr(std::min(end, element_text.size())));
  }
  return document;
}

}  // namespace

TestSet read_beir(const fs::path& folder) {
  TestSet set{.name = folder.filename().string(), .documents = {}, .queries = {}};
  if (set.name.empty()) set.name = folder.parent_path().filename().string();
  for_each_json(folder / "corpus.jsonl", [&](const nlohmann::json& json) {
    TestDocument document{.key = json.at("_id"),
                          .title = json.value("title", std::string()),
                          .text = json.at("text")};
    if (!trimmed(document.text).empty()) set.documents.push_back(std::move(document));
  });
  for_each_json(folder / "queries.jsonl", [&](const nlohmann::json& json) {
    set.queries.push_back({.id = json.at("_id"), .text = json.at("text"), .grades = {}});
  });
  const fs::path test = folder / "qrels" / "test.tsv";
  judge(set, read_grades(fs::exists(test) ? test : folder / "qrels.tsv", {0, 1, 2, "\t"}, true));
  return set;
}

TestSet read_trec(const TrecFiles& files) {
  TestSet set{.name = files.topics.stem().string(), .documents = {}, .queries = {}};
  for (const fs::path& file : files.documents) {
    const std::string bytes = read_file(file);
    for_each_element(bytes, "doc", [&](std::string_view text) {
      const auto number = element(text, "docno");
      if (!number) throw EvalError("cannot read \"" + file.string() + "\": a DOC has no DOCNO");
      TestDocument document = trec_document(text, *number);
      if (!document.text.empty()) set.documents.push_back(std::move(document));
    });
  }
  const std::string topics = read_file(files.topics);
  for_each_element(topics, "top", [&](std::string_view text) {
    const auto number = element(text, "num");
    const auto title = element(text, "title");
    if (!number || !title) {
      throw EvalError("cannot read \"" + files.topics.string() +
                      "\": a topic has no num or no title");
    }
    std::string id = trimmed(*number);
    if (id.starts_with("Number:")) id = trimmed(id.substr(7));
    set.queries.push_back({.id = std::move(id), .text = plain(*title), .grades = {}});
  });
  judge(set, read_grades(files.judgements, {0, 2, 3, " \t\r"}, false));
  return set;
}

}  // namespace widenet::eval

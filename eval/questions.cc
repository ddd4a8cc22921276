#include "eval/questions.h"

#include <nlohmann/json.hpp>
#include <sstream>

#include "base/file.h"
#include "eval/evaluation_log.h"

namespace widenet::eval {
namespace {

Question parse_question(const nlohmann::json& json) {
  Question question;
  question.id = json.at("id").get<std::string>();
  question.question = json.at("question").get<std::string>();
  question.is_answerable = json.at("answerable").get<bool>();
  question.documents = json.value("documents", std::vector<std::string>());
  question.passage = json.value("passage", std::string());
  question.kind = json.value("kind", std::string());
  if (question.is_answerable) {
    question.answers = json.value("aliases", std::vector<std::string>());
    question.answers.insert(question.answers.begin(), json.at("answer").get<std::string>());
  }
  return question;
}

}  // namespace

std::vector<Question> read_questions(const std::filesystem::path& file) {
  std::istringstream lines(read_file(file));
  std::vector<Question> questions;
  int64_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    try {
      questions.push_back(parse_question(nlohmann::json::parse(line)));
    } catch (const nlohmann::json::exception& error) {
      throw EvalError("cannot read question in \"" + file.string() + "\" line " +
                      std::to_string(number) + ": " + error.what());
    }
  }
  if (questions.empty()) throw EvalError("no questions in \"" + file.string() + "\"");
  return questions;
}

}  // namespace widenet::eval

// Questions with gold answers and gold passages, one JSON object a line.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace widenet::eval {

struct Question {
  std::string id;
  std::string question;
  std::vector<std::string> answers;    // "answer" and "aliases"
  std::vector<std::string> documents;  // keys, or the ends of keys, of the documents that say it
  std::string passage;                 // the gold passage, as the document has it
  bool is_answerable = true;
  std::string kind;
};

// Throws EvalError naming the file, the line and the key at fault.
std::vector<Question> read_questions(const std::filesystem::path& file);

}  // namespace widenet::eval

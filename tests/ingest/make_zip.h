// ZIP archives for tests.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace widenet::ingest {

// Entries of a name and a content; a content repeats `repeat` times, for bombs.
std::string make_zip(const std::vector<std::pair<std::string, std::string>>& entries,
                     int64_t repeat = 1);

// A DOCX with only a body: `xml` is what <w:body> holds.
std::string make_docx(const std::string& xml);

}  // namespace widenet::ingest

// As many chunks as one likes, out of the sentences of real ones: words are as frequent, and as
// frequent together within a sentence, as they were.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace widenet::eval {

class GrownCorpus {
 public:
  // `chunks` are real ones; not empty.
  GrownCorpus(const std::vector<std::string>& chunks, uint64_t seed);

  // Sentences at random, to about the length of a random real chunk.
  std::string next_chunk();

 private:
  std::vector<std::string> sentences_;
  std::vector<size_t> lengths_;  // of the real chunks, in bytes
  std::mt19937_64 random_;
};

}  // namespace widenet::eval

// Scores and how sure they are.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace widenet::eval {

// A share of successes with its 95% interval (Wilson, 1927).
struct Share {
  int64_t hits = 0;
  int64_t tries = 0;

  double value() const {
    return tries > 0 ? static_cast<double>(hits) / static_cast<double>(tries) : 0;
  }
  double low() const;
  double high() const;
  void add(bool is_hit) { ++tries, hits += is_hit; }
};

// How sure the mean of paired differences is: the interval that holds 95% of the means of resamples
// (bootstrap), and twice the share of them on nought's other side, or on nought.
struct PairedDifference {
  double mean = 0;
  double low = 0;
  double high = 0;
  double p = 1;
};
PairedDifference paired_difference(const std::vector<double>& differences,
                                   int64_t resamples,
                                   uint64_t seed);

// As SQuAD normalises: lower case, no punctuation, no articles, single blanks.  Digits keep the
// points and commas between them.
std::string normalised(std::string_view text);

bool is_exact(std::string_view answer, const std::vector<std::string>& gold);
// One of the gold answers stands in the answer, word for word, after normalisation.
bool is_contained(std::string_view answer, const std::vector<std::string>& gold);
// The best F1 over words.
double token_f1(std::string_view answer, const std::vector<std::string>& gold);

}  // namespace widenet::eval

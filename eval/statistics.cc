#include "eval/statistics.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <sstream>

#include "eval/tasks/random.h"

namespace widenet::eval {
namespace {

constexpr double kZ95 = 1.959963984540054;

double wilson(const Share& share, double sign) {
  if (share.tries == 0) return sign < 0 ? 0 : 1;
  const auto n = static_cast<double>(share.tries);
  const double p = share.value();
  const double z2 = kZ95 * kZ95;
  const double centre = p + z2 / (2 * n);
  const double half = kZ95 * std::sqrt(p * (1 - p) / n + z2 / (4 * n * n));
  return std::clamp((centre + sign * half) / (1 + z2 / n), 0.0, 1.0);
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::vector<std::string> words_of(std::string_view text) {
  std::istringstream stream{normalised(text)};
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

}  // namespace

double Share::low() const {
  return wilson(*this, -1);
}

double Share::high() const {
  return wilson(*this, 1);
}

PairedDifference paired_difference(const std::vector<double>& differences,
                                   int64_t resamples,
                                   uint64_t seed) {
  const auto n = std::ssize(differences);
  if (n == 0 || resamples == 0) return {};
  std::vector<double> means;
  Random random(seed);
  for (int64_t i = 0; i < resamples; ++i) {
    double sum = 0;
    for (int64_t j = 0; j < n; ++j) sum += differences[static_cast<size_t>(random.below(n))];
    means.push_back(sum / static_cast<double>(n));
  }
  std::sort(means.begin(), means.end());
  const auto at = [&](double share) {
    return means[static_cast<size_t>(share * static_cast<double>(means.size() - 1))];
  };
  const auto share_of = [&](auto is_counted) {
    return static_cast<double>(std::count_if(means.begin(), means.end(), is_counted)) /
           static_cast<double>(means.size());
  };
  const double not_above = share_of([](double m) { return m <= 0; });
  const double not_below = share_of([](double m) { return m >= 0; });
  return {
      .mean = std::accumulate(differences.begin(), differences.end(), 0.0) / static_cast<double>(n),
      .low = at(0.025),
      .high = at(0.975),
      .p = std::min(1.0, 2 * std::min(not_above, not_below))};
}

std::string normalised(std::string_view text) {
  std::string spaced;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool is_inside_number = (c == '.' || c == ',') && i > 0 && i + 1 < text.size() &&
                                  is_digit(text[i - 1]) && is_digit(text[i + 1]);
    if (c >= 'A' && c <= 'Z') {
      spaced += static_cast<char>(c + 32);
    } else if (is_digit(c) || (c >= 'a' && c <= 'z') || static_cast<uint8_t>(c) >= 0x80 ||
               is_inside_number) {
      spaced += c;
    } else {
      spaced += ' ';
    }
  }
  std::istringstream stream(spaced);
  std::string joined;
  for (std::string word; stream >> word;) {
    if (word == "a" || word == "an" || word == "the") continue;
    joined += (joined.empty() ? "" : " ") + word;
  }
  return joined;
}

bool is_exact(std::string_view answer, const std::vector<std::string>& gold) {
  const std::string given = normalised(answer);
  return std::any_of(gold.begin(), gold.end(),
                     [&](const std::string& one) { return normalised(one) == given; });
}

bool is_contained(std::string_view answer, const std::vector<std::string>& gold) {
  const std::string given = " " + normalised(answer) + " ";
  return std::any_of(gold.begin(), gold.end(), [&](const std::string& one) {
    const std::string wanted = normalised(one);
    return !wanted.empty() && given.find(" " + wanted + " ") != std::string::npos;
  });
}

double token_f1(std::string_view answer, const std::vector<std::string>& gold) {
  const auto given = words_of(answer);
  double best = 0;
  for (const auto& one : gold) {
    const auto wanted = words_of(one);
    std::map<std::string, int64_t> counts;
    for (const auto& word : wanted) ++counts[word];
    int64_t common = 0;
    for (const auto& word : given) common += counts[word]-- > 0;
    if (common == 0) continue;
    const double precision = static_cast<double>(common) / static_cast<double>(given.size());
    const double recall = static_cast<double>(common) / static_cast<double>(wanted.size());
    best = std::max(best, 2 * precision * recall / (precision + recall));
  }
  return best;
}

}  // namespace widenet::eval

// Puts the cases of all files into the order of the backend's table.
#include "kernels/bench/cases.h"

#include <algorithm>
#include <string>

#include "base/check.h"

namespace widenet::kernels::bench {
namespace {

std::ptrdiff_t place_of(const Case& c) {
  const auto* place = std::find(std::begin(kOperations), std::end(kOperations), c.operation);
  WN_CHECK(place != std::end(kOperations));
  return place - std::begin(kOperations);
}

}  // namespace

std::string shape_text(const ModelShape& model, const std::vector<int64_t>& extents) {
  std::string text = model.name;
  for (size_t i = 0; i < extents.size(); ++i) {
    text += (i == 0 ? " " : "x") + std::to_string(extents[i]);
  }
  return text;
}

std::vector<Case> make_cases(const ModelShape& model) {
  std::vector<Case> cases;
  add_linear_cases(model, cases);
  add_row_cases(model, cases);
  add_mixing_cases(model, cases);
  add_attention_cases(model, cases);
  std::stable_sort(cases.begin(), cases.end(),
                   [](const Case& a, const Case& b) { return place_of(a) < place_of(b); });
  return cases;
}

}  // namespace widenet::kernels::bench

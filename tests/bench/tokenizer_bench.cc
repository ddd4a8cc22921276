// tokenizer_bench TOKENIZER_JSON TEXT...: megabytes of text tokenised for a second of one core.
//
// CPU time of the thread, so that a busy machine says the same; the median of five runs after one
// that warms up.  Also once line by line, as documents and questions come.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <functional>
#include <vector>

#include "base/file.h"
#include "engine/tokenizer.h"

namespace {

using widenet::engine::Tokenizer;

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double median_seconds(const std::function<void()>& work) {
  std::vector<double> seconds;
  work();
  for (int run = 0; run < 5; ++run) {
    const double start = cpu_seconds();
    work();
    seconds.push_back(cpu_seconds() - start);
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() / 2];
}

size_t encode_lines(const Tokenizer& tokenizer, std::string_view text) {
  size_t n_tokens = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    n_tokens += tokenizer.encode(text.substr(0, end)).size();
    text.remove_prefix(end);
  }
  return n_tokens;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fputs("usage: tokenizer_bench TOKENIZER_JSON TEXT...\n", stderr);
    return 2;
  }
  const double start = cpu_seconds();
  const Tokenizer tokenizer = Tokenizer::load(argv[1]);
  std::printf("load: %.2f s\n", cpu_seconds() - start);
  for (int i = 2; i < argc; ++i) {
    const std::string text = widenet::read_file(argv[i]);
    const double megabytes = static_cast<double>(text.size()) / 1e6;
    const double whole = median_seconds([&] { tokenizer.encode(text); });
    const double lines = median_seconds([&] { encode_lines(tokenizer, text); });
    std::printf("%s: %.1f MB, %zu tokens, %.1f MB/s whole, %.1f MB/s by lines\n", argv[i],
                megabytes, tokenizer.encode(text).size(), megabytes / whole, megabytes / lines);
  }
  return 0;
}

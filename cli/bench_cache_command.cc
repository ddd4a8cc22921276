// `widenet bench cache`: what it costs to remember a prompt on disk, and to go on from there.
//
// The prompt is read cold with and without saving.  Then, in turns and each in a process of its own
// with the files' pages dropped, it is taken from disk, and the same files are plainly read.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/hash.h"
#include "cli/bench_support.h"
#include "cli/engine_options.h"
#include "engine/model_config.h"
#include "engine/prefix_cache.h"

namespace widenet::cli {
namespace {

namespace fs = std::filesystem;

struct BenchCacheOptions {
  ModelOptions model;
  int64_t n_tokens = 16384;
  int repeats = 5;
  int cold_repeats = 1;
  int64_t document_tokens = 0;
  fs::path directory;
  std::string part;  // what a child process does; empty: everything
  bool json = false;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Where documents of so many tokens end.
engine::PromptNotes notes_of(const BenchCacheOptions& options) {
  engine::PromptNotes notes;
  if (options.document_tokens == 0) return notes;
  for (int64_t n = options.document_tokens; n < options.n_tokens; n += options.document_tokens) {
    notes.marks.push_back(n);
  }
  return notes;
}

std::string logits_hash(const engine::Session& session) {
  return to_hex(Sha256().update(std::as_bytes(session.logits())).finish());
}

void go(engine::Engine& engine,
        engine::Session& session,
        std::span<const engine::TokenId> tokens,
        const engine::PromptNotes& notes) {
  session.set_goal(tokens, notes);
  engine::Session* const one = &session;
  while (!session.has_arrived()) engine.advance({&one, 1});
}

fs::path files_of(const fs::path& directory) {
  return directory / "files";
}

// Reads or drops every file of the cache.
void for_each_file(const fs::path& directory, const std::function<void(int fd)>& visit) {
  for (const auto& entry : fs::directory_iterator(files_of(directory))) {
    const int fd = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) throw CommandError("cannot read \"" + entry.path().string() + "\"");
    visit(fd);
    ::close(fd);
  }
}

void drop_pages(const fs::path& directory) {
  for_each_file(directory, [](int fd) {
    ::fdatasync(fd);
    ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  });
}

nlohmann::json read_plainly(const BenchCacheOptions& options) {
  int64_t bytes = 0;
  std::vector<char> buffer(size_t{8} << 20);
  const double seconds = seconds_of([&] {
    for_each_file(options.directory, [&](int fd) {
      for (ssize_t n = 0; (n = ::read(fd, buffer.data(), buffer.size())) > 0;) bytes += n;
    });
  });
  return {{"seconds", seconds}, {"bytes", bytes}};
}

nlohmann::json hit(const BenchCacheOptions& options) {
  const auto engine = engine::Engine::load(engine_options(options.model));
  const auto cache = open_cache(*engine, {}, options.directory);
  const auto tokens = random_tokens(options.n_tokens, engine->config().vocab_size);
  const auto session = engine->make_session(cache, "");
  engine::Reuse reuse;
  const double seconds = seconds_of([&] { reuse = session->set_goal(tokens); });
  return {{"seconds", seconds},
          {"tokens", reuse.n_tokens},
          {"from_disk", reuse.from_disk},
          {"logits", session->has_arrived() ? logits_hash(*session) : ""}};
}

// The same program with `--part`: what it prints.
nlohmann::json run_part(const BenchCacheOptions& options, const std::string& part) {
  drop_pages(options.directory);
  std::vector<std::string> words = {"widenet",
                                    "bench",
                                    "cache",
                                    "--part",
                                    part,
                                    "--tokens",
                                    std::to_string(options.n_tokens),
                                    "--directory",
                                    options.directory.string(),
                                    "--model",
                                    engine_options(options.model).model.string(),
                                    "--threads",
                                    std::to_string(options.model.threads)};
  if (!options.model.backend.empty()) {
    words.insert(words.end(), {"--backend", options.model.backend});
  }
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw CommandError("cannot measure the cache: no pipe");
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    ::execv("/proc/self/exe", arguments.data());
    ::_exit(127);
  }
  ::close(ends[1]);
  std::string output;
  std::array<char, 4096> buffer;
  for (ssize_t n = 0; (n = ::read(ends[0], buffer.data(), buffer.size())) > 0;) {
    output.append(buffer.data(), static_cast<size_t>(n));
  }
  ::close(ends[0]);
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child || status != 0) {
    throw CommandError("cannot measure the cache: the process for \"" + part + "\" failed");
  }
  return nlohmann::json::parse(output);
}

nlohmann::json measure(const BenchCacheOptions& options) {
  const auto engine = engine::Engine::load(engine_options(options.model));
  const auto tokens = random_tokens(options.n_tokens, engine->config().vocab_size);
  const engine::PromptNotes notes = notes_of(options);
  std::vector<double> cold;
  std::vector<double> saving;
  std::string expected;
  engine::PrefixCacheStatistics statistics;
  int64_t state_bytes = 0;
  for (int i = 0; i < options.cold_repeats; ++i) {
    for (const bool saves : {i % 2 == 0, i % 2 != 0}) {
      if (saves) fs::remove_all(options.directory);
      const auto cache =
          open_cache(*engine, {.disk_bytes = saves ? int64_t{1} << 40 : 0}, options.directory);
      const auto session = engine->make_session(cache, "");
      (saves ? saving : cold).push_back(seconds_of([&] { go(*engine, *session, tokens, notes); }));
      expected = logits_hash(*session);
      state_bytes = session->state_bytes();
      if (!saves) continue;
      cache->disk()->drain();
      statistics = cache->statistics();
    }
  }
  std::vector<double> hits;
  std::vector<double> raw;
  bool is_identical = true;
  int64_t raw_bytes = 0;
  for (int i = 0; i < options.repeats; ++i) {
    const auto of_hit = run_part(options, "hit");
    hits.push_back(of_hit["seconds"]);
    is_identical =
        is_identical && of_hit["logits"] == expected && of_hit["from_disk"] == options.n_tokens;
    const auto of_raw = run_part(options, "raw");
    raw.push_back(of_raw["seconds"]);
    raw_bytes = of_raw["bytes"];
  }
  const engine::KvLayouts layouts(engine->config(), /*is_native=*/true);
  const auto row_bytes = layouts.pages.bytes(options.n_tokens);
  return {
      {"model", engine->name()},
      {"tokens", options.n_tokens},
      {"cold_seconds", median(cold)},
      {"saving_seconds", median(saving)},
      {"save_overhead", median(saving) / median(cold) - 1.0},
      {"hit_seconds", median(hits)},
      {"raw_read_seconds", median(raw)},
      {"identical", is_identical},
      {"bytes_per_token", static_cast<double>(state_bytes) / static_cast<double>(options.n_tokens)},
      {"row_bytes", row_bytes},
      {"bytes_read", raw_bytes},
      {"bytes_written", statistics.saves.bytes_written},
      {"written_to_rows", static_cast<double>(statistics.saves.bytes_written) /
                              static_cast<double>(std::max<int64_t>(row_bytes, 1))},
      {"n_skipped", statistics.saves.n_skipped}};
}

void print(const nlohmann::json& result) {
  std::printf("%s, %lld tokens\n", result["model"].get<std::string>().c_str(),
              result["tokens"].get<long long>());
  std::printf("  cold %.2f s, with saving %.2f s (%+.1f%%)\n", result["cold_seconds"].get<double>(),
              result["saving_seconds"].get<double>(), 1e2 * result["save_overhead"].get<double>());
  std::printf(
      "  from disk %.3f s (%s), the same files plainly read %.3f s\n",
      result["hit_seconds"].get<double>(),
      result["identical"].get<bool>() ? "the same logits, bit for bit" : "NOT the same logits",
      result["raw_read_seconds"].get<double>());
  std::printf("  %.1f MB written, %.2f times the rows\n",
              1e-6 * result["bytes_written"].get<double>(),
              result["written_to_rows"].get<double>());
}

void run(BenchCacheOptions options) {
  if (!options.part.empty()) {
    std::printf("%s\n", (options.part == "hit" ? hit : read_plainly)(options).dump().c_str());
    return;
  }
  const bool is_ours = options.directory.empty();
  if (is_ours) {
    std::string name = (fs::temp_directory_path() / "widenet-bench-cache-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw CommandError("cannot create \"" + name + "\"");
    options.directory = name;
  } else if (fs::exists(options.directory)) {
    throw CommandError("cannot measure in \"" + options.directory.string() +
                       "\": it is there already (name a new directory)");
  }
  const auto result = measure(options);
  fs::remove_all(options.directory);
  if (options.json) {
    std::printf("%s\n", result.dump(2).c_str());
  } else {
    print(result);
  }
}

}  // namespace

void add_bench_cache(CLI::App& bench) {
  const auto options = std::make_shared<BenchCacheOptions>();
  CLI::App* verb = bench.add_subcommand("cache", "A prompt from disk, beside reading it cold");
  verb->add_option("--tokens", options->n_tokens, "Length of the prompt")
      ->check(CLI::Range(256, 1 << 20))
      ->capture_default_str();
  verb->add_option("--repeats", options->repeats, "How often it is taken from disk")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  verb->add_option("--cold-repeats", options->cold_repeats, "How often it is read cold")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  verb->add_option("--document-tokens", options->document_tokens,
                   "As if documents of so many tokens made up the prompt");
  verb->add_option("--directory", options->directory,
                   "Where to keep the files meanwhile (default: a temporary one)");
  verb->add_option("--part", options->part, "What a process of this benchmark does")
      ->check(CLI::IsMember({"hit", "raw"}))
      ->group("");
  verb->add_flag("--json", options->json, "Print JSON");
  add_model_options(*verb, options->model);
  verb->callback([options] { run(*options); });
}

}  // namespace widenet::cli

// Engine::load: a model directory becomes a model ready to run.
#include "engine/engine.h"

#include <sys/stat.h>

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/hash.h"
#include "engine/cache_files.h"
#include "engine/checkpoint.h"
#include "engine/inventory.h"
#include "engine/model.h"
#include "engine/session.h"
#include "engine/weights.h"

namespace widenet::engine {
namespace {

std::filesystem::path normal_form(const std::filesystem::path& path) {
  const auto absolute = std::filesystem::absolute(path).lexically_normal();
  return absolute.has_filename() ? absolute : absolute.parent_path();
}

const kernels::Backend& choose_backend(const std::string& wanted) {
  const char* from_environment = std::getenv("WN_BACKEND");
  const std::string name =
      wanted.empty() && from_environment != nullptr ? from_environment : wanted;
  if (name.empty()) return kernels::default_backend();
  if (const kernels::Backend* backend = kernels::find_backend(name)) return *backend;
  std::string names;
  for (const kernels::Backend* backend : kernels::available_backends()) {
    names += (names.empty() ? "" : ", ") + std::string(backend->name);
  }
  throw EngineError("cannot use backend \"" + name + "\": this machine has " + names);
}

int choose_threads(int wanted) {
  if (wanted > 0) return wanted;
  const unsigned n = std::thread::hardware_concurrency();
  return n == 0 ? 1 : static_cast<int>(n);
}

// What the kernels ask of a config beyond what config.json must satisfy by itself.
void check_runnable(const ModelConfig& c, Numerics numerics) {
  const auto refuse = [](const std::string& why) {
    throw EngineError("cannot run the model: " + why);
  };
  const bool has_compressor = c.compress_rope_theta > 0;
  for (int64_t layer = 0; layer < c.n_layers; ++layer) {
    if (c.ratio(layer) != 0 && !has_compressor) refuse("compress_rope_theta is missing");
    if (kBlockTokens % std::max<int64_t>(c.ratio(layer), 1) != 0) {
      refuse("layer " + std::to_string(layer) + " compresses by " + std::to_string(c.ratio(layer)) +
             "; this program runs powers of two up to " + std::to_string(kBlockTokens));
    }
    if (!c.has_indexer(layer)) continue;
    if (c.index_head_dim < c.rope_dim) refuse("index_head_dim is smaller than qk_rope_head_dim");
    const bool is_power = (c.index_head_dim & (c.index_head_dim - 1)) == 0;
    if (numerics == Numerics::native && (!is_power || c.index_head_dim % 32 != 0)) {
      refuse("index_head_dim is " + std::to_string(c.index_head_dim) +
             "; native numerics need a power of two of at least 32");
    }
  }
}

// Sines and powers are the C library's: another one, or another processor, may round differently.
std::string hash_of_functions() {
  std::vector<double> values;
  for (int i = 0; i < 2000; ++i) {
    const double x = 0.731 * i;
    values.insert(values.end(),
                  {std::sin(x), std::cos(x), std::pow(160000.0, -x / 1500.0),
                   static_cast<double>(std::exp(static_cast<float>(-x / 40.0))), std::log1p(x)});
  }
  return to_hex(Sha256().update(std::as_bytes(std::span(values))).finish());
}

WeightFile identify_file(const std::filesystem::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) {
    throw FileError("cannot inspect \"" + file.string() + "\": " + std::strerror(errno), errno);
  }
  return {.device = static_cast<int64_t>(status.st_dev),
          .inode = static_cast<int64_t>(status.st_ino),
          .size = status.st_size,
          .mtime_ns = int64_t{1'000'000'000} * status.st_mtim.tv_sec + status.st_mtim.tv_nsec};
}

// Of a file's content; `remembered`, if there, may know it from another time.
Sha256::Digest hash_of_weights(const std::filesystem::path& file, CacheFiles* remembered) {
  const WeightFile identity = identify_file(file);
  if (remembered != nullptr) {
    if (const auto known = remembered->find_weight_hash(identity)) return *known;
  }
  const auto hash = Sha256().update(MappedFile::open(file).bytes()).finish();
  if (remembered != nullptr) remembered->remember_weight_hash(identity, hash);
  return hash;
}

class LoadedEngine final : public Engine {
 public:
  explicit LoadedEngine(const EngineOptions& options)
      : directory_(normal_form(options.model)),
        numerics_(options.numerics),
        backend_(options.operations != nullptr ? *options.operations
                                               : choose_backend(options.backend)),
        config_(load_model_config(directory_)),
        checkpoint_(Checkpoint::open(directory_)),
        pool_(choose_threads(options.threads)) {
    drop_missing_dspark(checkpoint_, config_);
    validate_inventory(config_, checkpoint_);
    check_runnable(config_, numerics_);
    weights_ = resolve_weights(config_, checkpoint_);
    model_.emplace(config_, weights_, ModelOptions{numerics_, &backend_, &pool_});
    const auto tokenizer_json = directory_ / "tokenizer.json";
    if (std::filesystem::exists(tokenizer_json)) tokenizer_ = Tokenizer::load(tokenizer_json);
  }

  const ModelConfig& config() const override { return config_; }

  const Tokenizer& tokenizer() const override {
    if (!tokenizer_.has_value()) {
      throw EngineError("cannot turn text into tokens: there is no \"" +
                        (directory_ / "tokenizer.json").string() + "\"");
    }
    return *tokenizer_;
  }

  const std::string& fingerprint() const override { return fingerprint(nullptr); }

  std::string name() const override { return directory_.filename().string(); }
  std::string backend_name() const override { return backend_.name; }
  int n_threads() const override { return pool_.n_threads(); }
  Numerics numerics() const override { return numerics_; }
  int64_t n_tokens_max() const override { return config_.positions_max; }

  std::shared_ptr<PrefixCache> make_cache(const PrefixCacheOptions& options) const override {
    std::unique_ptr<DiskPrefixes> disk;
    std::string identity;
    if (!options.directory.empty() && numerics_ == Numerics::native) {
      auto opened = DiskPrefixes::open(options.directory, options.disk_bytes, config_,
                                       model_->layouts(), options.on_trouble);
      if (opened) {
        disk = *std::move(opened);
        identity = "format 1, arithmetic " + std::string(backend_.name) + " " +
                   std::to_string(kernels::kArithmeticRevision) + " " + hash_of_functions() + ", " +
                   fingerprint(&disk->files());
      } else if (options.on_trouble) {
        options.on_trouble(opened.error());
      }
    }
    return std::make_shared<PrefixCache>(model_->layouts(), std::move(identity), options.ram_bytes,
                                         std::move(disk));
  }

  std::unique_ptr<Session> make_session(std::shared_ptr<PrefixCache> cache,
                                        std::string_view scope) override {
    if (cache == nullptr) cache = make_cache({});
    return std::make_unique<ModelSession>(config_, *model_, std::move(cache), scope);
  }

  void advance(std::span<Session* const> sessions) override {
    std::vector<Model::Step> steps;
    for (Session* session : sessions) {
      steps.push_back(dynamic_cast<ModelSession&>(*session).begin_step());
    }
    const auto logits = model_->forward(steps);
    int64_t row = 0;
    for (Session* session : sessions) {
      auto& mine = dynamic_cast<ModelSession&>(*session);
      const int64_t n_rows = mine.n_logits_expected();
      mine.end_step(logits.slice(row, n_rows));
      row += n_rows;
    }
  }

  bool can_draft() const override {
    return weights_.mtp.has_value() || weights_.dspark.has_value();
  }

  void draft(std::span<Draft> drafts) override {
    std::vector<Model::Draft> wanted;
    for (const Draft& draft : drafts) {
      auto& session = dynamic_cast<ModelSession&>(*draft.session);
      wanted.push_back({&session.state(), draft.next, draft.n_wanted, {}});
    }
    model_->draft(wanted);
    for (size_t i = 0; i < drafts.size(); ++i) drafts[i].tokens = std::move(wanted[i].tokens);
  }

 private:
  const std::string& fingerprint(CacheFiles* remembered) const {
    std::call_once(fingerprint_once_, [&] {
      Sha256 hash;
      hash.update(numerics_ == Numerics::native ? "native\n" : "exact\n");
      hash.update(MappedFile::open(directory_ / "config.json").bytes());
      for (const auto& file : checkpoint_.files()) {
        const Sha256::Digest of_file = hash_of_weights(file, remembered);
        hash.update(std::as_bytes(std::span(of_file)));
      }
      fingerprint_ = to_hex(hash.finish());
    });
    return fingerprint_;
  }

  std::filesystem::path directory_;
  Numerics numerics_;
  const kernels::Backend& backend_;
  ModelConfig config_;
  Checkpoint checkpoint_;
  kernels::ThreadPool pool_;
  ModelWeights weights_;
  std::optional<Model> model_;
  std::optional<Tokenizer> tokenizer_;
  mutable std::once_flag fingerprint_once_;
  mutable std::string fingerprint_;
};

}  // namespace

std::unique_ptr<Engine> Engine::load(const EngineOptions& options) {
  return std::make_unique<LoadedEngine>(options);
}

}  // namespace widenet::engine

// A safetensors file is
//
//   u64 little-endian   n, the size of the header in bytes
//   n bytes             JSON: {"NAME": {"dtype": "BF16", "shape": [..], "data_offsets": [begin,
//   end]},
//                       ..., "__metadata__": {string: string}}
//   the rest            the data; offsets count from its first byte
//
// The header is read as a stream of events, because V4-Flash's has 69,187 entries, and every number
// in it is checked against the file before it is used.
#include "engine/checkpoint.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_map>

namespace widenet::engine {
namespace {

using Json = nlohmann::json;
using ShardOf = std::unordered_map<std::string, std::string>;  // tensor -> shard, of an index

constexpr uint64_t kHeaderBytesMax = 100'000'000;  // the limit of the format's own library
constexpr size_t kIndexBytesMax = 100'000'000;
constexpr size_t kRankMax = 8;
constexpr uint64_t kInt64Max = std::numeric_limits<int64_t>::max();

struct DTypeInfo {
  std::string_view name;
  int64_t bytes;
};

// In the order of the enumerators.
constexpr std::array<DTypeInfo, 16> kDTypes = {{{"BOOL", 1},
                                                {"U8", 1},
                                                {"I8", 1},
                                                {"F8_E4M3", 1},
                                                {"F8_E5M2", 1},
                                                {"F8_E8M0", 1},
                                                {"I16", 2},
                                                {"U16", 2},
                                                {"F16", 2},
                                                {"BF16", 2},
                                                {"I32", 4},
                                                {"U32", 4},
                                                {"F32", 4},
                                                {"I64", 8},
                                                {"U64", 8},
                                                {"F64", 8}}};

// A name as it may appear in a message: bounded, and without control characters.
std::string in_quotes(std::string_view name) {
  std::string text = "\"";
  for (const char c : name.substr(0, 200)) {
    text += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  }
  return text + (name.size() > 200 ? "...\"" : "\"");
}

std::string shown(std::span<const int64_t> shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

struct Entry {
  std::string name;
  std::string dtype;
  std::vector<uint64_t> shape;
  std::vector<uint64_t> offsets;
  bool has_dtype = false, has_shape = false, has_offsets = false;
};

// Collects the entries of a header; refuses whatever a header does not have.
class HeaderEvents : public nlohmann::json_sax<Json> {
 public:
  std::vector<Entry> take_entries() { return std::move(entries_); }
  const std::string& problem() const { return problem_; }

  bool null() override { return unexpected("null"); }
  bool boolean(bool) override { return unexpected("a boolean"); }
  bool number_float(double, const std::string&) override { return unexpected("a fraction"); }
  bool number_integer(int64_t) override { return unexpected("a negative number"); }
  bool binary(Json::binary_t&) override { return unexpected("binary data"); }

  bool number_unsigned(uint64_t value) override {
    if (list_ == nullptr) return unexpected("a number");
    if (list_->size() == kRankMax) return refuse("has more than 8 numbers in " + key_);
    list_->push_back(value);
    return true;
  }

  bool string(std::string& value) override {
    if (depth_ == 2 && in_metadata_) return true;
    if (depth_ != 2 || key_ != "dtype" || list_ != nullptr) return unexpected("a string");
    entries_.back().dtype = value.substr(0, 32);
    return true;
  }

  bool start_object(size_t) override {
    if (depth_ > 1 || list_ != nullptr) return unexpected("an object");
    if (depth_ == 1) {
      in_metadata_ = key_ == "__metadata__";
      if (!in_metadata_) {
        entries_.emplace_back();
        entries_.back().name = key_;
      }
    }
    ++depth_;
    return true;
  }

  bool end_object() override {
    if (depth_-- != 2 || in_metadata_) return true;
    const Entry& entry = entries_.back();
    if (!entry.has_dtype) return refuse("has no dtype");
    if (!entry.has_shape) return refuse("has no shape");
    if (!entry.has_offsets || entry.offsets.size() != 2) return refuse("has no two data_offsets");
    return true;
  }

  bool key(std::string& value) override {
    key_ = value;
    if (depth_ != 2 || in_metadata_) return true;
    Entry& entry = entries_.back();
    bool* seen = value == "dtype"          ? &entry.has_dtype
                 : value == "shape"        ? &entry.has_shape
                 : value == "data_offsets" ? &entry.has_offsets
                                           : nullptr;
    if (seen == nullptr) return refuse("has the unknown key " + in_quotes(value));
    if (*seen) return refuse("has two of " + value);
    *seen = true;
    return true;
  }

  bool start_array(size_t) override {
    if (depth_ != 2 || in_metadata_ || list_ != nullptr || key_ == "dtype") {
      return unexpected("a list");
    }
    Entry& entry = entries_.back();
    list_ = key_ == "shape" ? &entry.shape : &entry.offsets;
    return true;
  }

  bool end_array() override {
    list_ = nullptr;
    return true;
  }

  bool parse_error(size_t position, const std::string&, const Json::exception&) override {
    problem_ = "the header is not JSON (at its byte " + std::to_string(position) + ")" + place();
    return false;
  }

 private:
  std::string place() const {
    if (entries_.empty()) return "";
    return (depth_ == 2 ? ", in tensor " : ", after tensor ") + in_quotes(entries_.back().name);
  }
  bool refuse(const std::string& what) {
    problem_ = "tensor " + in_quotes(entries_.back().name) + " " + what;
    return false;
  }
  bool unexpected(const std::string& what) {
    problem_ = "the header has " + what + " where none belongs" + place();
    return false;
  }

  std::vector<Entry> entries_;
  std::string problem_;
  std::string key_;
  std::vector<uint64_t>* list_ = nullptr;  // the list being read
  int depth_ = 0;                          // of objects: 1 the header, 2 an entry
  bool in_metadata_ = false;
};

// A file under suspicion: what it is called in messages, and its parts.
struct File {
  std::string shown_name;
  std::span<const std::byte> bytes;

  [[noreturn]] void refuse(const std::string& why) const {
    throw ModelError("cannot read " + shown_name + ": " + why);
  }
};

std::string_view header_of(const File& file) {
  uint64_t size = 0;
  if (file.bytes.size() < sizeof size) {
    file.refuse("it has " + std::to_string(file.bytes.size()) +
                " bytes, too few for a safetensors file (incomplete download?)");
  }
  std::memcpy(&size, file.bytes.data(), sizeof size);
  if (size > kHeaderBytesMax) {
    file.refuse("its header claims " + std::to_string(size) +
                " bytes, more than any has; this is not a safetensors file");
  }
  if (size > file.bytes.size() - sizeof size) {
    file.refuse("its header claims " + std::to_string(size) + " bytes but the file has only " +
                std::to_string(file.bytes.size()) + " (incomplete download?)");
  }
  return {reinterpret_cast<const char*>(file.bytes.data()) + sizeof size,
          static_cast<size_t>(size)};
}

DType dtype_of(const File& file, const Entry& entry) {
  for (size_t i = 0; i < kDTypes.size(); ++i) {
    if (kDTypes[i].name == entry.dtype) return static_cast<DType>(i);
  }
  file.refuse("tensor " + in_quotes(entry.name) + " has the unknown dtype " +
              in_quotes(entry.dtype));
}

// The bytes that dtype and shape call for; nothing if more than an int64_t counts.
std::optional<uint64_t> bytes_wanted(const Entry& entry, DType dtype) {
  auto total = static_cast<uint64_t>(bytes_per_element(dtype));
  for (const uint64_t extent : entry.shape) {
    if (extent != 0 && total > kInt64Max / extent) return {};
    total *= extent;
  }
  return total;
}

TensorView view_of(const File& file, const Entry& entry, std::span<const std::byte> data) {
  TensorView view;
  view.dtype = dtype_of(file, entry);
  const uint64_t begin = entry.offsets[0];
  const uint64_t end = entry.offsets[1];
  if (begin > end || end > data.size()) {
    file.refuse("tensor " + in_quotes(entry.name) + " lies at bytes " + std::to_string(begin) +
                " to " + std::to_string(end) + " of " + std::to_string(data.size()) +
                " bytes of data (incomplete download?)");
  }
  const std::optional<uint64_t> wanted = bytes_wanted(entry, view.dtype);
  for (const uint64_t extent : entry.shape) {
    // A zero beside it would hide an extent that does not fit.
    view.shape.push_back(static_cast<int64_t>(std::min(extent, kInt64Max)));
  }
  if (wanted != end - begin) {
    file.refuse("tensor " + in_quotes(entry.name) + " is " + entry.dtype + " " + shown(view.shape) +
                " but has " + std::to_string(end - begin) + " bytes");
  }
  view.bytes = data.subspan(begin, end - begin);
  return view;
}

// No byte belongs to two tensors.
void check_overlaps(const File& file, const std::vector<Entry>& entries) {
  std::vector<const Entry*> by_offset;
  for (const Entry& entry : entries) {
    if (entry.offsets[0] != entry.offsets[1]) by_offset.push_back(&entry);
  }
  std::sort(by_offset.begin(), by_offset.end(),
            [](const Entry* a, const Entry* b) { return a->offsets[0] < b->offsets[0]; });
  for (size_t i = 1; i < by_offset.size(); ++i) {
    if (by_offset[i]->offsets[0] < by_offset[i - 1]->offsets[1]) {
      file.refuse("tensor " + in_quotes(by_offset[i]->name) + " overlaps tensor " +
                  in_quotes(by_offset[i - 1]->name));
    }
  }
}

std::vector<Entry> parse_header(const File& file, std::string_view header) {
  HeaderEvents events;
  if (!Json::sax_parse(header, &events)) file.refuse(events.problem());
  return events.take_entries();
}

ShardOf read_index(const std::filesystem::path& index) {
  const std::string where = "\"" + index.string() + "\"";
  ShardOf shard_of;
  try {
    const Json parsed = Json::parse(read_file(index, kIndexBytesMax));
    for (const auto& [tensor, shard] : parsed.at("weight_map").items()) {
      const auto name = shard.get<std::string>();
      // Only a plain name may be opened: an index is data, and must not reach other folders.
      if (name.empty() || name.find_first_of(std::string_view("/\\\0", 3)) != std::string::npos ||
          name == "." || name == "..") {
        throw ModelError("cannot read " + where + ": tensor " + in_quotes(tensor) +
                         " is in shard " + in_quotes(name) + ", which is not a plain file name");
      }
      shard_of.emplace(tensor, name);
    }
  } catch (const Json::exception& error) {
    throw ModelError("cannot parse " + where + ": " + error.what());
  }
  if (shard_of.empty()) throw ModelError("cannot use " + where + ": its weight_map is empty");
  return shard_of;
}

}  // namespace

int64_t bytes_per_element(DType dtype) {
  return kDTypes[static_cast<size_t>(dtype)].bytes;
}

std::string_view name_of(DType dtype) {
  return kDTypes[static_cast<size_t>(dtype)].name;
}

int64_t TensorView::n_elements() const {
  return static_cast<int64_t>(bytes.size()) / bytes_per_element(dtype);
}

Checkpoint Checkpoint::open_file(const std::filesystem::path& file) {
  Checkpoint checkpoint;
  checkpoint.add_file(file, {});
  return checkpoint;
}

Checkpoint Checkpoint::open(const std::filesystem::path& model_dir) {
  const auto single = model_dir / "model.safetensors";
  const auto index = model_dir / "model.safetensors.index.json";
  if (std::filesystem::exists(single)) return open_file(single);
  if (!std::filesystem::exists(index)) {
    throw ModelError("cannot load the model: \"" + model_dir.string() +
                     "\" has neither model.safetensors nor model.safetensors.index.json");
  }
  const ShardOf shard_of = read_index(index);
  std::map<std::string, std::vector<std::string>> tensors_of;
  for (const auto& [tensor, shard] : shard_of) tensors_of[shard].push_back(tensor);

  Checkpoint checkpoint;
  for (const auto& [shard, tensors] : tensors_of) {
    checkpoint.add_file(model_dir / shard, [&, &shard = shard](const std::string& tensor) {
      const auto it = shard_of.find(tensor);
      return it != shard_of.end() && it->second == shard;
    });
    for (const std::string& tensor : tensors) {
      if (checkpoint.find(tensor) == nullptr) {
        throw ModelError("cannot read \"" + (model_dir / shard).string() + "\": tensor " +
                         in_quotes(tensor) + " is not in it, though the index says so");
      }
    }
  }
  return checkpoint;
}

void Checkpoint::add_file(const std::filesystem::path& path,
                          const std::function<bool(const std::string&)>& is_wanted) {
  try {
    files_.push_back(MappedFile::open(path));
  } catch (const FileError& error) {
    throw ModelError(std::string("cannot load the model: ") + error.what());
  }
  paths_.push_back(path);
  const File file = {"\"" + path.string() + "\"", files_.back().bytes()};
  const std::string_view header = header_of(file);
  const auto data = file.bytes.subspan(sizeof(uint64_t) + header.size());
  const std::vector<Entry> entries = parse_header(file, header);
  for (const Entry& entry : entries) {
    TensorView view = view_of(file, entry, data);
    if (is_wanted && !is_wanted(entry.name)) continue;
    align(view);
    if (!tensors_.emplace(entry.name, std::move(view)).second) {
      file.refuse("tensor " + in_quotes(entry.name) + " is there twice");
    }
  }
  check_overlaps(file, entries);
}

// Writers that do not pad the header leave tensors at odd addresses.  Those are copied, which costs
// memory only for the kinds wider than a byte.
void Checkpoint::align(TensorView& view) {
  const auto address = reinterpret_cast<uintptr_t>(view.bytes.data());
  if (address % static_cast<uintptr_t>(bytes_per_element(view.dtype)) == 0) return;
  owned_.push_back(std::make_unique<std::byte[]>(view.bytes.size()));
  std::memcpy(owned_.back().get(), view.bytes.data(), view.bytes.size());
  view.bytes = {owned_.back().get(), view.bytes.size()};
}

std::span<std::byte> Checkpoint::add_tensor(const std::string& name,
                                            DType dtype,
                                            std::vector<int64_t> shape,
                                            int64_t n_bytes) {
  const auto size = static_cast<size_t>(n_bytes);
  owned_.push_back(std::make_unique_for_overwrite<std::byte[]>(size));
  const std::span<std::byte> memory(owned_.back().get(), size);
  tensors_.emplace(name, TensorView{dtype, std::move(shape), memory});
  return memory;
}

const TensorView* Checkpoint::find(std::string_view name) const {
  const auto it = tensors_.find(name);
  return it == tensors_.end() ? nullptr : &it->second;
}

const TensorView& Checkpoint::get(std::string_view name) const {
  const TensorView* view = find(name);
  if (view == nullptr) {
    throw ModelError("cannot load the model: tensor " + in_quotes(name) + " is missing from " +
                     in_quotes(paths_.front().parent_path().string()));
  }
  return *view;
}

const TensorView& Checkpoint::get(std::string_view name,
                                  DType dtype,
                                  std::initializer_list<int64_t> shape) const {
  const TensorView& view = get(name);
  const std::span<const int64_t> wanted(shape.begin(), shape.size());
  if (view.dtype != dtype || !std::ranges::equal(view.shape, wanted)) {
    throw ModelError("cannot load the model: tensor " + in_quotes(name) + " is " +
                     std::string(name_of(view.dtype)) + " " + shown(view.shape) + ", not " +
                     std::string(name_of(dtype)) + " " + shown(wanted));
  }
  return view;
}

int64_t Checkpoint::total_bytes() const {
  int64_t total = 0;
  for (const auto& [name, view] : tensors_) total += static_cast<int64_t>(view.bytes.size());
  return total;
}

}  // namespace widenet::engine

#include "ingest/fields.h"

namespace widenet::ingest {
namespace {

constexpr size_t kLongValueBytes = 400;  // a record with a longer value takes a line for each field
constexpr size_t kRecordBytesMax = 4000;  // and so does one with more text than this

CharRange write_row(const std::vector<Field>& fields, TextBuilder& out) {
  std::string row;
  const std::string* before = nullptr;
  for (const Field& field : fields) {
    const bool goes_on = before != nullptr && *before == field.path;
    if (!row.empty()) row += goes_on ? ", " : "; ";
    if (!goes_on && !field.path.empty()) row += field.path + ": ";
    row += field.value;
    before = &field.path;
  }
  const CharRange range = out.add(row);
  out.end_line();
  return range;
}

}  // namespace

CharRange write_line(const Field& field, TextBuilder& out) {
  const std::string name = field.path.empty() ? "" : field.path + ": ";
  const CharRange range = out.add(name + field.value);
  out.end_line();
  return range;
}

CharRange write_record(const std::vector<Field>& fields, TextBuilder& out) {
  size_t bytes = 0;
  bool long_value = false;
  for (const Field& field : fields) {
    bytes += field.path.size() + field.value.size();
    long_value = long_value || field.value.size() > kLongValueBytes ||
                 field.value.find('\n') != std::string::npos;
  }
  if (!long_value && bytes <= kRecordBytesMax) return write_row(fields, out);
  CharRange all;
  for (size_t i = 0; i < fields.size(); ++i) {
    const CharRange line = write_line(fields[i], out);
    if (i == 0) all.start_char = line.start_char;
    all.end_char = line.end_char;
  }
  out.end_paragraph();
  return all;
}

}  // namespace widenet::ingest

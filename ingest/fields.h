// Named values as lines of text: how records and settings of JSON and XML read.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ingest/text.h"

namespace widenet::ingest {

struct Field {
  std::string path;  // "customer.address.city"; may be empty
  std::string value;
};

// "path: value" on a line of its own; returns where it went.
CharRange write_line(const Field& field, TextBuilder& out);

// A record on one line, "name: value; name: value"; those of one name that follow each other
// together, "tags: a, b".  A long one takes a line for each field.  Returns where it went.
CharRange write_record(const std::vector<Field>& fields, TextBuilder& out);

}  // namespace widenet::ingest

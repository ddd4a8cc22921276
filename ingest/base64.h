// Base64 (RFC 4648, with padding), for bytes that travel in JSON.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace widenet::ingest {

std::string to_base64(std::string_view bytes);

// Nothing for anything but what to_base64 writes.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace widenet::ingest

// Results as a terminal shows them.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace widenet::eval {

// Of an evaluation's kind ("niah", "qa") and results; JSON for a kind that has no table.
std::string format_results(std::string_view kind, const nlohmann::json& results);

}  // namespace widenet::eval

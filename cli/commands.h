// The verbs: each registers its options on the application and runs when it was named.
#pragma once

#include <CLI/CLI.hpp>

namespace widenet::cli {

// Runs `program`, turning what it throws into the exit codes and the one line on stderr that
// every verb shares: 0 success, 1 failure, 2 wrong usage.
int run_main(CLI::App& app, int argc, char** argv);

}  // namespace widenet::cli

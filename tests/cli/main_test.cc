// What every verb shares: exit codes, one line on stderr, and help.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/cli/program.h"

namespace widenet::testing {
namespace {

TEST(MainTest, HelpSucceedsAndNamesTheProgram) {
  const ScratchDirectory directory;
  const Outcome outcome = run_program("widenet", {"--help"}, directory.path());
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_NE(outcome.out.find("widenet"), std::string::npos);
  EXPECT_EQ(outcome.err, "");
}

TEST(MainTest, WrongUsageIsTwoWithOneLineOnStderr) {
  const ScratchDirectory directory;
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{}, {"no-such-verb"}, {"--no-such-option"}}) {
    const Outcome outcome = run_program("widenet", arguments, directory.path());
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(outcome.err.rfind("widenet: ", 0), 0U) << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  }
}

}  // namespace
}  // namespace widenet::testing

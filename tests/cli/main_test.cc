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

TEST(MainTest, ConfigurationThatCannotBeUsedIsRefusedBeforeAnythingIsOpened) {
  const ScratchDirectory directory;
  for (const char* text :
       {"prot = 8080",
        "port = 99999",
        "port = -1",
        "port = \"8080\"",
        "port = [",
        "host = 7",
        "allowed_hosts = [3]",
        "allowed_hosts = \"papers\"",
        "key = 3",
        "[key]",
        "[[key]]\nname = \"a\"",
        "[[key]]\nsha256 = \"DIGEST\"",
        "[[key]]\nname = \"a\"\nsha256 = \"abc\"",
        "[[key]]\nname = \"\"\nsha256 = \"DIGEST\"",
        "[[key]]\nname = \"a\"\nsha256 = \"DIGEST\"\nmay = \"delete\"",
        "[[key]]\nname = \"a\"\nsha256 = \"DIGEST\"\ntenant = \"a/b\"",
        "[[key]]\nname = \"a\"\nsha256 = \"DIGEST\"\ngroups = \"sales\"",
        "[[key]]\nname = \"a\"\nsha256 = \"DIGEST\"\ncollections = []",
        "[[key]]\nname = \"a\"\nsha256 = \"DIGEST\"\nrights = \"all\"",
        "[[key]]\nname = \"a\"\nsha256 = \"DIGEST\"\n[[key]]\nname = \"b\"\nsha256 = \"DIGEST\""}) {
    std::string config = text;
    for (size_t at; (at = config.find("DIGEST")) != std::string::npos;) {
      config.replace(at, 6, std::string(64, 'a'));
    }
    directory.write("widenet.toml", config);
    const Outcome outcome =
        run_program("widenet", {"serve", "--config", "widenet.toml"}, directory.path());
    EXPECT_EQ(outcome.exit_code, 1) << text;
    EXPECT_NE(outcome.err.find("widenet.toml"), std::string::npos) << text << ": " << outcome.err;
    EXPECT_FALSE(std::filesystem::exists(directory.path() / "widenet-data")) << text;
  }
}

}  // namespace
}  // namespace widenet::testing

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "command.hpp"
#include "stack_view.hpp"

namespace stormlog::cli {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

// What the command below was given.
struct Given {
  int runs = 0;
  bool json = false;
  bool wipe = false;
  std::int64_t lines = 100;
  std::optional<Nanoseconds> wait;
  std::optional<std::uint64_t> seed;
  std::string format = "text";
  std::vector<std::string> only;
  std::string name;
  std::vector<std::string> words;
  document::Variables variables;
  std::string stack_file;
};

class Probe final : public Command {
 public:
  explicit Probe(Given* given) : given_(given) {}
  std::string name() const override { return "probe"; }
  std::string summary() const override { return "For tests"; }
  void define(Arguments& arguments) override {
    arguments.flag("-w,--wipe", &given_->wipe, "Wipe");
    arguments.option("-n,--lines", &given_->lines, 1, 1000, "Lines");
    arguments.option("--wait", &given_->wait, "Wait");
    arguments.option("--seed", &given_->seed, "N", "Seed");
    arguments.option("--only", &given_->only, "NAME", true, "Only");
    arguments.choice("--format", &given_->format, {"text", "html"}, "Format");
    arguments.positional("name", &given_->name, true, "Name");
    arguments.positionals("words", &given_->words, 0, "Words");
  }
  int run(const Context& context) override {
    ++given_->runs;
    given_->json = context.json;
    given_->variables = context.variables;
    given_->stack_file = context.stack_file;
    return 7;
  }

 private:
  Given* given_;
};

class ArgumentsTest : public testing::Test {
 protected:
  int run(std::vector<const char*> words) {
    std::vector<std::unique_ptr<Command>> commands;
    commands.push_back(std::make_unique<Probe>(&given_));
    words.insert(words.begin(), "stormlog");
    out_.str({});
    err_.str({});
    return run_main(static_cast<int>(words.size()), words.data(), commands, out_, err_);
  }

  Given given_;
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(ArgumentsTest, EachKindIsReadAndTheExitCodeIsTheCommands) {
  EXPECT_EQ(run({"probe", "kafka", "a=1", "b=2", "-w", "-n", "5", "--wait", "1m30s", "--seed",
                 "18446744073709551615", "--only", "x,y", "--only", "z", "--format", "html"}),
            7);
  EXPECT_TRUE(given_.wipe);
  EXPECT_EQ(given_.lines, 5);
  EXPECT_EQ(given_.wait, 90s);
  EXPECT_EQ(given_.seed, 18446744073709551615U);
  EXPECT_THAT(given_.only, ElementsAre("x", "y", "z"));
  EXPECT_EQ(given_.format, "html");
  EXPECT_EQ(given_.name, "kafka");
  EXPECT_THAT(given_.words, ElementsAre("a=1", "b=2"));
}

TEST_F(ArgumentsTest, WhatAllCommandsShareMayStandOnEitherSide) {
  EXPECT_EQ(run({"--json", "--stack", "s.yaml", "probe", "x", "--var", "a=1", "--var", "b=x=y"}),
            7);
  EXPECT_TRUE(given_.json);
  EXPECT_EQ(given_.stack_file, "s.yaml");
  EXPECT_THAT(given_.variables, ElementsAre(std::pair("a", "1"), std::pair("b", "x=y")));
}

TEST_F(ArgumentsTest, AWordMayBeNamedLikeACommand) {
  EXPECT_EQ(run({"probe", "probe", "probe"}), 7);
  EXPECT_EQ(given_.name, "probe");
  EXPECT_EQ(given_.runs, 1);
}

TEST_F(ArgumentsTest, MistakesAreUsageErrorsThatSayWhatIsRight) {
  const std::pair<std::vector<const char*>, const char*> cases[] = {
      {{"prob"}, "unknown command \"prob\" (did you mean \"probe\"?)"},
      {{"probe", "x", "--wpie"}, "unknown option --wpie (did you mean --wipe?)"},
      {{"probe"}, "name is required"},
      {{"probe", "x", "-n", "0"}, "must be 1 to 1000"},
      {{"probe", "x", "-n", "many"}, "--lines"},
      {{"probe", "x", "--wait", "30"}, "--wait"},
      {{"probe", "x", "--seed", "-1"}, "not a whole number"},
      {{"probe", "x", "--format", "htm"}, "did you mean \"html\""},
      {{"probe", "x", "--var", "novalue"}, "must be name=value"},
  };
  for (const auto& [words, expected] : cases) {
    EXPECT_EQ(run(words), kUsage) << expected;
    EXPECT_THAT(err_.str(), HasSubstr(expected));
  }
  EXPECT_EQ(given_.runs, 0);
}

TEST_F(ArgumentsTest, HelpAndVersionAreNoErrors) {
  EXPECT_EQ(run({"--help"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("probe"));
  EXPECT_EQ(run({"probe", "--help"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("--lines"));
  EXPECT_EQ(run({"--version"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("stormlog "));
  EXPECT_EQ(run({}), kUsage);
  EXPECT_EQ(given_.runs, 0);
}

TEST(Context, ErrorsAreJsonWhereJsonIsAskedFor) {
  std::ostringstream out;
  std::ostringstream err;
  Context context{out, err};
  EXPECT_EQ(context.fail(Error::permanent("broken", "E1"), 3), 3);
  EXPECT_EQ(err.str(), "error: broken\n");
  EXPECT_EQ(out.str(), "");
  context.json = true;
  EXPECT_EQ(context.fail(Error::permanent("broken", "E1")), kFailed);
  EXPECT_EQ(nlohmann::json::parse(out.str()).at("error"), "broken");
}

TEST(Context, ColourOnlyWhereItIsOn) {
  std::ostringstream out;
  Context context{out, out};
  EXPECT_EQ(context.paint("red", "x"), "x");
  context.colour = true;
  EXPECT_EQ(context.paint("red", "x"), "\x1b[31mx\x1b[0m");
}

TEST(HumanTime, IsShort) {
  EXPECT_EQ(human_time(3'456ms), "3.4 s");
  EXPECT_EQ(human_time(120s), "2 min");
  EXPECT_EQ(human_time(312min), "5 h 12 min");
  EXPECT_EQ(human_time(72h), "3 d");
}

}  // namespace
}  // namespace stormlog::cli

#include "common/base/options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "common/base/version.hpp"

namespace stormlog {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

struct Config {
  std::string listen = "127.0.0.1:8080";
  std::string password;
  std::string level = "info";
  bool verbose = false;
  std::int64_t threads = 4;
  double ratio = 0.5;
  milliseconds idle{60'000};
  std::uint64_t body = 10 * 1024 * 1024;

  bool operator==(const Config&) const = default;
};

class OptionsTest : public ::testing::Test {
 protected:
  OptionsTest() {
    table_.add("listen", &config_.listen, "HOST:PORT", "Address to listen on.");
    table_.add("password", &config_.password, "TEXT", "Password of the store.").secret = true;
    table_.add_choice("level", &config_.level, {"debug", "info", "warn"}, "Least level to log.");
    table_.add("verbose", &config_.verbose, "Says more.");
    table_.add("threads", &config_.threads, {1, 64}, "Worker threads | memory.");
    table_.add("ratio", &config_.ratio, {0.0, 1.0}, "A share.");
    table_.add("idle-timeout", &config_.idle, {milliseconds(1), seconds(3600)},
               "Closes idle connections.");
    table_.add_bytes("max-body", &config_.body, {1, 1ULL << 30}, "Longest body.");
  }
  ~OptionsTest() override {
    if (!file_.empty()) std::filesystem::remove(file_);
  }

  // The one file of a test, with new content.
  std::string file(const std::string& content) {
    if (file_.empty()) {
      std::string pattern = std::filesystem::temp_directory_path() / "stormlog-options-XXXXXX";
      const int fd = ::mkstemp(pattern.data());
      EXPECT_GE(fd, 0);
      ::close(fd);
      file_ = pattern;
    }
    std::ofstream(file_) << content;
    return file_;
  }

  std::optional<int> parse(std::vector<const char*> args) {
    args.insert(args.begin(), "demo");
    out_.str("");
    err_.str("");
    return table_.parse(static_cast<int>(args.size()), args.data(), out_, err_);
  }

  // The error of one file line, without the path.
  std::string file_error(const std::string& content) {
    const auto result = table_.apply(file(content), {}, {});
    EXPECT_FALSE(result.ok());
    if (result.ok()) return {};
    EXPECT_EQ(result.error().message.find(file_), 0U) << result.error().message;
    return result.error().message.substr(file_.size());
  }

  Config config_;
  OptionTable table_{"demo", "STORMTEST_", "Shows options."};
  std::ostringstream out_;
  std::ostringstream err_;
  std::string file_;
};

TEST_F(OptionsTest, LaterSourcesWin) {
  const std::string path = file("threads: 8\nratio: 0.25\nidle-timeout: 2s\nmax-body: 1MB\n");
  ASSERT_TRUE(table_
                  .apply(path, {"STORMTEST_RATIO=0.75", "STORMTEST_IDLE_TIMEOUT=3s", "OTHER=1"},
                         {{"idle-timeout", "4s"}})
                  .ok());
  EXPECT_EQ(config_.listen, "127.0.0.1:8080");
  EXPECT_EQ(config_.threads, 8);
  EXPECT_EQ(config_.ratio, 0.75);
  EXPECT_EQ(config_.idle, seconds(4));
  EXPECT_EQ(config_.body, 1'000'000U);
}

TEST_F(OptionsTest, ErrorChangesNothing) {
  const Config before = config_;
  const std::string path = file("threads: 8\n");
  EXPECT_FALSE(table_.apply(path, {"STORMTEST_RATIO=0.75"}, {{"threads", "65"}}).ok());
  EXPECT_EQ(config_, before);
}

TEST_F(OptionsTest, FileErrorsNameLineAndRemedy) {
  EXPECT_EQ(file_error("threads: 2\nthraeds: 8\n"),
            ":2: unknown key \"thraeds\" (did you mean \"threads\"?)");
  EXPECT_EQ(file_error("# a\n\nthreads: 99\n"), ":3: threads: 99 is out of bounds: write 1 to 64");
  EXPECT_EQ(file_error("threads: 2\nthreads: 3\n"), ":2: \"threads\" is given twice");
  EXPECT_THAT(file_error("idle-timeout: 10\n"), HasSubstr(":1: idle-timeout: bad duration \"10\""));
  EXPECT_THAT(file_error("listen:\n  - a\n"), HasSubstr("needs one value of type HOST:PORT"));
  EXPECT_THAT(file_error("- a\n- b\n"), HasSubstr("expected lines such as"));
  EXPECT_THAT(file_error("threads: 1\nlevel: [\n"), ::testing::StartsWith(":"));
  EXPECT_THAT(file_error("level: inof\n"), HasSubstr("did you mean \"info\"?"));
}

TEST_F(OptionsTest, EmptyAndMissingFiles) {
  EXPECT_TRUE(table_.apply(file("# nothing\n"), {}, {}).ok());
  const auto missing = table_.apply("/nonexistent/x.yaml", {}, {});
  ASSERT_FALSE(missing.ok());
  EXPECT_THAT(missing.error().message, HasSubstr("/nonexistent/x.yaml: cannot open"));
}

TEST_F(OptionsTest, UnknownVariableOfThePrefixIsRefused) {
  const auto result = table_.apply("", {"STORMTEST_THREAD=1"}, {});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message,
            "environment: unknown variable STORMTEST_THREAD (did you mean "
            "\"STORMTEST_THREADS\"?)");
  EXPECT_TRUE(table_.apply("", {"STORMTESTING=1", "STORM=2"}, {}).ok());
}

TEST_F(OptionsTest, ValuesAreCheckedByType) {
  for (const auto& [name, text] : std::vector<std::pair<std::string, std::string>>{
           {"listen", "8080"},
           {"listen", ":8080"},
           {"listen", "localhost:70000"},
           {"listen", "::1:80"},
           {"listen", ""},
           {"threads", "4x"},
           {"threads", ""},
           {"ratio", "nan"},
           {"ratio", "1.5"},
           {"idle-timeout", "1us"},
           {"idle-timeout", "-1s"},
           {"max-body", "10"},
           {"max-body", "2GiB"},
           {"verbose", "maybe"},
           {"level", "INFO"},
       }) {
    const auto result = table_.apply("", {}, {{name, text}});
    ASSERT_FALSE(result.ok()) << name << "=" << text;
    EXPECT_EQ(result.error().message.find("--" + name + ": "), 0U) << result.error().message;
  }
  EXPECT_TRUE(table_.apply("", {}, {{"listen", "[::1]:0"}}).ok());
}

TEST_F(OptionsTest, FlagsInAllTheirForms) {
  EXPECT_EQ(parse({"--threads", "7", "--ratio=0.125", "--verbose", "--idle-timeout", "1m30s"}),
            std::nullopt);
  EXPECT_EQ(config_.threads, 7);
  EXPECT_EQ(config_.ratio, 0.125);
  EXPECT_TRUE(config_.verbose);
  EXPECT_EQ(config_.idle, seconds(90));
  EXPECT_EQ(parse({"--no-verbose"}), std::nullopt);
  EXPECT_FALSE(config_.verbose);
  EXPECT_EQ(parse({"--verbose=true"}), std::nullopt);
  EXPECT_TRUE(config_.verbose);
}

TEST_F(OptionsTest, WrongFlagsEndWithTwo) {
  EXPECT_EQ(parse({"--thread", "7"}), 2);
  EXPECT_THAT(err_.str(), HasSubstr("unknown flag --thread (did you mean \"threads\"?)"));
  EXPECT_EQ(parse({"--threads"}), 2);
  EXPECT_THAT(err_.str(), HasSubstr("--threads needs a value of type INT"));
  EXPECT_EQ(parse({"extra"}), 2);
  EXPECT_THAT(err_.str(), HasSubstr("unexpected argument \"extra\""));
  EXPECT_EQ(parse({"--no-verbose=1"}), 2);
  EXPECT_EQ(parse({"--no-threads"}), 2);
}

TEST_F(OptionsTest, ConfigFlagReadsTheFileUnderFlags) {
  const std::string path = file("threads: 8\nratio: 0.25\n");
  EXPECT_EQ(parse({"--threads", "9", "--config", path.c_str()}), std::nullopt);
  EXPECT_EQ(config_.threads, 9);
  EXPECT_EQ(config_.ratio, 0.25);
}

TEST_F(OptionsTest, EnvironmentMayNameTheFile) {
  const std::string path = file("threads: 8\n");
  ASSERT_EQ(::setenv("STORMTEST_CONFIG", path.c_str(), 1), 0);
  const auto code = parse({});
  ::unsetenv("STORMTEST_CONFIG");
  EXPECT_EQ(code, std::nullopt) << err_.str();
  EXPECT_EQ(config_.threads, 8);
}

TEST_F(OptionsTest, HelpShowsDefaultBoundsAndVariable) {
  EXPECT_EQ(parse({"--help"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("Shows options."));
  EXPECT_THAT(out_.str(), HasSubstr("--idle-timeout DURATION\n      Closes idle connections.\n"
                                    "      default 1m; 1ms to 1h; env STORMTEST_IDLE_TIMEOUT\n"));
  EXPECT_THAT(out_.str(), HasSubstr("default info; one of debug, info, warn"));
}

TEST_F(OptionsTest, VersionIsTheProjects) {
  EXPECT_EQ(parse({"--version"}), 0);
  EXPECT_EQ(out_.str(), "demo " + std::string(program_version()) + "\n");
  EXPECT_THAT(out_.str(), ::testing::ContainsRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
}

TEST_F(OptionsTest, PrintedConfigIsReadBackTheSameAndHidesSecrets) {
  EXPECT_EQ(parse({"--password", "hunter2", "--listen", "[::1]:0", "--ratio", "0.1",
                   "--idle-timeout", "1500ms", "--max-body", "1000B", "--print-config"}),
            0);
  const std::string printed = out_.str();
  EXPECT_EQ(printed.find("hunter2"), std::string::npos);
  EXPECT_THAT(printed, HasSubstr("password: \"***\""));
  Config expected = config_;
  expected.password = "***";
  config_ = Config();
  ASSERT_TRUE(table_.apply(file(printed), {}, {}).ok());
  EXPECT_EQ(config_, expected);
}

TEST_F(OptionsTest, ErrorsKeepSecrets) {
  std::int64_t pin = 1;
  table_.add("pin", &pin, {1, 9}, "A secret number.").secret = true;
  const auto result = table_.apply("", {}, {{"pin", "hunter2"}});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message.find("hunter2"), std::string::npos);
}

TEST_F(OptionsTest, MarkdownHasOneRowForEachOption) {
  const std::string text = table_.markdown();
  EXPECT_EQ(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')),
            2 + table_.options().size());
  EXPECT_THAT(text, HasSubstr("| `--threads` | INT | `4` | 1 to 64 | `STORMTEST_THREADS` | Worker "
                              "threads \\| memory. |"));
}

TEST_F(OptionsTest, SameNameTwiceIsABug) {
  EXPECT_THROW(table_.add("verbose", &config_.verbose, "Again."), std::logic_error);
  EXPECT_THROW(table_.add("config", &config_.verbose, "Taken."), std::logic_error);
}

}  // namespace
}  // namespace stormlog

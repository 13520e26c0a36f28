#include "chaos/stack/launch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <optional>

#include "chaos/stack/process_tree.hpp"
#include "common/base/file.hpp"

namespace stormlog::chaos {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class LaunchTest : public testing::Test {
 protected:
  LaunchTest() {
    std::string pattern = (fs::temp_directory_path() / "stormlog-launch-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    spec_.folder = folder_;
    spec_.output = folder_ / "out";
  }
  ~LaunchTest() override { fs::remove_all(folder_); }

  void command(std::vector<std::string> argv) {
    const auto program = find_program(argv.front(), folder_);
    ASSERT_TRUE(program.ok());
    spec_.program = *program;
    spec_.argv = std::move(argv);
  }
  int run() {
    const auto process = launch(spec_, [&](const ProcessIdentity& who) { recorded_ = who; });
    if (!process.ok()) return -1;
    EXPECT_EQ(recorded_, *process);
    int status = -1;
    EXPECT_EQ(::waitpid(process->pid, &status, 0), process->pid);
    return status;
  }
  std::string output() {
    const auto text = file::read(spec_.output);
    return text.ok() ? *text : "";
  }

  fs::path folder_;
  LaunchSpec spec_;
  std::optional<ProcessIdentity> recorded_;
};

TEST_F(LaunchTest, WordsReachTheProgramAsTheyAre) {
  command({"printf", "%s|", "a b", "$HOME", "*", ";"});
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(output(), "a b|$HOME|*|;|");
}

TEST_F(LaunchTest, EnvironmentFolderSessionAndInput) {
  spec_.environment["GREETING"] = "hello";
  command({"sh", "-c",
           "echo $GREETING; pwd -P; [ /proc/$$/fd/0 -ef /dev/null ] || echo another input; "
           "read -r _ _ _ _ _ session _ </proc/$$/stat; echo $session; echo $$"});
  EXPECT_EQ(run(), 0);
  const std::string pid = std::to_string(recorded_->pid);
  EXPECT_EQ(output(), "hello\n" + fs::canonical(folder_).string() + "\n" + pid + "\n" + pid + "\n");
}

TEST_F(LaunchTest, NoOtherFileIsInherited) {
  const int leaked = ::dup(1);
  command({"sh", "-c", "ls /proc/self/fd | tr '\\n' ' '"});
  EXPECT_EQ(run(), 0);
  ::close(leaked);
  EXPECT_EQ(output(), "0 1 2 3 ");  // 3 is ls's own
}

TEST_F(LaunchTest, ExitsAreDescribed) {
  command({"sh", "-c", "exit 3"});
  EXPECT_EQ(describe_exit(run()), "exit code 3");
  command({"sh", "-c", "kill -9 $$"});
  EXPECT_EQ(describe_exit(run()), "signal 9 (SIGKILL)");
}

TEST_F(LaunchTest, WhatCannotRunIsAnErrorWithTheReason) {
  ASSERT_TRUE(file::write_atomic(folder_ / "broken", "#!/nonexistent/interpreter\n", 0755).ok());
  command({"./broken"});
  const auto process = launch(spec_, [](const ProcessIdentity&) {});
  ASSERT_FALSE(process.ok());
  EXPECT_THAT(process.error().message, HasSubstr("No such file"));
}

TEST_F(LaunchTest, ProgramsAreFoundOrNamed) {
  EXPECT_THAT(find_program("no-such-program-at-all", folder_).error().message,
              HasSubstr("not in PATH"));
  EXPECT_THAT(find_program("./x", folder_).error().message, HasSubstr("does not exist"));
  ASSERT_TRUE(file::write_atomic(folder_ / "x", "", 0644).ok());
  EXPECT_THAT(find_program("./x", folder_).error().message, HasSubstr("not executable"));
}

TEST_F(LaunchTest, AMarkIsInheritedAcrossSessions) {
  spec_.environment["STORMLOG_TEST_MARK"] = folder_.string();
  command({"sh", "-c", "setsid sleep 100 & wait"});
  const auto process = launch(spec_, [](const ProcessIdentity&) {});
  ASSERT_TRUE(process.ok());
  const auto marked = [&] { return all_started_with("STORMLOG_TEST_MARK", folder_.string()); };
  for (int i = 0; i < 500 && marked().size() < 2; ++i) ::usleep(10'000);
  const auto both = marked();
  EXPECT_EQ(both.size(), 2U);
  EXPECT_TRUE(all_started_with("STORMLOG_TEST_MARK", folder_.string() + "x").empty());
  // The shell first: it would end by itself after its child.
  EXPECT_TRUE(process::signal(*process, SIGKILL).ok());
  for (const auto& one : both) {
    EXPECT_TRUE(one.pid == process->pid || process::signal(one, SIGKILL).ok());
  }
  ::waitpid(process->pid, nullptr, 0);
}

TEST_F(LaunchTest, MembersAreTheSessionAndTheDescendants) {
  command({"sh", "-c", "sleep 100 & setsid sleep 100 & echo started; wait"});
  const auto process = launch(spec_, [](const ProcessIdentity&) {});
  ASSERT_TRUE(process.ok());
  std::vector<ProcessIdentity> members;
  for (int i = 0; i < 500 && members.size() < 2; ++i) {
    members = members_of(*process);
    ::usleep(10'000);
  }
  EXPECT_EQ(members.size(), 2U);
  ProcessIdentity stranger = *process;
  stranger.start_ticks += 1;
  EXPECT_TRUE(members_of(stranger).empty());
  // The shell first: it would end by itself after its children.
  EXPECT_TRUE(process::signal(*process, SIGKILL).ok());
  for (const auto& member : members) EXPECT_TRUE(process::signal(member, SIGKILL).ok());
  ::waitpid(process->pid, nullptr, 0);
}

}  // namespace
}  // namespace stormlog::chaos

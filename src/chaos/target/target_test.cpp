#include "chaos/target/target.hpp"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>

#include "chaos/stack/service_record.hpp"

namespace stormlog::chaos {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class TargetTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "target-test-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    stack_.home = name;
    stack_.file = "stack.yaml";
    add("web").command = {"web"};
    add("store").command = {"store"};
    ServiceSpec& precious = add("precious");
    precious.is_protected = true;
    precious.line = 12;
    add("foreign");
  }

  void TearDown() override { std::filesystem::remove_all(stack_.home); }

  ServiceSpec& add(const std::string& name) {
    ServiceSpec service;
    service.name = name;
    stack_.services.push_back(service);
    return stack_.services.back();
  }

  std::string refusal(const std::string& target, int max_targets,
                      const std::vector<std::string>& active) {
    const auto allowed = guard(stack_, target, {max_targets}, active);
    return allowed.ok() ? "" : allowed.error().message;
  }

  std::string no_process(const std::string& service) {
    const auto found = process_of(stack_, service);
    return found.ok() ? "" : found.error().message;
  }

  void runs_as(const std::string& service, const ProcessIdentity& process) {
    ServiceRecord record;
    record.state.name = service;
    record.state.phase = ServicePhase::running;
    record.state.process = process;
    std::filesystem::create_directories(state_folder(stack_.home));
    SupervisorRecord supervisor;
    supervisor.process = *process::identify(::getpid());
    ASSERT_TRUE(write_record(stack_.home, supervisor).ok());
    const auto written = write_record(stack_.home, record);
    ASSERT_TRUE(written.ok()) << written.error().message;
  }

  void write_pid_file(const std::string& text) {
    const auto path = stack_.home / "pid";
    std::ofstream(path) << text;
    stack_.services.back().pid_file = path;
  }

  Stack stack_;
};

TEST_F(TargetTest, AnUnknownTargetIsRefusedWithTheNearestName) {
  EXPECT_THAT(refusal("wbe", 1, {}), AllOf(HasSubstr("unknown target \"wbe\""), HasSubstr("web")));
}

TEST_F(TargetTest, AProtectedTargetIsNeverHitAndTheFileSaysWhere) {
  EXPECT_THAT(refusal("precious", 9, {}),
              AllOf(HasSubstr("precious is protected"), HasSubstr("stack.yaml:12")));
}

TEST_F(TargetTest, TheBlastRadiusCountsTargetsNotFaults) {
  EXPECT_EQ(refusal("web", 1, {}), "");
  EXPECT_EQ(refusal("web", 1, {"web", "web"}), "");
  EXPECT_EQ(refusal("web", 2, {"store"}), "");
  EXPECT_THAT(refusal("web", 1, {"store"}),
              AllOf(HasSubstr("store, web"), HasSubstr("max_targets")));
  EXPECT_NE(refusal("web", 0, {}), "");
  EXPECT_NE(refusal("web", -1, {}), "");
}

TEST_F(TargetTest, AManagedServiceIsFoundThroughTheSupervisorsRecord) {
  const auto self = process::identify(::getpid());
  ASSERT_TRUE(self.ok());
  EXPECT_THAT(no_process("web"), HasSubstr("web has no process"));
  runs_as("web", *self);
  const auto found = process_of(stack_, "web");
  ASSERT_TRUE(found.ok()) << found.error().message;
  EXPECT_EQ(*found, *self);
}

TEST_F(TargetTest, AStrangerThatReusedThePidIsNotTheService) {
  auto stranger = process::identify(::getpid());
  ASSERT_TRUE(stranger.ok());
  stranger->start_ticks += 1;
  runs_as("web", *stranger);
  EXPECT_THAT(no_process("web"), HasSubstr("has ended"));
}

TEST_F(TargetTest, APidFileMayHaveMoreLines) {
  write_pid_file(std::to_string(::getpid()) + "\n/var/lib/data\n5432\n");
  const auto found = process_of(stack_, "foreign");
  ASSERT_TRUE(found.ok()) << found.error().message;
  EXPECT_EQ(found->pid, ::getpid());
}

TEST_F(TargetTest, APidFileThatHoldsNoPidIsNamed) {
  for (const char* text : {"", "pid 7\n", "-1\n", "0\n"}) {
    write_pid_file(text);
    EXPECT_THAT(no_process("foreign"), HasSubstr("does not begin with a PID")) << text;
  }
  // Would be PID 1 if it were cut to 32 bits.
  write_pid_file("4294967297\n");
  EXPECT_NE(no_process("foreign"), "");
}

TEST_F(TargetTest, APidFileOfAnEndedProcessIsNoTarget) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ASSERT_GT(child, 0);
  siginfo_t info{};
  // It has ended and stays a zombie, so that nobody else gets its PID.
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  write_pid_file(std::to_string(child) + "\n");
  EXPECT_THAT(no_process("foreign"), HasSubstr("ended"));
  ::waitpid(child, nullptr, 0);
}

TEST_F(TargetTest, AForeignServiceNeedsAWayToItsProcess) {
  EXPECT_THAT(no_process("foreign"), AllOf(HasSubstr("port"), HasSubstr("pid_file")));
  EXPECT_THAT(no_process("nobody"), HasSubstr("unknown service"));
}

}  // namespace
}  // namespace stormlog::chaos

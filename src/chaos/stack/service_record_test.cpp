#include "chaos/stack/service_record.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace stormlog::chaos {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class ServiceRecordTest : public testing::Test {
 protected:
  ServiceRecordTest() {
    std::string pattern = (fs::temp_directory_path() / "stormlog-state-XXXXXX").string();
    home_ = ::mkdtemp(pattern.data());
    fs::create_directories(state_folder(home_));
  }
  ~ServiceRecordTest() override { fs::remove_all(home_); }

  static ServiceRecord record(const std::string& name, std::size_t order) {
    ServiceRecord record;
    record.state.name = name;
    record.state.phase = ServicePhase::running;
    record.state.since = WallTime{1'700'000'000'123'456'789ns};
    record.state.started = record.state.since;
    record.state.restarts = 2;
    record.state.last_exit = "signal 9 (SIGKILL)";
    record.stop_signal = 2;
    record.stop_timeout = 1234ms;
    record.depends_on = {"x", "y"};
    record.order = order;
    return record;
  }
  ProcessIdentity self() { return *process::identify(::getpid()); }

  fs::path home_;
};

TEST_F(ServiceRecordTest, ReadsWhatItWroteInTheOrderOfTheFile) {
  ServiceRecord second = record("a", 2);
  second.state.process = self();
  second.holds["fault-1"] = WallTime{1'700'000'100s};
  ASSERT_TRUE(write_record(home_, second).ok());
  ASSERT_TRUE(write_record(home_, record("b", 1)).ok());
  const auto records = read_records(home_);
  ASSERT_TRUE(records.ok());
  ASSERT_EQ(records->size(), 2U);
  EXPECT_EQ((*records)[0].state.name, "b");
  const ServiceRecord& read = (*records)[1];
  EXPECT_EQ(read.state.process, self());
  EXPECT_EQ(read.state.since, second.state.since);
  EXPECT_EQ(read.state.restarts, 2);
  EXPECT_EQ(read.state.held_by, "fault-1");
  EXPECT_EQ(read.holds, second.holds);
  EXPECT_EQ(read.stop_signal, 2);
  EXPECT_EQ(read.stop_timeout, 1234ms);
  EXPECT_THAT(read.depends_on, testing::ElementsAre("x", "y"));
}

TEST_F(ServiceRecordTest, NothingWrittenIsAnEmptyState) {
  const auto state = read_stack_state(home_ / "nowhere");
  ASSERT_TRUE(state.ok());
  EXPECT_TRUE(state->services.empty());
  EXPECT_FALSE(state->supervisor);
}

TEST_F(ServiceRecordTest, WithoutASupervisorADeadServiceIsStopped) {
  ServiceRecord dead = record("dead", 0);
  dead.state.process = self();
  dead.state.process->start_ticks += 1;  // its PID belongs to somebody else now: us
  ServiceRecord living = record("living", 1);
  living.state.process = self();
  ASSERT_TRUE(write_record(home_, dead).ok());
  ASSERT_TRUE(write_record(home_, living).ok());
  const auto state = read_stack_state(home_);
  ASSERT_TRUE(state.ok());
  EXPECT_EQ(state->service("dead")->phase, ServicePhase::stopped);
  EXPECT_FALSE(state->service("dead")->process);
  EXPECT_EQ(state->service("living")->phase, ServicePhase::running);
  EXPECT_TRUE(state->service("living")->process);
}

TEST_F(ServiceRecordTest, TheSupervisorIsKnownWhileItLives) {
  SupervisorRecord supervisor{self(), "/s.yaml", {"p"}, {{"k", "v"}}};
  ASSERT_TRUE(write_record(home_, supervisor).ok());
  auto state = read_stack_state(home_);
  ASSERT_TRUE(state.ok());
  EXPECT_EQ(state->supervisor, self());
  EXPECT_EQ(state->stack_file, "/s.yaml");
  EXPECT_THAT(state->profiles, testing::ElementsAre("p"));
  EXPECT_EQ(state->variables.at("k"), "v");
  supervisor.process.boot_id = "another boot";
  ASSERT_TRUE(write_record(home_, supervisor).ok());
  state = read_stack_state(home_);
  ASSERT_TRUE(state.ok());
  EXPECT_FALSE(state->supervisor);
}

TEST_F(ServiceRecordTest, ADamagedFileIsNamed) {
  std::ofstream(state_folder(home_) / "x.service.json") << "{";
  const auto state = read_stack_state(home_);
  ASSERT_FALSE(state.ok());
  EXPECT_THAT(state.error().message, testing::HasSubstr("x.service.json"));
}

}  // namespace
}  // namespace stormlog::chaos

#include "chaos/fault/watchdog.hpp"

#include <gmock/gmock.h>

#include <fstream>

#include "chaos/fault/child_test_support.hpp"
#include "chaos/fault/identity_json.hpp"

namespace stormlog::chaos {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

// A paused process and the watchdog's looks at its record, with a clock of the test's own.
class WatchdogTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "watchdog-test-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    home_ = name;
    rounds_.emplace(home_, clock_);
    paused_.stop();
    ASSERT_TRUE(paused_.stopped());
  }
  void TearDown() override { std::filesystem::remove_all(home_); }

  void add(const ProcessIdentity& owner, bool detached = false,
           const std::string& fault = "service_pause") {
    UndoRecord record;
    record.id = "f-a";
    record.fault = fault;
    record.owner = owner;
    record.detached = detached;
    record.injected = clock_.wall_now();
    record.expires = record.injected + minutes{1};
    record.undo = {{"processes", nlohmann::ordered_json::array({to_json(paused_.identity())})}};
    ASSERT_TRUE(UndoJournal(home_).add(record).ok());
  }
  bool is_in() { return !UndoJournal(home_).list()->empty(); }

  const ProcessIdentity self_ = *process::identify(::getpid());
  ManualClock clock_;
  TestChild paused_;
  std::filesystem::path home_;
  std::optional<WatchdogRounds> rounds_;
};

TEST_F(WatchdogTest, LeavesTheFaultOfALivingEngineAlone) {
  add(self_);
  rounds_->look();
  EXPECT_TRUE(is_in());
  EXPECT_TRUE(paused_.stopped());
}

TEST_F(WatchdogTest, HealsWhenTheEngineHasEnded) {
  TestChild engine;
  add(engine.identity());
  rounds_->look();
  EXPECT_TRUE(is_in());
  engine.end();
  rounds_->look();
  EXPECT_FALSE(is_in());
  EXPECT_TRUE(paused_.goes_on());
}

TEST_F(WatchdogTest, AnotherProcessWithTheEnginesPidIsNotTheEngine) {
  ProcessIdentity stranger = self_;
  stranger.start_ticks += 1;
  add(stranger);
  rounds_->look();
  EXPECT_FALSE(is_in());
}

TEST_F(WatchdogTest, ADetachedFaultStaysUntilItsTtl) {
  ProcessIdentity ended = self_;
  ended.start_ticks += 1;
  add(ended, true);
  clock_.advance(seconds{59});
  rounds_->look();
  EXPECT_TRUE(is_in());
  clock_.advance(seconds{1});
  rounds_->look();
  EXPECT_FALSE(is_in());
}

TEST_F(WatchdogTest, TheTtlEndsTheFaultOfALivingEngine) {
  add(self_);
  rounds_->look();
  clock_.advance(minutes{1});
  rounds_->look();
  EXPECT_FALSE(is_in());
  EXPECT_TRUE(paused_.goes_on());
}

TEST_F(WatchdogTest, SettingTheClockBackDoesNotPutOffTheTtl) {
  add(self_);
  rounds_->look();
  clock_.step_wall(-hours{24});
  clock_.advance(seconds{59});
  rounds_->look();
  EXPECT_TRUE(is_in());
  clock_.advance(seconds{1});
  rounds_->look();
  EXPECT_FALSE(is_in());
}

TEST_F(WatchdogTest, StaysWhileSomethingIsInAndTriesAgainLaterAndLater) {
  add(self_, false, "from_the_future");
  clock_.advance(minutes{2});
  rounds_->look();
  EXPECT_TRUE(is_in());
  EXPECT_EQ(rounds_->idle_since(), clock_.now());

  add(self_);  // now it can be healed, and is overdue as before
  clock_.advance(std::chrono::milliseconds{1});
  rounds_->look();
  EXPECT_TRUE(is_in()) << "tried again at once";
  clock_.advance(minutes{2});
  rounds_->look();
  EXPECT_FALSE(is_in());
}

TEST_F(WatchdogTest, ADamagedRecordDoesNotKeepItAlive) {
  const MonotonicTime before = rounds_->idle_since();
  std::filesystem::create_directories(home_ / "undo");
  std::ofstream(home_ / "undo" / "f-b.json") << "{";
  clock_.advance(seconds{10});
  rounds_->look();
  EXPECT_EQ(rounds_->idle_since(), before);
}

}  // namespace
}  // namespace stormlog::chaos

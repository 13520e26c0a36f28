#include "chaos/fault/undo_journal.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/file.h>
#include <unistd.h>

#include <fstream>
#include <set>
#include <thread>

#include "chaos/fault/child_test_support.hpp"
#include "chaos/fault/identity_json.hpp"

namespace stormlog::chaos {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class UndoJournalTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "undo-test-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    home_ = name;
    journal_.emplace(home_);
  }
  void TearDown() override { std::filesystem::remove_all(home_); }

  // A paused process; its stack file does not exist, and need not.
  UndoRecord paused(const std::string& id, const ProcessIdentity& process) {
    UndoRecord record;
    record.id = id;
    record.fault = "service_pause";
    record.target = "web";
    record.stack_file = (home_ / "stack.yaml").string();
    record.profiles = {"zookeeper"};
    record.owner = *process::identify(::getpid());
    record.run = "2026-run";
    record.injected = WallTime{std::chrono::seconds{1'700'000'000}};
    record.expires = record.injected + std::chrono::seconds{60};
    record.undo = {{"service", "web"},
                   {"managed", false},
                   {"processes", nlohmann::ordered_json::array({to_json(process)})}};
    return record;
  }

  std::filesystem::path file_of(const std::string& id) { return home_ / "undo" / (id + ".json"); }

  void write(const std::string& id, const std::string& text) {
    std::filesystem::create_directories(home_ / "undo");
    std::ofstream(file_of(id)) << text;
  }

  std::vector<std::string> ids() {
    std::vector<std::string> result;
    const auto records = journal_->list();
    if (!records.ok()) return {records.error().message};
    for (const UndoRecord& record : *records) result.push_back(record.id);
    return result;
  }

  std::filesystem::path home_;
  std::optional<UndoJournal> journal_;
};

TEST_F(UndoJournalTest, ARecordComesBackAsItWas) {
  const UndoRecord in = paused("f-a", *process::identify(::getpid()));
  ASSERT_TRUE(journal_->add(in).ok());
  const auto records = journal_->list();
  ASSERT_TRUE(records.ok());
  ASSERT_EQ(records->size(), 1U);
  const UndoRecord& out = records->front();
  EXPECT_EQ(out.id, in.id);
  EXPECT_EQ(out.fault, in.fault);
  EXPECT_EQ(out.target, in.target);
  EXPECT_EQ(out.stack_file, in.stack_file);
  EXPECT_EQ(out.profiles, in.profiles);
  EXPECT_EQ(out.owner, in.owner);
  EXPECT_EQ(out.run, in.run);
  EXPECT_EQ(out.detached, in.detached);
  EXPECT_EQ(out.injected, in.injected);
  EXPECT_EQ(out.expires, in.expires);
  EXPECT_EQ(out.undo, in.undo);
}

TEST_F(UndoJournalTest, NoFolderIsNoRecordAndRemovingTwiceIsNoError) {
  EXPECT_THAT(ids(), IsEmpty());
  EXPECT_TRUE(journal_->remove("f-a").ok());
}

TEST_F(UndoJournalTest, TheOldestComesFirst) {
  const ProcessIdentity self = *process::identify(::getpid());
  UndoRecord late = paused("f-a", self);
  late.injected += std::chrono::seconds{5};
  ASSERT_TRUE(journal_->add(late).ok());
  ASSERT_TRUE(journal_->add(paused("f-z", self)).ok());
  ASSERT_TRUE(journal_->add(paused("f-b", self)).ok());
  EXPECT_THAT(ids(), ElementsAre("f-b", "f-z", "f-a"));
}

TEST_F(UndoJournalTest, DamagedRecordsAreToldAndKept) {
  ASSERT_TRUE(journal_->add(paused("f-good", *process::identify(::getpid()))).ok());
  write("f-empty", "");
  write("f-cut", R"({"id":"f-cut","fault":"service_pa)");
  write("f-list", "[1]");
  write("f-types", R"({"id":"f-types","fault":7,"undo":{}})");
  std::vector<std::string> damaged;
  const auto records = journal_->list(&damaged);
  ASSERT_TRUE(records.ok());
  EXPECT_EQ(records->size(), 1U);
  EXPECT_EQ(damaged.size(), 4U);
  for (const std::string& path : damaged) EXPECT_TRUE(std::filesystem::exists(path)) << path;
}

TEST_F(UndoJournalTest, ARecordThatNamesAnotherFileIsDamaged) {
  UndoRecord record = paused("f-a", *process::identify(::getpid()));
  ASSERT_TRUE(journal_->add(record).ok());
  std::filesystem::rename(file_of("f-a"), file_of("f-b"));
  std::vector<std::string> damaged;
  ASSERT_TRUE(journal_->list(&damaged).ok());
  EXPECT_THAT(damaged, ElementsAre(file_of("f-b").string()));
}

TEST_F(UndoJournalTest, HealingNeedsNeitherTheStackFileNorTheEngine) {
  TestChild child;
  child.stop();
  ASSERT_TRUE(child.stopped());
  const UndoRecord record = paused("f-a", child.identity());
  ASSERT_TRUE(journal_->add(record).ok());
  const auto healed = journal_->heal(record);
  ASSERT_TRUE(healed.ok()) << healed.error().message;
  EXPECT_TRUE(child.goes_on());
  EXPECT_THAT(ids(), IsEmpty());
}

TEST_F(UndoJournalTest, HealingTwiceHealsOnce) {
  TestChild child;
  const UndoRecord record = paused("f-a", child.identity());
  ASSERT_TRUE(journal_->add(record).ok());
  ASSERT_TRUE(journal_->heal(record).ok());
  child.stop();  // by somebody else
  EXPECT_TRUE(journal_->heal(record).ok());
  EXPECT_TRUE(child.stopped());
}

TEST_F(UndoJournalTest, WhoWaitsWhileAnotherHealsDoesNotHealAgain) {
  TestChild child;
  child.stop();
  const UndoRecord record = paused("f-a", child.identity());
  ASSERT_TRUE(journal_->add(record).ok());
  const int other = ::open(file_of("f-a").c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(other, 0);
  ASSERT_EQ(::flock(other, LOCK_EX), 0);
  Result<void> healed;
  std::thread waiting([&] { healed = UndoJournal(home_).heal(record); });
  ASSERT_TRUE(journal_->remove("f-a").ok());
  ::close(other);
  waiting.join();
  EXPECT_TRUE(healed.ok());
  EXPECT_TRUE(child.stopped());
}

TEST_F(UndoJournalTest, AStrangerThatReusedThePidIsNotSignalled) {
  TestChild stranger;
  stranger.stop();
  ProcessIdentity gone = stranger.identity();
  gone.start_ticks -= 1;
  const UndoRecord record = paused("f-a", gone);
  ASSERT_TRUE(journal_->add(record).ok());
  EXPECT_TRUE(journal_->heal(record).ok());
  EXPECT_TRUE(stranger.stopped());
  EXPECT_THAT(ids(), IsEmpty());
}

TEST_F(UndoJournalTest, AProcessThatHasEndedNeedsNoHealing) {
  TestChild child;
  const UndoRecord record = paused("f-a", child.identity());
  child.end();
  ASSERT_TRUE(journal_->add(record).ok());
  EXPECT_TRUE(journal_->heal(record).ok());
  EXPECT_THAT(ids(), IsEmpty());
}

TEST_F(UndoJournalTest, WhatCannotBeHealedStays) {
  UndoRecord record = paused("f-a", *process::identify(::getpid()));
  record.fault = "from_the_future";
  ASSERT_TRUE(journal_->add(record).ok());
  const auto unknown = journal_->heal(record);
  ASSERT_FALSE(unknown.ok());
  EXPECT_THAT(unknown.error().message, HasSubstr("from_the_future"));
  EXPECT_THAT(ids(), ElementsAre("f-a"));

  record.fault = "service_pause";
  record.undo = {{"processes", "none"}};
  ASSERT_TRUE(journal_->add(record).ok());
  EXPECT_FALSE(journal_->heal(record).ok());
  EXPECT_THAT(ids(), ElementsAre("f-a"));
}

TEST(FaultId, IsFreshEachTime) {
  std::set<std::string> ids;
  for (int i = 0; i < 100; ++i) ids.insert(new_fault_id());
  EXPECT_EQ(ids.size(), 100U);
  EXPECT_THAT(*ids.begin(), testing::MatchesRegex("f-[a-z]{10}"));
}

}  // namespace
}  // namespace stormlog::chaos

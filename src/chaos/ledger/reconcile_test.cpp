#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "chaos/ledger/ledger.hpp"

namespace stormlog::chaos {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string id_text(std::uint32_t number) {
  Uuid id;
  id.bytes[0] = 1;
  id.bytes[14] = static_cast<std::uint8_t>(number >> 8);
  id.bytes[15] = static_cast<std::uint8_t>(number);
  return id.to_string();
}

// Holds what the test put in; can fail half-way.
class FakeSink final : public Sink {
 public:
  explicit FakeSink(const std::string& name, SinkSpec::Role role = SinkSpec::Role::store) {
    spec_.name = name;
    spec_.role = role;
  }
  const SinkSpec& spec() const override { return spec_; }
  bool only_this_run() const override { return filters_; }
  bool ordered() const override { return ordered_; }
  Result<void> read(const LedgerHeader&,
                    const std::function<void(SinkEvent&&)>& on_event) override {
    for (const SinkEvent& event : events_) on_event(SinkEvent(event));
    if (fails_) return Error::retriable("connection refused");
    return {};
  }

  FakeSink& holds(std::uint32_t number, std::uint32_t key = 0) {
    events_.push_back({id_text(number), "k" + std::to_string(key), number});
    return *this;
  }

  SinkSpec spec_;
  std::vector<SinkEvent> events_;
  bool filters_ = true;
  bool ordered_ = true;
  bool fails_ = false;
};

// Event `n` has id_text(n), sequence number n, and was sent n seconds after the start.
class Reconcile : public ::testing::Test {
 protected:
  void sent(std::uint32_t number, Outcome outcome = Outcome::acked, std::uint32_t key = 0) {
    ledger_.entries.push_back(
        {{*Uuid::parse(id_text(number)), key, number}, seconds{number}, outcome});
  }
  FakeSink& sink(const std::string& name, SinkSpec::Role role = SinkSpec::Role::store) {
    auto made = std::make_unique<FakeSink>(name, role);
    FakeSink& reference = *made;
    sinks_.push_back(std::move(made));
    return reference;
  }
  Reconciliation judge(const std::vector<FaultWindow>& windows = {}) {
    return reconcile(ledger_, sinks_, windows, true, "");
  }

  Ledger ledger_;
  std::vector<std::unique_ptr<Sink>> sinks_;
};

TEST_F(Reconcile, AllDelivered) {
  for (std::uint32_t i = 1; i <= 300; ++i) sent(i);
  FakeSink& table = sink("table");
  for (std::uint32_t i = 1; i <= 300; ++i) table.holds(i);
  const Reconciliation result = judge();
  EXPECT_TRUE(result.complete);
  EXPECT_EQ(result.sent, 300U);
  EXPECT_EQ(result.acked, 300U);
  EXPECT_EQ(result.delivered, 300U);
  EXPECT_EQ(result.lost + result.duplicated + result.reordered + result.unknown_in_sink, 0U);
  EXPECT_TRUE(result.order_known);
  EXPECT_THAT(result.windows, IsEmpty());
}

TEST_F(Reconcile, AnAckedEventFoundNowhereIsLostAndNamed) {
  sent(1);
  sent(2, Outcome::acked, 9);
  sink("table").holds(1);
  const Reconciliation result = judge();
  EXPECT_EQ(result.delivered, 1U);
  EXPECT_EQ(result.lost, 1U);
  ASSERT_EQ(result.lost_events.size(), 1U);
  EXPECT_EQ(result.lost_events[0].id, id_text(2));
  EXPECT_EQ(result.lost_events[0].key, "k9");
  EXPECT_EQ(result.lost_events[0].seq, 2U);
  EXPECT_EQ(result.lost_events[0].sent, seconds{2});
  EXPECT_EQ(result.lost_events[0].where, "table");
}

TEST_F(Reconcile, EachStoreMustHoldIt) {
  sent(1);
  sent(2);
  sink("a").holds(1).holds(2);
  sink("b").holds(1);
  const Reconciliation result = judge();
  EXPECT_EQ(result.delivered, 1U);
  EXPECT_EQ(result.lost, 1U);
  EXPECT_EQ(result.lost_events[0].where, "b");
}

TEST_F(Reconcile, TwiceInOneStoreIsDuplicatedButOnceInEachOfTwoIsNot) {
  sent(1);
  sent(2);
  sink("a").holds(1).holds(2).holds(2).holds(2);
  sink("b").holds(1).holds(2);
  const Reconciliation result = judge();
  EXPECT_EQ(result.duplicated, 1U);
  EXPECT_EQ(result.delivered, 2U);
  ASSERT_EQ(result.duplicated_events.size(), 1U);
  EXPECT_EQ(result.duplicated_events[0].id, id_text(2));
  EXPECT_EQ(result.duplicated_events[0].where, "a");
}

TEST_F(Reconcile, DeadLetteredIsNotLost) {
  sent(1);
  sent(2);
  sent(3);
  sink("table").holds(1).holds(3);
  sink("dlq", SinkSpec::Role::dlq).holds(2).holds(3).holds(3);
  const Reconciliation result = judge();
  EXPECT_EQ(result.delivered, 2U);
  EXPECT_EQ(result.dead_lettered, 1U);
  EXPECT_EQ(result.lost, 0U);
  EXPECT_EQ(result.duplicated, 0U);
}

TEST_F(Reconcile, IndeterminateEventsAreNeitherLostNorDuplicated) {
  sent(1, Outcome::indeterminate);
  sent(2, Outcome::indeterminate);
  sent(3, Outcome::rejected);
  sent(4, Outcome::unsent);
  sent(5, Outcome::rejected);
  sink("table").holds(1).holds(3);
  const Reconciliation result = judge();
  EXPECT_EQ(result.indeterminate, 2U);
  EXPECT_EQ(result.stored_unacked, 1U);
  EXPECT_EQ(result.stored_rejected, 1U);
  EXPECT_EQ(result.lost + result.duplicated + result.delivered, 0U);
}

TEST_F(Reconcile, AnIndeterminateEventStoredTwiceIsDuplicated) {
  sent(1, Outcome::indeterminate);
  sink("table").holds(1).holds(1);
  EXPECT_EQ(judge().duplicated, 1U);
}

TEST_F(Reconcile, CountsAckedEventsBehindALaterOneOfTheirKey) {
  for (const std::uint32_t i : {1U, 2U, 3U, 4U}) sent(i);
  sent(5, Outcome::acked, 1);
  sink("table").holds(1).holds(4).holds(5, 1).holds(2).holds(3);
  const Reconciliation result = judge();
  EXPECT_EQ(result.reordered, 2U);
  ASSERT_EQ(result.reordered_events.size(), 2U);
  EXPECT_EQ(result.reordered_events[0].id, id_text(2));
}

TEST_F(Reconcile, LateIndeterminateEventsAndSecondCopiesAreNotReordered) {
  sent(1, Outcome::indeterminate);
  sent(2);
  sent(3);
  sink("table").holds(2).holds(3).holds(1).holds(2);
  const Reconciliation result = judge();
  EXPECT_EQ(result.reordered, 0U);
  EXPECT_EQ(result.duplicated, 1U);
}

TEST_F(Reconcile, OrderIsUnknownWhenTheSinkDoesNotTell) {
  sent(1);
  sent(2);
  FakeSink& unordered = sink("keys").holds(2).holds(1);
  unordered.ordered_ = false;
  Reconciliation result = judge();
  EXPECT_FALSE(result.order_known);
  EXPECT_EQ(result.reordered, 0U);

  unordered.ordered_ = true;
  for (SinkEvent& event : unordered.events_) event.seq.reset();
  EXPECT_FALSE(judge().order_known);
}

TEST_F(Reconcile, UnknownIdsCountOnlyWhereTheSinkAsksForThisRun) {
  sent(1);
  FakeSink& table = sink("table").holds(1).holds(99);
  table.events_.push_back({"not-a-uuid", "", {}});
  EXPECT_EQ(judge().unknown_in_sink, 2U);
  table.filters_ = false;
  EXPECT_EQ(judge().unknown_in_sink, 0U);
}

TEST_F(Reconcile, IdsMatchInUpperCaseAndWithoutDashes) {
  sent(1);
  sent(2);
  FakeSink& table = sink("table");
  std::string bare = id_text(1);
  std::erase(bare, '-');
  std::string upper = id_text(2);
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  table.events_ = {{bare, "", {}}, {upper, "", {}}};
  EXPECT_EQ(judge().delivered, 2U);
}

TEST_F(Reconcile, ASinkThatCannotBeReadConcludesNothing) {
  sent(1);
  sent(2, Outcome::indeterminate);
  sink("good").holds(1);
  sink("bad").holds(1).fails_ = true;
  const Reconciliation result = judge();
  EXPECT_FALSE(result.complete);
  EXPECT_THAT(result.why_incomplete, HasSubstr("sink bad: connection refused"));
  EXPECT_EQ(result.acked, 1U);
  EXPECT_EQ(result.indeterminate, 1U);
  EXPECT_EQ(result.delivered + result.lost, 0U);
}

TEST_F(Reconcile, WithoutAStoreNothingIsConcluded) {
  sent(1);
  sink("dlq", SinkSpec::Role::dlq);
  EXPECT_FALSE(judge().complete);
  EXPECT_EQ(judge().lost, 0U);
}

TEST_F(Reconcile, NotDrainedIsIncompleteButCounted) {
  sent(1);
  sink("table");
  const Reconciliation result = reconcile(ledger_, sinks_, {}, false, "lag 5 after 60s");
  EXPECT_FALSE(result.complete);
  EXPECT_EQ(result.why_incomplete, "lag 5 after 60s");
  EXPECT_EQ(result.lost, 1U);
}

TEST_F(Reconcile, CountsByWindow) {
  for (std::uint32_t i = 0; i < 10; ++i) sent(i, i == 4 ? Outcome::indeterminate : Outcome::acked);
  FakeSink& table = sink("table");
  for (std::uint32_t i = 0; i < 10; ++i) {
    if (i != 5) table.holds(i);
  }
  table.holds(9);
  const Reconciliation result =
      judge({{"kill b", seconds{7}, seconds{8}}, {"kill a", seconds{3}, seconds{6}}});
  std::vector<std::string> names;
  std::vector<std::uint64_t> sent_counts;
  for (const auto& window : result.windows) {
    names.push_back(window.name);
    sent_counts.push_back(window.sent);
  }
  EXPECT_THAT(names, ElementsAre("before", "kill a", "between", "kill b", "after"));
  EXPECT_THAT(sent_counts, ElementsAre(3, 3, 1, 1, 2));
  EXPECT_EQ(result.windows[1].indeterminate, 1U);
  EXPECT_EQ(result.windows[1].lost, 1U);
  EXPECT_EQ(result.windows[1].delivered, 1U);
  EXPECT_EQ(result.windows[4].duplicated, 1U);
}

}  // namespace
}  // namespace stormlog::chaos

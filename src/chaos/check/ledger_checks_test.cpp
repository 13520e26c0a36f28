// no_loss, exactly_once and ordered over ledgers that were read, in part, or not at all.

#include "chaos/check/check_test_support.hpp"

namespace stormlog::chaos {
namespace {

using test::CheckCase;
using test::Story;

constexpr auto kPassed = CheckOutcome::passed;
constexpr auto kFailed = CheckOutcome::failed;
constexpr auto kUnknown = CheckOutcome::unknown;

std::function<RunRecord()> ledger(const std::function<void(Reconciliation&)>& change) {
  return [change] {
    Story run = Story::killed();
    change(*run.record.ledger);
    return run.record;
  };
}

RunRecord without_ledger() {
  Story run = Story::killed();
  run.record.ledger.reset();
  return run.record;
}

const auto kGood = ledger([](Reconciliation&) {});
const auto kNotDrained = ledger([](Reconciliation& r) {
  r.complete = false;
  r.why_incomplete = "the backlog did not drain";
  r.lost = 3;
});
const auto kLost = ledger([](Reconciliation& r) {
  r.lost = 1;
  r.delivered = 199;
  r.lost_events = {{"id-7", "k", 7, {}, "logs"}};
});
const auto kDoubled = ledger([](Reconciliation& r) {
  r.duplicated = 1;
  r.duplicated_events = {{"id-8", "k", 8, {}, "logs"}};
});
const auto kDead = ledger([](Reconciliation& r) {
  r.delivered = 199;
  r.dead_lettered = 1;
});
const auto kNothingAcked = ledger([](Reconciliation& r) { r.acked = r.delivered = 0; });
const auto kUnacked = ledger([](Reconciliation& r) {
  r.indeterminate = 5;
  r.stored_unacked = 2;
});

class LedgerChecks : public testing::TestWithParam<CheckCase> {};
TEST_P(LedgerChecks, judge) {
  test::expect_outcome(GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    table, LedgerChecks,
    testing::ValuesIn(std::vector<CheckCase>{
        {"all_delivered", "no_loss", {}, kGood, kPassed},
        {"indeterminate_is_no_loss", "no_loss", {}, kUnacked, kPassed},
        {"one_lost", "no_loss", {}, kLost, kFailed, "the first is id-7"},
        {"only_in_dlq", "no_loss", {}, kDead, kFailed, "1 events are only in a dead letter queue"},
        {"dlq_allowed", "no_loss", {"allow_dlq=true"}, kDead, kPassed},
        {"not_drained_is_no_loss_yet", "no_loss", {}, kNotDrained, kUnknown, "did not drain"},
        {"no_ledger", "no_loss", {}, without_ledger, kUnknown, "no ledger"},
        {"nothing_acked", "no_loss", {}, kNothingAcked, kUnknown, "not one event"},

        {"once_each", "exactly_once", {}, kGood, kPassed},
        {"stored_though_not_acked", "exactly_once", {}, kUnacked, kPassed},
        {"one_twice", "exactly_once", {}, kDoubled, kFailed, "the first is id-8"},
        {"stored_though_refused",
         "exactly_once",
         {},
         ledger([](Reconciliation& r) { r.stored_rejected = 1; }),
         kFailed,
         "refused"},
        {"stored_but_never_sent",
         "exactly_once",
         {},
         ledger([](Reconciliation& r) { r.unknown_in_sink = 1; }),
         kFailed,
         "never sent"},
        {"not_drained", "exactly_once", {}, kNotDrained, kUnknown, "did not drain"},
        {"no_ledger", "exactly_once", {}, without_ledger, kUnknown, "no ledger"},
        {"nothing_found",
         "exactly_once",
         {},
         ledger([](Reconciliation& r) { r.delivered = r.stored_unacked = 0; }),
         kUnknown,
         "not one event"},

        {"in_order", "ordered", {}, kGood, kPassed},
        {"one_behind",
         "ordered",
         {},
         ledger([](Reconciliation& r) {
           r.reordered = 1;
           r.reordered_events = {{"id-9", "k", 9, {}, "logs"}};
         }),
         kFailed,
         "1 events are behind"},
        {"order_not_told",
         "ordered",
         {},
         ledger([](Reconciliation& r) { r.order_known = false; }),
         kUnknown,
         "no sink tells"},
        {"not_drained", "ordered", {}, kNotDrained, kUnknown, "did not drain"},
        {"nothing_delivered",
         "ordered",
         {},
         ledger([](Reconciliation& r) { r.delivered = 0; }),
         kUnknown,
         "not one event"},
        {"no_ledger", "ordered", {}, without_ledger, kUnknown, "no ledger"},
    }),
    test::case_name);

TEST(LedgerChecks, NameTheEventsThatWentWrong) {
  EXPECT_EQ(test::judge("no_loss", {}, kLost()).measured["lost_ids"].dump(), R"(["id-7"])");
  EXPECT_EQ(test::judge("exactly_once", {}, kDoubled()).measured["duplicated_ids"].dump(),
            R"(["id-8"])");
}

}  // namespace
}  // namespace stormlog::chaos

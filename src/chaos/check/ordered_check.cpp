// Within one key, acknowledged events are stored in the order in which they were sent.

#include "chaos/check/support.hpp"

namespace stormlog::chaos {
namespace {

using Json = nlohmann::ordered_json;

CheckResult judge(const RunRecord& run, const document::Params&) {
  const Json expected = {{"reordered", 0}};
  if (!run.ledger) return unknown("the run has no ledger: no load, or no sinks", expected);
  const Reconciliation& ledger = *run.ledger;
  Json measured = {{"delivered", ledger.delivered}, {"reordered", ledger.reordered}};
  if (!ledger.complete || !ledger.order_known) {
    CheckResult result =
        unknown(ledger.complete ? "no sink tells key and sequence number in the order of storage"
                                : ledger.why_incomplete,
                expected);
    result.measured = measured;
    return result;
  }
  if (ledger.delivered == 0) return unknown("not one event was delivered", expected);
  if (ledger.reordered > 0) {
    Json ids = Json::array();
    for (const EventReference& event : ledger.reordered_events) ids.push_back(event.id);
    measured["reordered_ids"] = ids;
    return failed(std::to_string(ledger.reordered) + " events are behind a later one of their key",
                  measured, expected);
  }
  return passed(measured, expected);
}

}  // namespace

extern const CheckKind kOrderedCheck;
const CheckKind kOrderedCheck = {
    .name = "ordered",
    .summary = "Acknowledged events of one key are stored in the order in which they were sent.",
    .params = {},
    .judge = judge,
};

}  // namespace stormlog::chaos

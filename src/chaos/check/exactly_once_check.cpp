// No event is stored twice, and nothing is stored that was refused or never sent.

#include "chaos/check/support.hpp"

namespace stormlog::chaos {
namespace {

using Json = nlohmann::ordered_json;

CheckResult judge(const RunRecord& run, const document::Params&) {
  const Json expected = {{"duplicated", 0}, {"stored_rejected", 0}, {"unknown_in_sink", 0}};
  if (!run.ledger) return unknown("the run has no ledger: no load, or no sinks", expected);
  const Reconciliation& ledger = *run.ledger;
  Json measured = {{"delivered", ledger.delivered},
                   {"stored_unacked", ledger.stored_unacked},
                   {"duplicated", ledger.duplicated},
                   {"stored_rejected", ledger.stored_rejected},
                   {"unknown_in_sink", ledger.unknown_in_sink}};
  if (ledger.duplicated > 0) {
    Json ids = Json::array();
    for (const EventReference& event : ledger.duplicated_events) ids.push_back(event.id);
    measured["duplicated_ids"] = ids;
  }
  if (!ledger.complete) {
    CheckResult result = unknown(ledger.why_incomplete, expected);
    result.measured = measured;
    return result;
  }
  if (ledger.delivered + ledger.stored_unacked == 0) {
    return unknown("not one event of this run was found", expected);
  }
  if (ledger.duplicated > 0) {
    return failed(
        std::to_string(ledger.duplicated) + " events are stored more than once; the first is " +
            (ledger.duplicated_events.empty() ? "?" : ledger.duplicated_events.front().id),
        measured, expected);
  }
  if (ledger.stored_rejected > 0) {
    return failed(std::to_string(ledger.stored_rejected) +
                      " events are stored although they were refused or never sent",
                  measured, expected);
  }
  if (ledger.unknown_in_sink > 0) {
    return failed(std::to_string(ledger.unknown_in_sink) +
                      " stored events carry this run's mark but were never sent",
                  measured, expected);
  }
  return passed(measured, expected);
}

}  // namespace

extern const CheckKind kExactlyOnceCheck;
const CheckKind kExactlyOnceCheck = {
    .name = "exactly_once",
    .summary = "No event is stored twice, and none that was refused or never sent.",
    .params = {},
    .judge = judge,
};

}  // namespace stormlog::chaos

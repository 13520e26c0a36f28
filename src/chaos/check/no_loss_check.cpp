// Every acknowledged event is in a store or, with its reason, in a dead letter queue.

#include "chaos/check/support.hpp"

namespace stormlog::chaos {
namespace {

using Json = nlohmann::ordered_json;

CheckResult judge(const RunRecord& run, const document::Params& params) {
  const Json expected = {{"lost", 0}};
  if (!run.ledger) return unknown("the run has no ledger: no load, or no sinks", expected);
  const Reconciliation& ledger = *run.ledger;
  Json measured = {{"sent", ledger.sent},
                   {"acked", ledger.acked},
                   {"delivered", ledger.delivered},
                   {"dead_lettered", ledger.dead_lettered},
                   {"indeterminate", ledger.indeterminate},
                   {"lost", ledger.lost}};
  if (ledger.lost > 0) {
    Json ids = Json::array();
    for (const EventReference& event : ledger.lost_events) ids.push_back(event.id);
    measured["lost_ids"] = ids;
  }
  if (!ledger.complete) {
    CheckResult result = unknown(ledger.why_incomplete, expected);
    result.measured = measured;
    return result;
  }
  if (ledger.acked == 0) return unknown("not one event was acknowledged", expected);
  if (ledger.lost > 0) {
    return failed(std::to_string(ledger.lost) + " acknowledged events are nowhere; the first is " +
                      (ledger.lost_events.empty() ? "?" : ledger.lost_events.front().id),
                  measured, expected);
  }
  if (!params.boolean("allow_dlq") && ledger.dead_lettered > 0) {
    return failed(std::to_string(ledger.dead_lettered) + " events are only in a dead letter queue",
                  measured, expected);
  }
  return passed(measured, expected);
}

}  // namespace

extern const CheckKind kNoLossCheck;
const CheckKind kNoLossCheck = {
    .name = "no_loss",
    .summary = "Every acknowledged event is found in a store.",
    .params = {{.name = "allow_dlq",
                .type = document::ParamType::boolean,
                .default_text = "false",
                .description = "Whether a dead letter queue counts as a store."}},
    .judge = judge,
};

}  // namespace stormlog::chaos

#include "ledger_verification.hpp"

#include <nlohmann/json.hpp>
#include <ostream>

#include "chaos/runner/drain.hpp"
#include "stop_on_signal.hpp"

namespace stormlog::cli {

Result<chaos::Reconciliation> verify_ledger(const Context& context, const chaos::Stack& stack,
                                            const chaos::Ledger& ledger,
                                            const std::vector<chaos::FaultWindow>& windows,
                                            std::optional<Nanoseconds> wait) {
  if (stack.ledger.sinks.empty()) {
    return Error::permanent(stack.file.string() +
                            ": it has no `ledger.sinks`: nowhere to look for the events");
  }
  const auto sinks = chaos::make_sinks(stack);
  if (!sinks) return sinks.error();

  chaos::Drain drain{true, ""};
  const Nanoseconds at_most = wait.value_or(stack.ledger.drain_timeout);
  if (at_most > Nanoseconds{0}) {
    const StopOnSignal stop;
    const auto waited = chaos::wait_until_drained(
        stack, *sinks, ledger.header, at_most, stop.requested(), [&](const std::string& missed) {
          if (context.live) context.err << "\r\x1b[Kdraining: " << missed << std::flush;
        });
    if (context.live) context.err << "\r\x1b[K" << std::flush;
    if (!waited) return waited.error();
    drain = *waited;
  }
  return chaos::reconcile(ledger, *sinks, windows, drain.drained, drain.why_not);
}

std::string verdict_of(const chaos::Reconciliation& result) {
  if (!result.complete) return "unknown";
  return result.lost > 0 || result.duplicated > 0 ? "failed" : "passed";
}

int exit_code_of(const chaos::Reconciliation& result) {
  if (!result.complete) return kUnknown;
  return result.lost > 0 || result.duplicated > 0 ? kFailed : kOk;
}

std::string verdict_line(const Context& context, const chaos::Reconciliation& result) {
  const std::string verdict = verdict_of(result);
  if (verdict == "passed") {
    return context.paint("green", "passed") + ": nothing acknowledged was lost, nothing duplicated";
  }
  if (verdict == "unknown") {
    return context.paint("yellow", "unknown") + ": " + result.why_incomplete;
  }
  return context.paint("red", "failed") + ": " + std::to_string(result.lost) + " lost, " +
         std::to_string(result.duplicated) + " duplicated";
}

}  // namespace stormlog::cli

#include "ledger_verification.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>
#include <thread>

#include "common/base/units.hpp"

namespace stormlog::cli {
namespace {

using Sinks = std::vector<std::unique_ptr<chaos::Sink>>;

constexpr Nanoseconds kLookEvery = std::chrono::milliseconds{500};

struct Drain {
  bool drained = false;
  std::string why_not;
};

// The number of events in each sink, or why one cannot be read.
Result<std::vector<std::uint64_t>> count_events(const Sinks& sinks,
                                                const chaos::LedgerHeader& run) {
  std::vector<std::uint64_t> counts;
  for (const auto& sink : sinks) {
    std::uint64_t count = 0;
    const Result<void> read = sink->read(run, [&](chaos::SinkEvent&&) { ++count; });
    if (!read) return read.error().in("sink " + sink->spec().name);
    counts.push_back(count);
  }
  return counts;
}

// Drained is what has not changed for the stack's `quiet`.
Drain wait_until_drained(const Context& context, const chaos::Stack& stack, const Sinks& sinks,
                         const chaos::LedgerHeader& run, Nanoseconds at_most) {
  if (at_most == Nanoseconds{0}) return {true, ""};
  const Clock& clock = SystemClock::instance();
  const MonotonicTime limit = clock.now() + at_most;
  const Nanoseconds quiet = stack.ledger.quiet;
  std::vector<std::uint64_t> last;
  std::string unreadable;
  MonotonicTime changed = clock.now();
  for (;;) {
    const MonotonicTime looked = clock.now();
    Result<std::vector<std::uint64_t>> counts = count_events(sinks, run);
    if (!counts) {
      unreadable = counts.error().message;
      last.clear();
    } else if (*counts != last) {
      unreadable.clear();
      last = std::move(*counts);
      changed = looked;
    } else if (looked - changed >= quiet) {
      return {true, ""};
    }
    if (clock.now() >= limit) break;
    if (context.live) {
      context.err << "\rwaiting until the sinks are quiet for " << units::format_duration(quiet)
                  << " " << std::flush;
    }
    std::this_thread::sleep_for(std::min(kLookEvery, limit - clock.now()));
  }
  const std::string within = units::format_duration(at_most);
  if (!unreadable.empty()) return {false, "not readable within " + within + ": " + unreadable};
  return {false, "the sinks were still changing, or not yet quiet for " +
                     units::format_duration(quiet) + ", after " + within};
}

}  // namespace

Result<chaos::Reconciliation> verify_ledger(const Context& context, const chaos::Stack& stack,
                                            const chaos::Ledger& ledger,
                                            const std::vector<chaos::FaultWindow>& windows,
                                            std::optional<Nanoseconds> wait) {
  if (stack.ledger.sinks.empty()) {
    return Error::permanent(stack.file.string() +
                            ": it has no `ledger.sinks`: nowhere to look for the events");
  }
  Sinks sinks;
  for (const chaos::SinkSpec& spec : stack.ledger.sinks) {
    Result<std::unique_ptr<chaos::Sink>> sink = chaos::make_sink(spec);
    if (!sink) return sink.error().in(stack.file.string() + ":" + std::to_string(spec.line));
    sinks.push_back(std::move(*sink));
  }
  const Drain drain = wait_until_drained(context, stack, sinks, ledger.header,
                                         wait.value_or(stack.ledger.drain_timeout));
  if (context.live) context.err << "\r\x1b[K" << std::flush;
  return chaos::reconcile(ledger, sinks, windows, drain.drained, drain.why_not);
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

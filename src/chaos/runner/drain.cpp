#include "chaos/runner/drain.hpp"

#include <algorithm>
#include <thread>

#include "chaos/runner/probe_watcher.hpp"
#include "chaos/runner/vocabulary.hpp"
#include "common/base/units.hpp"

namespace stormlog::chaos {
namespace {

using Sinks = std::vector<std::unique_ptr<Sink>>;

constexpr Nanoseconds kLookEvery = std::chrono::milliseconds{250};
// A metric may lag behind by a refresh and be right by accident once.
constexpr Nanoseconds kHoldFor = std::chrono::seconds{1};

class Waiter {
 public:
  Waiter(Nanoseconds at_most, const std::atomic<bool>& stop,
         const std::function<void(const std::string&)>& progress)
      : limit_(clock_.now() + at_most), at_most_(at_most), stop_(stop), progress_(progress) {}

  MonotonicTime now() const { return clock_.now(); }
  bool over() const { return stop_ || clock_.now() >= limit_; }
  void pause(const std::string& waiting_for) const {
    if (progress_) progress_(waiting_for);
    std::this_thread::sleep_for(
        std::clamp<Nanoseconds>(limit_ - clock_.now(), Nanoseconds{0}, kLookEvery));
  }
  Drain not_drained(const std::string& why) const {
    if (stop_) return {false, "stopped while draining"};
    return {false, "not drained within " + units::format_duration(at_most_) + ": " + why};
  }

 private:
  const Clock& clock_ = SystemClock::instance();
  MonotonicTime limit_;
  Nanoseconds at_most_;
  const std::atomic<bool>& stop_;
  const std::function<void(const std::string&)>& progress_;
};

Drain wait_for_probes(std::vector<ArmedProbe>& probes, const Waiter& waiter) {
  std::optional<MonotonicTime> holds_since;
  for (;;) {
    std::string missed;
    for (ArmedProbe& probe : probes) {
      const ProbeObservation seen = look(probe, Nanoseconds{0});
      if (!seen.held) {
        missed = seen.probe + ": " + seen.seen + ", expected " + probe.step->expect.text();
        break;
      }
    }
    if (!missed.empty()) {
      holds_since.reset();
    } else if (!holds_since) {
      holds_since = waiter.now();
    } else if (waiter.now() - *holds_since >= kHoldFor) {
      return {true, ""};
    }
    if (waiter.over()) return waiter.not_drained(missed.empty() ? "held too shortly" : missed);
    waiter.pause(missed);
  }
}

Result<std::vector<std::uint64_t>> count_events(const Sinks& sinks, const LedgerHeader& run) {
  std::vector<std::uint64_t> counts;
  for (const auto& sink : sinks) {
    std::uint64_t count = 0;
    const Result<void> read = sink->read(run, [&](SinkEvent&&) { ++count; });
    if (!read) return read.error().in("sink " + sink->spec().name);
    counts.push_back(count);
  }
  return counts;
}

Drain wait_for_quiet(const Sinks& sinks, const LedgerHeader& run, Nanoseconds quiet,
                     const Waiter& waiter) {
  std::vector<std::uint64_t> last;
  std::string unreadable;
  MonotonicTime changed = waiter.now();
  for (;;) {
    const MonotonicTime looked = waiter.now();
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
    if (waiter.over()) {
      return waiter.not_drained(!unreadable.empty() ? unreadable : "the sinks are not yet quiet");
    }
    waiter.pause("sinks quiet for " + units::format_duration(quiet));
  }
}

}  // namespace

Result<Drain> wait_until_drained(const Stack& stack, const Sinks& sinks, const LedgerHeader& run,
                                 Nanoseconds at_most, const std::atomic<bool>& stop,
                                 const std::function<void(const std::string&)>& progress) {
  const Waiter waiter(at_most, stop, progress);
  if (stack.ledger.drained.is_null()) {
    return wait_for_quiet(sinks, run, stack.ledger.quiet, waiter);
  }
  document::Diagnostics diagnostics;
  const auto steps = parse_probes(stack.ledger.drained, vocabulary(), diagnostics);
  if (auto good = diagnostics.result(); !good.ok()) return good.error();
  auto probes = arm(stack, steps);
  if (!probes.ok()) return probes.error();
  return wait_for_probes(*probes, waiter);
}

Result<Sinks> make_sinks(const Stack& stack) {
  Sinks sinks;
  for (const SinkSpec& spec : stack.ledger.sinks) {
    auto sink = make_sink(spec);
    if (!sink) return sink.error().in(stack.file.string() + ":" + std::to_string(spec.line));
    sinks.push_back(std::move(*sink));
  }
  return sinks;
}

}  // namespace stormlog::chaos

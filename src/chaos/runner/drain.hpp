#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "chaos/ledger/ledger.hpp"
#include "chaos/stack/stack.hpp"
#include "common/base/result.hpp"

namespace stormlog::chaos {

struct Drain {
  bool drained = false;
  std::string why_not;
};

// Waits until nothing is under way any more: the stack's `ledger.drained` probes hold for a while,
// or, where it names none, no sink has changed for `ledger.quiet`.
//
// Blocking: at most `at_most` and one look at the sinks. `stop` ends it early (not drained).
// Errors:   a probe of the stack file that cannot be made.
Result<Drain> wait_until_drained(const Stack& stack,
                                 const std::vector<std::unique_ptr<Sink>>& sinks,
                                 const LedgerHeader& run, Nanoseconds at_most,
                                 const std::atomic<bool>& stop,
                                 const std::function<void(const std::string&)>& progress = {});

// The sinks of a stack file; errors name their place in it.
Result<std::vector<std::unique_ptr<Sink>>> make_sinks(const Stack& stack);

}  // namespace stormlog::chaos

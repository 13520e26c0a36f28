#pragma once

#include <string>

#include "chaos/stack/stack.hpp"
#include "common/base/process.hpp"
#include "common/base/result.hpp"

namespace stormlog::chaos {

// The process of a service right now: from the supervisor's state for managed services, from the
// PID file or the listening port for foreign ones.
//
// Errors: permanent, with the service and what was looked at, when there is no living process.
Result<ProcessIdentity> process_of(const Stack& stack, const std::string& service);

// What an experiment or an `inject` may hit, tested before each injection.
struct BlastRadius {
  int max_targets = 1;  // targets hit at the same time
};

// A permanent error when `target` is unknown (with "did you mean"), protected, or one too many
// beside `active` (the targets under a fault right now).
Result<void> guard(const Stack& stack, const std::string& target, const BlastRadius& radius,
                   const std::vector<std::string>& active);

}  // namespace stormlog::chaos

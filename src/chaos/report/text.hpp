#pragma once

#include <string>

#include "chaos/runner/verdict.hpp"

namespace stormlog::chaos {

// What a person reads at the end: timeline, checks, ledger, verdict and the run's folder. `colour`
// adds ANSI colours.
std::string render_text(const RunOutcome& outcome, bool colour);

}  // namespace stormlog::chaos

#pragma once

#include <nlohmann/json_fwd.hpp>

#include "chaos/runner/verdict.hpp"

namespace stormlog::chaos {

// The run as verdict.json holds it. Times in milliseconds since the run's start, those under
// `recovery` since the first injection; what did not happen is null there.
nlohmann::ordered_json verdict_json(const RunOutcome& outcome);

}  // namespace stormlog::chaos

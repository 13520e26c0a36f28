#pragma once

#include <string>

#include "chaos/report/junit.hpp"
#include "chaos/report/text.hpp"
#include "chaos/report/verdict_json.hpp"
#include "chaos/runner/verdict.hpp"
#include "common/base/result.hpp"

namespace stormlog::chaos {

// Writes verdict.json and junit.xml into the run's folder; each is there whole or not at all.
Result<void> write_reports(const RunOutcome& outcome);

}  // namespace stormlog::chaos

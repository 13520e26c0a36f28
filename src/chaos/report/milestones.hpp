#pragma once

#include <optional>

#include "chaos/experiment/run_record.hpp"

namespace stormlog::chaos {

// The steps from fault to health, as offsets from the run's start; empty where one did not happen.
// Of several breakers the one that opened first counts.
struct Milestones {
  std::optional<Nanoseconds> injected;   // the first fault
  std::optional<Nanoseconds> detected;   // the first request after it that was not acknowledged
  std::optional<Nanoseconds> opened;     // its breaker
  std::optional<Nanoseconds> half_open;  // the trial that led to closed, else the last one
  std::optional<Nanoseconds> closed;     // for good: still closed at the end
  std::optional<Nanoseconds> recovered;
  std::optional<Nanoseconds> drained;
};

Milestones milestones_of(const RunRecord& run);

}  // namespace stormlog::chaos

#pragma once

#include <string>
#include <vector>

#include "chaos/experiment/run_record.hpp"

namespace stormlog::chaos {

struct TimelineEntry {
  enum class Tone { plain, trouble, good };
  Nanoseconds at{};
  std::string text;
  Tone tone = Tone::plain;
};

// The key events of a run in the order of their times: load, faults and their effect, breaker
// transitions, processes, steady state lost and held again, recovered, drained.
std::vector<TimelineEntry> timeline_of(const RunRecord& run);

}  // namespace stormlog::chaos

#pragma once

#include "chaos/experiment/experiment.hpp"

namespace stormlog::chaos {

// All words of this program: its registered faults, probes, checks and the load's parameters.
const Vocabulary& vocabulary();

}  // namespace stormlog::chaos

#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "chaos/experiment/experiment.hpp"
#include "chaos/stack/stack.hpp"

namespace stormlog::chaos {

// What a run would do, step by step: for --dry-run and for the journal's first entry. The same
// file, stack and seed give the same plan.
nlohmann::ordered_json make_plan(const Experiment& experiment, const Stack& stack,
                                 std::uint64_t seed);

std::string render_plan(const nlohmann::ordered_json& plan);

// Seed of the random choices of the method's fault at `index`.
std::uint64_t fault_seed(std::uint64_t seed, std::size_t index);

// How long a fault may be in at most: the file's ttl, else its `for` and a minute.
Nanoseconds ttl_of(const Experiment& experiment, const FaultStep& step);

}  // namespace stormlog::chaos

#pragma once

#include <string>

#include "chaos/probe/probe.hpp"

namespace stormlog::chaos {

// The single number in the answer to a query, as `value`. Several series are no data: which one is
// meant is not ours to guess.
//
// Source: Prometheus HTTP API, /api/v1/query.
ProbeResult read_prometheus_answer(const std::string& body);

}  // namespace stormlog::chaos

#pragma once

#include <cstdint>
#include <string>

#include "pipeline/event/event.hpp"

namespace stormlog::pipeline {

// One event as the query API answers it and the cache keeps it: a JSON object, times as RFC 3339
// with nanoseconds, absent fields left out.
std::string to_json(const EventRecord& event, int partition, std::int64_t offset);

}  // namespace stormlog::pipeline

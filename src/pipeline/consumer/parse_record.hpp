#pragma once

#include <variant>

#include "pipeline/consumer/batch.hpp"
#include "pipeline/consumer/record_source.hpp"

namespace stormlog::pipeline {

// A row, or a dead letter where the payload is no stored form. The same for a record from Kafka and
// for one that was spilled.
std::variant<LogRow, DeadLetter> parse(const SourceRecord& record);

}  // namespace stormlog::pipeline

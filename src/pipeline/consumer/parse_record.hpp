#pragma once

#include "pipeline/consumer/batch.hpp"
#include "pipeline/consumer/record_source.hpp"

namespace stormlog::pipeline {

// Adds a row to the batch, or a dead letter where the payload is no stored form. The same for a
// record from Kafka and for one that was spilled.
void parse(const SourceRecord& record, PartitionBatch& batch);

}  // namespace stormlog::pipeline

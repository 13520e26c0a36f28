#pragma once

#include <cstdint>

#include "common/base/options.hpp"

namespace stormlog::pipeline {

// What gateway and producer have in common where events come in.
struct IngestConfig {
  std::int64_t idempotency_keys = 100'000;
};

void add_ingest_options(OptionTable& options, IngestConfig& config);

}  // namespace stormlog::pipeline

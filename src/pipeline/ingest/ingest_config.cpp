#include "pipeline/ingest/ingest_config.hpp"

namespace stormlog::pipeline {

void add_ingest_options(OptionTable& options, IngestConfig& config) {
  options.add("idempotency-keys", &config.idempotency_keys, {0, 100'000'000},
              "Idempotency-Keys that are remembered, so that another body under one of them is "
              "answered 409. Raising it takes some 100 bytes for each; 0 remembers none.");
}

}  // namespace stormlog::pipeline

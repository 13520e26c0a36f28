#pragma once

#include <string>
#include <string_view>

#include "common/telemetry/metrics.hpp"

namespace stormlog::pipeline {

// ingest_rejected_total{reason}: requests and events that were not taken, by reason.
class RejectedCounter {
 public:
  explicit RejectedCounter(telemetry::Metrics& metrics) : metrics_(metrics) {}
  void add(std::string_view reason, double count = 1) const {
    metrics_
        .counter("ingest_rejected_total", "Requests or events that were not taken, by reason.",
                 {{"reason", std::string(reason)}})
        .add(count);
  }

 private:
  telemetry::Metrics& metrics_;
};

}  // namespace stormlog::pipeline

#pragma once

#include <string>

namespace stormlog::telemetry {

class Metrics;

// What Metrics::add_process_metrics() adds; read from /proc/self at each scrape.
void add_process_metrics(Metrics& metrics, const std::string& service);

}  // namespace stormlog::telemetry

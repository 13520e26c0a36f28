#pragma once

#include "common/telemetry/metrics.hpp"
#include "proxy/api/proxy_set.hpp"

namespace stormlog::proxy {

// Bytes under Toxiproxy's names, growing while a connection lives; connections and the delay that
// toxics add under ours. A disabled or deleted proxy has no samples.
//
// Lifetime: all three as long as the last scrape.
void add_proxy_metrics(telemetry::Metrics& metrics, const ProxySet& proxies, const Engine& engine);

}  // namespace stormlog::proxy

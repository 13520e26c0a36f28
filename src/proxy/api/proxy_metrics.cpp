#include "proxy/api/proxy_metrics.hpp"

#include <fmt/format.h>

#include <string>

namespace stormlog::proxy {
namespace {

using telemetry::Labels;
using telemetry::Metrics;

constexpr Stream kStreams[] = {Stream::upstream, Stream::downstream};

Labels labels_of(const ProxyCore& core) {
  return {{"listener", core.listen}, {"proxy", core.name}, {"upstream", core.upstream}};
}
Labels labels_of(const ProxyCore& core, Stream stream) {
  Labels labels = labels_of(core);
  labels.emplace("direction", std::string(to_string(stream)));
  return labels;
}

template <typename Use>
void for_each_core(const ProxySet& proxies, Use use) {
  for (const auto& [name, proxy] : proxies.all()) {
    if (proxy->running) use(*proxy->running->core);
  }
}

template <typename Read>
double sum(const ProxyCore& core, Read read) {
  std::uint64_t total = 0;
  for (const auto& counters : core.history->counters) total += read(counters);
  return static_cast<double>(total);
}

void add_bytes(Metrics& metrics, const ProxySet& proxies, const std::string& name,
               const std::string& help, Tally DirectionCounters::*tally) {
  metrics.counter_source(name, help, [&proxies, tally](const Metrics::Emit& emit) {
    for_each_core(proxies, [&](const ProxyCore& core) {
      for (const Stream stream : kStreams) {
        emit(labels_of(core, stream), sum(core, [&](const ProxyCounters& counters) {
               return (counters.direction[static_cast<std::size_t>(stream)].*tally).value();
             }));
      }
    });
  });
}

void add_connections(Metrics& metrics, const ProxySet& proxies, const std::string& name,
                     const std::string& help, Tally ProxyCounters::*tally) {
  metrics.counter_source(name, help, [&proxies, tally](const Metrics::Emit& emit) {
    for_each_core(proxies, [&](const ProxyCore& core) {
      emit(labels_of(core),
           sum(core, [&](const ProxyCounters& counters) { return (counters.*tally).value(); }));
    });
  });
}

// A histogram in three parts, for its samples are counted by the workers.
void add_delay(Metrics& metrics, const ProxySet& proxies) {
  const auto each = [&proxies](const auto& use) {
    for_each_core(proxies, [&](const ProxyCore& core) {
      for (const Stream stream : kStreams) use(core, stream, labels_of(core, stream));
    });
  };
  const auto at = [](const ProxyCounters& counters, Stream stream) -> const DirectionCounters& {
    return counters.direction[static_cast<std::size_t>(stream)];
  };
  metrics.histogram_source(
      "stormlog_proxy_delay_seconds", "How long toxics held chunks of data back.",
      {kDelayBuckets.begin(), kDelayBuckets.end()}, [each, at](const Metrics::EmitHistogram& emit) {
        each([&](const ProxyCore& core, Stream stream, const Labels& labels) {
          std::vector<std::uint64_t> counts(kDelayBuckets.size() + 1);
          double seconds = 0;
          for (const auto& counters : core.history->counters) {
            for (std::size_t i = 0; i < counts.size(); ++i) {
              counts[i] += at(counters, stream).delays[i].value();
            }
            seconds += static_cast<double>(at(counters, stream).delay_sum.value()) / 1e9;
          }
          emit(labels, counts, seconds);
        });
      });
}

}  // namespace

void add_proxy_metrics(Metrics& metrics, const ProxySet& proxies, const Engine& engine) {
  add_bytes(metrics, proxies, "toxiproxy_proxy_received_bytes_total",
            "Bytes read from the source of the direction.", &DirectionCounters::received);
  add_bytes(metrics, proxies, "toxiproxy_proxy_sent_bytes_total",
            "Bytes written to the destination of the direction.", &DirectionCounters::sent);
  add_connections(metrics, proxies, "stormlog_proxy_connections_total",
                  "Connections accepted from clients.", &ProxyCounters::connections);
  add_connections(metrics, proxies, "stormlog_proxy_connect_failures_total",
                  "Connections whose upstream was not reached.", &ProxyCounters::failed);
  add_connections(metrics, proxies, "stormlog_proxy_connections_refused_total",
                  "Connections reset because there were too many.", &ProxyCounters::refused);
  add_delay(metrics, proxies);
  metrics.gauge_source("stormlog_proxy_connections", "Open connections.",
                       [&proxies](const Metrics::Emit& emit) {
                         for_each_core(proxies, [&](const ProxyCore& core) {
                           emit(labels_of(core), sum(core, [](const ProxyCounters& counters) {
                                  const std::uint64_t closed = counters.closed.value();
                                  return std::max(counters.connections.value(), closed) - closed;
                                }));
                         });
                       });
  metrics.gauge_source("stormlog_proxy_toxics", "Toxics by type.",
                       [&proxies](const Metrics::Emit& emit) {
                         for (const auto& [name, proxy] : proxies.all()) {
                           std::map<std::pair<std::string, Stream>, int> counts;
                           for (const auto& toxic : proxy->toxics)
                             ++counts[{toxic->type->name, toxic->stream}];
                           for (const auto& [key, count] : counts) {
                             emit({{"proxy", name},
                                   {"type", key.first},
                                   {"direction", std::string(to_string(key.second))}},
                                  count);
                           }
                         }
                       });
  metrics.gauge_source(
      "stormlog_proxy_buffered_bytes", "Bytes held by toxics or waiting for a slow reader.",
      [&engine](const Metrics::Emit& emit) { emit({}, static_cast<double>(engine.buffered())); });
}

}  // namespace stormlog::proxy

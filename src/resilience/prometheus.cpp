#include "resilience/prometheus.hpp"

#include <array>
#include <charconv>
#include <utility>

namespace stormlog::resilience::prometheus {
namespace {

std::string_view to_string(Type type) {
  switch (type) {
    case Type::counter:
      return "counter";
    case Type::gauge:
      return "gauge";
    case Type::summary:
      break;
  }
  return "summary";
}

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
}

template <typename Number>
void append_number(std::string& out, Number value) {
  std::array<char, 32> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  out.append(buffer.data(), end.ptr);
}

template <typename Number>
void append_line(std::string& out, std::string_view family, std::string_view suffix,
                 std::string_view guard, const Sample& sample, Number value) {
  out.append(family).append(suffix).append("{name=\"");
  append_escaped(out, guard);
  if (!sample.label.empty()) {
    out.append("\",").append(sample.label).append("=\"");
    append_escaped(out, sample.label_value);
  }
  out.append("\"} ");
  append_number(out, value);
  out += '\n';
}

// Each guard's name and numbers, read once: the samples of one scrape belong together.
template <typename Metrics>
void append_families(std::string& out, std::span<const Family<Metrics>> families,
                     const std::vector<std::pair<std::string_view, Metrics>>& guards) {
  if (guards.empty()) return;
  for (const Family<Metrics>& family : families) {
    out.append("# HELP ").append(family.name).append(" ").append(family.help).append("\n# TYPE ");
    out.append(family.name).append(" ").append(to_string(family.type)).append("\n");
    for (const auto& [guard, metrics] : guards) {
      family.samples(metrics, [&, name = guard](const Sample& sample) {
        if (family.type == Type::summary) {
          append_line(out, family.name, "_count", name, sample, sample.count);
          append_line(out, family.name, "_sum", name, sample, sample.value);
        } else {
          append_line(out, family.name, "", name, sample, sample.value);
        }
      });
    }
  }
}

template <typename Guard>
auto metrics_of(const Guard& guard) {
  return guard.metrics();
}

BulkheadMetrics metrics_of(const Bulkhead& bulkhead) {
  return {.available_concurrent_calls = bulkhead.available_concurrent_calls(),
          .max_allowed_concurrent_calls = bulkhead.max_allowed_concurrent_calls()};
}

template <typename Guard>
auto read(const std::vector<const Guard*>& guards) {
  std::vector<std::pair<std::string_view, decltype(metrics_of(*guards.front()))>> all;
  for (const Guard* guard : guards) all.emplace_back(guard->name(), metrics_of(*guard));
  return all;
}

}  // namespace

std::string TextExporter::text() const {
  std::string out;
  append_families(out, circuit_breaker_families(), read(breakers_));
  append_families(out, retry_families(), read(retries_));
  append_families(out, bulkhead_families(), read(bulkheads_));
  append_families(out, rate_limiter_families(), read(rate_limiters_));
  append_families(out, time_limiter_families(), read(time_limiters_));
  return out;
}

}  // namespace stormlog::resilience::prometheus

#pragma once

#include <map>
#include <string>
#include <vector>

namespace stormlog::telemetry {

using Labels = std::map<std::string, std::string>;

// One sample of a scraped page.
struct Sample {
  std::string name;
  Labels labels;
  double value = 0;

  bool operator==(const Sample&) const = default;
};

// Parses Prometheus' text exposition format, and what OpenMetrics adds to it: exemplars, quoted
// names, `# EOF`. Timestamps are checked and dropped. Lives here, beside the writer, because the
// engine reads what any service writes.
//
// Errors: none of the samples, and in `error` the line number with what was expected there; `error`
//         is emptied on success, and may be null.
// Source: prometheus.io/docs/instrumenting/exposition_formats, 0.0.4; OpenMetrics 1.0.
std::vector<Sample> parse_exposition(const std::string& text, std::string* error);

}  // namespace stormlog::telemetry

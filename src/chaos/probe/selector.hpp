#pragma once

#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "common/telemetry/metrics.hpp"

namespace stormlog::chaos {

// The small part of PromQL that a single scraped page can answer:
//   name    name{label="value",other!="x"}    sum(…)    max(…)  min(…)  avg(…)  count(…)
//
// Source: Prometheus "Querying basics", instant vector selectors.
struct Selector {
  struct Matcher {
    std::string label;
    std::string value;
    bool equal = true;
  };
  std::string aggregate;  // "", "sum", "max", "min", "avg", "count"
  std::string name;
  std::vector<Matcher> matchers;

  static Result<Selector> parse(const std::string& text);

  // The one value. An error when no sample matches, or several do and nothing aggregates them.
  Result<double> evaluate(const std::vector<telemetry::Sample>& samples) const;
};

}  // namespace stormlog::chaos

#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "chaos/experiment/run_record.hpp"
#include "chaos/load/load.hpp"
#include "common/base/histogram.hpp"

namespace stormlog::chaos {

// What a load did, summed up.
struct LoadReport {
  Nanoseconds from{};  // first intended moment
  Nanoseconds to{};    // last end
  std::uint64_t requests = 0;
  LoadSnapshot events;
  std::uint64_t requests_acked = 0;
  // Of requests that a server saw; unsent ones are counted above and have no latency.
  Histogram latency;                   // from the intended moment
  Histogram service_time;              // from the first byte
  std::map<int, std::uint64_t> codes;  // 0: no response
  std::vector<LoadError> errors;

  double seconds() const;
  double requests_per_second() const;  // that were sent
  double events_per_second() const;    // that were acked
};

LoadReport summarize(const std::vector<RequestSample>& samples, const LoadSnapshot& events,
                     std::vector<LoadError> errors);

// A small table for people, and the same as JSON.
std::string to_text(const LoadReport& report);
nlohmann::ordered_json to_json(const LoadReport& report);

}  // namespace stormlog::chaos

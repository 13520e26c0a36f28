// The services' memory stays bounded, whatever is done to them.

#include <algorithm>

#include "chaos/check/support.hpp"
#include "common/base/suggest.hpp"
#include "common/base/units.hpp"

namespace stormlog::chaos {
namespace {

using Json = nlohmann::ordered_json;

std::uint64_t growth_of(const MemoryUse& use) {
  return use.peak > *use.before ? use.peak - *use.before : 0;
}

CheckResult judge(const RunRecord& run, const document::Params& params) {
  const std::uint64_t most_growth = params.bytes("max_growth");
  Json expected = {{"max_growth_bytes", most_growth}};
  if (params.has("max")) expected["max_bytes"] = params.bytes("max");
  if (!first_injection(run)) return unknown("no fault was injected", expected);
  const auto uses = memory_uses(run);
  std::vector<std::string> known;
  for (const auto& [service, use] : uses) known.push_back(service);
  const std::vector<std::string> services =
      params.has("services") ? params.text_list("services") : known;
  if (services.empty()) return unknown("the memory of no service was seen", expected);

  std::vector<std::string> over;
  std::string most_grown;
  Json list = Json::object();
  for (const std::string& service : services) {
    const auto found = uses.find(service);
    if (found == uses.end()) {
      return unknown(
          "the memory of \"" + service + "\" was not seen" + did_you_mean(service, known),
          expected);
    }
    const MemoryUse& use = found->second;
    if (!use.before) {
      return unknown("the memory of " + service + " was not seen before the first fault", expected);
    }
    list[service] = {
        {"before_bytes", *use.before}, {"peak_bytes", use.peak}, {"after_bytes", use.after}};
    if (most_grown.empty() || growth_of(use) > growth_of(uses.at(most_grown))) {
      most_grown = service;
    }
    if (growth_of(use) > most_growth) {
      over.push_back(service + " grew from " + units::format_bytes(*use.before) + " to " +
                     units::format_bytes(use.peak) + ", by more than " +
                     units::format_bytes(most_growth));
    } else if (params.has("max") && use.peak > params.bytes("max")) {
      over.push_back(service + " took " + units::format_bytes(use.peak) + ", more than " +
                     units::format_bytes(params.bytes("max")));
    }
  }
  const Json measured = {{"max_growth_bytes", growth_of(uses.at(most_grown))},
                         {"service", most_grown},
                         {"services", list}};
  if (over.empty()) return passed(measured, expected);
  std::string reason;
  for (const std::string& one : over) reason += (reason.empty() ? "" : "; ") + one;
  return failed(reason, measured, expected);
}

}  // namespace

extern const CheckKind kMemoryCheck;
const CheckKind kMemoryCheck = {
    .name = "memory",
    .summary = "The resident memory of services stays bounded during the faults and after them.",
    .params =
        {
            {.name = "services",
             .type = document::ParamType::text_list,
             .description = "Services to judge; all that were seen if absent."},
            {.name = "max_growth",
             .type = document::ParamType::bytes,
             .default_text = "64MiB",
             .description = "How much more than the most before the first fault."},
            {.name = "max",
             .type = document::ParamType::bytes,
             .description = "The most that one service may take."},
        },
    .judge = judge,
};

}  // namespace stormlog::chaos

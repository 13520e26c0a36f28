#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "chaos/stack/stack.hpp"
#include "common/base/result.hpp"
#include "common/document/params.hpp"

namespace stormlog::chaos {

// What a probe saw. No data is neither good nor bad: nothing may be concluded from it.
struct ProbeResult {
  bool has_data = false;
  std::string no_data;           // why there is none
  nlohmann::ordered_json value;  // {"status":200,"body":"…"}, {"value":12.5}, {"running":true}

  static ProbeResult none(std::string why) { return {false, std::move(why), {}}; }
  static ProbeResult of(nlohmann::ordered_json value) { return {true, {}, std::move(value)}; }
};

// Measures and never changes anything.
//
// Threads:  caller synchronises.
// Blocking: at most its `timeout` parameter.
class Probe {
 public:
  virtual ~Probe() = default;
  virtual ProbeResult measure() = 0;
};

// One probe = one file that defines one of these, registered in one line in registry.cpp.
struct ProbeKind {
  std::string name;
  std::string summary;
  std::vector<document::ParamSpec> params;
  // What `expect` judges when the file gives none: "" = `expect` is required.
  std::string default_expect;
  Result<std::unique_ptr<Probe>> (*make)(const Stack& stack, const document::Params& params);
};

// The parameter `timeout` of a probe that asks somebody.
inline document::ParamSpec timeout_param() {
  return {.name = "timeout",
          .type = document::ParamType::duration,
          .default_text = "2s",
          .description = "No answer within this is no data.",
          .min = 0.001};
}

const std::vector<const ProbeKind*>& probe_kinds();
const ProbeKind* find_probe_kind(const std::string& name);

}  // namespace stormlog::chaos

#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "chaos/experiment/run_record.hpp"
#include "common/document/params.hpp"

namespace stormlog::chaos {

enum class CheckOutcome { passed, failed, unknown };
std::string_view to_string(CheckOutcome outcome);

struct CheckResult {
  CheckOutcome outcome = CheckOutcome::unknown;
  nlohmann::ordered_json measured;
  nlohmann::ordered_json expected;
  std::string reason;  // one sentence; always given unless passed
};

// One check = one file that defines one of these, registered in one line in registry.cpp. A check
// is a pure function of the finished run. Without data it is `unknown`, never `passed`.
struct CheckKind {
  std::string name;
  std::string summary;
  std::vector<document::ParamSpec> params;
  CheckResult (*judge)(const RunRecord& run, const document::Params& params);
};

const std::vector<const CheckKind*>& check_kinds();
const CheckKind* find_check_kind(const std::string& name);

}  // namespace stormlog::chaos

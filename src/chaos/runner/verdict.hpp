#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "chaos/check/check.hpp"
#include "chaos/experiment/run_record.hpp"

namespace stormlog::chaos {

enum class Verdict { passed, failed, invalid, unknown, aborted };
std::string_view to_string(Verdict verdict);
// 0 passed, 1 failed, 3 invalid, 4 unknown, 5 aborted. (2 is a bad file or bad usage.)
int exit_code(Verdict verdict);

struct CheckReport {
  std::string check;
  std::string place;  // file:line
  nlohmann::ordered_json params;
  CheckResult result;
};

// Why a run ended before its time, or could not prove anything.
struct RunEnd {
  std::string aborted;  // reason, or ""
  std::string invalid;  // reason, or ""
};

// How a run is judged: aborted before invalid before failed before unknown before passed. A run
// passes only when every fault's effect was confirmed and every check passed; with no check at all
// it is unknown.
Verdict decide(const RunEnd& end, const RunRecord& run, const std::vector<CheckReport>& checks,
               std::string& reason);

struct RunOutcome {
  Verdict verdict = Verdict::unknown;
  std::string reason;
  std::string name;
  std::filesystem::path folder;
  RunRecord record;
  std::vector<CheckReport> checks;
};

}  // namespace stormlog::chaos

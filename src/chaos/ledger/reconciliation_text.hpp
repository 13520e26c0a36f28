#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "chaos/experiment/run_record.hpp"

// A reconciliation for people and for programs.
namespace stormlog::chaos {

// {"complete":true,"sent":…,"lost":…,"lost_events":[{"id","key","seq","sent_ms","where"}],
//  "windows":[…]}; offsets in milliseconds from the ledger's start.
nlohmann::ordered_json to_json(const Reconciliation& result);

// Counts, windows where there are some, and the first lost, duplicated and reordered events.
std::string to_text(const Reconciliation& result);

}  // namespace stormlog::chaos

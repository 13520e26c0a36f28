#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "chaos/fault/undo_journal.hpp"

// How undo records are shown by inject, heal and doctor.
namespace stormlog::cli {

// "expired", "its engine has ended", "in" (belongs to a living engine) or "left in" (detached).
std::string condition_of(const chaos::UndoRecord& record);
// Whether no living engine answers for it: it waits for the watchdog, `heal` or `doctor --heal`.
bool is_leftover(const chaos::UndoRecord& record);
nlohmann::ordered_json to_json(const chaos::UndoRecord& record);

}  // namespace stormlog::cli

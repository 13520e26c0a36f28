#pragma once

#include <filesystem>

#include "common/base/result.hpp"

namespace stormlog::chaos {

// The watchdog's own loop, in the process that start_watchdog() made: heals each record whose owner
// has ended or whose TTL is over, and returns when no record has been there for a while.
// Returns without error when another watchdog goes on serving this HOME.
Result<void> run_watchdog(const std::filesystem::path& home);

}  // namespace stormlog::chaos

#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "chaos/experiment/run_record.hpp"
#include "chaos/ledger/ledger.hpp"
#include "command.hpp"

// Reads a ledger against the sinks of a stack; for `verify` and `load --verify`.
namespace stormlog::cli {

constexpr int kUnknown = 4;

// Waits until the system has drained, at most `wait` (the stack's drain_timeout when empty; 0 =
// the caller says that it has), then reads the sinks. Errors: the stack has no usable sink.
Result<chaos::Reconciliation> verify_ledger(const Context& context, const chaos::Stack& stack,
                                            const chaos::Ledger& ledger,
                                            const std::vector<chaos::FaultWindow>& windows,
                                            std::optional<Nanoseconds> wait);

// "passed", "failed" (something lost or duplicated) or "unknown", and its exit code.
std::string verdict_of(const chaos::Reconciliation& result);
int exit_code_of(const chaos::Reconciliation& result);

// The verdict as the last line of what a person reads.
std::string verdict_line(const Context& context, const chaos::Reconciliation& result);

}  // namespace stormlog::cli

#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>

#include "chaos/experiment/experiment.hpp"
#include "chaos/load/load.hpp"
#include "chaos/runner/journal.hpp"
#include "chaos/runner/verdict.hpp"
#include "chaos/stack/stack.hpp"

namespace stormlog::chaos {

struct RunOptions {
  std::uint64_t seed = 0;
  std::filesystem::path runs;     // folder of the runs
  std::filesystem::path program;  // of stormlog itself, for the watchdog
  Journal::Listener on_entry;     // each journal entry as it is written
  // About once a second: the phase ("steady state", "load", "drain") and the load so far.
  std::function<void(const std::string& phase, Nanoseconds elapsed, const LoadSnapshot* load)>
      on_progress;
};

// Runs one experiment from steady state to verdict. Whatever happens, every fault is healed before
// it returns.
//
// Threads:  one run at a time in a HOME: a second one is refused.
// Blocking: as long as the run takes. `stop`, set by a signal handler, aborts and heals.
// Errors:   what cannot be begun (folder, lock). Everything later is in the outcome.
Result<RunOutcome> run_experiment(const Stack& stack, const Experiment& experiment,
                                  const RunOptions& options, const std::atomic<bool>& stop);

}  // namespace stormlog::chaos

#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "chaos/ledger/ledger.hpp"
#include "chaos/load/load.hpp"
#include "chaos/runner/breaker_observer.hpp"
#include "chaos/runner/fault_runner.hpp"
#include "chaos/runner/memory_watcher.hpp"
#include "chaos/runner/probe_watcher.hpp"
#include "chaos/runner/process_watcher.hpp"
#include "chaos/runner/run_folder.hpp"
#include "chaos/runner/runner.hpp"

namespace stormlog::chaos {

// One run under way: the phases in their order, and what they leave behind.
//
// Threads: everything on the runner's thread, but abort().
class RunSession {
 public:
  RunSession(const Stack& stack, const Experiment& experiment, const RunOptions& options,
             const std::atomic<bool>& stop, RunFolder folder, std::unique_ptr<Journal> journal);

  RunOutcome run();

 private:
  void prepare();
  void reach_steady_state();
  void start_load();
  void play_method();
  void observe_recovery();
  void finish_load();
  void drain_and_reconcile();
  void confirm_steady_state();
  void collect();
  void judge(RunOutcome& outcome);

  void abort(const std::string& reason);
  void invalidate(const std::string& reason);
  bool ended() const;  // aborted or invalid: later phases are skipped
  void progress(const std::string& phase);
  void pause();
  Nanoseconds last_trouble();
  void explain_processes();

  const Stack& stack_;
  const Experiment& experiment_;
  const RunOptions& options_;
  const std::atomic<bool>& stop_;
  RunFolder folder_;
  std::unique_ptr<Journal> journal_;
  std::atomic<bool> halt_{false};  // ends waits: set by abort()
  mutable std::mutex mutex_;
  RunEnd end_;
  RunRecord record_;
  std::vector<CheckReport> extra_checks_;

  std::unique_ptr<ProbeWatcher> probes_;
  std::unique_ptr<BreakerObserver> breakers_;
  std::unique_ptr<ProcessWatcher> processes_;
  std::unique_ptr<MemoryWatcher> memory_;
  std::unique_ptr<LoadGenerator> load_;
  std::unique_ptr<FaultRunner> faults_;
  std::optional<LoadSpec> load_spec_;
  std::uint64_t bad_events_ = 0;
  Nanoseconds last_bad_event_ = Nanoseconds::min();
  Nanoseconds last_progress_ = Nanoseconds::min();
};

}  // namespace stormlog::chaos

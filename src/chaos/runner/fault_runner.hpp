#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "chaos/experiment/experiment.hpp"
#include "chaos/experiment/run_record.hpp"
#include "chaos/fault/fault.hpp"
#include "chaos/fault/undo_journal.hpp"
#include "chaos/runner/journal.hpp"
#include "chaos/stack/stack.hpp"

namespace stormlog::chaos {

// Plays the method of an experiment: each fault on a thread of its own, at its time, guarded, with
// its undo record on disk before it goes in, checked for its effect, and healed at its end or as
// soon as the run is stopped.
//
// Threads:  preflight(), start(), stop_and_heal() on one thread; the rest on any.
// Blocking: stop_and_heal() until every fault is healed.
class FaultRunner {
 public:
  FaultRunner(const Stack& stack, const Experiment& experiment, std::string run, std::uint64_t seed,
              std::filesystem::path program, Journal& journal);
  ~FaultRunner();

  // Whether all means and targets are there. Touches nothing; all problems at once.
  Result<void> preflight();
  // Starts the timeline; offset 0 is the journal's epoch.
  void start();
  // Every fault has been in and is healed, or has failed to go in.
  bool finished() const;
  // Skips what has not begun, heals what is in, waits.
  void stop_and_heal();

  std::vector<FaultRecord> records() const;

 private:
  FaultContext context_of(std::size_t index) const;
  void play(std::size_t index);
  bool wait_for_turn(std::size_t index);
  Result<void> enter(std::size_t index);
  void leave(std::size_t index);
  void inject(std::size_t index, Fault& fault);
  void heal(std::size_t index, Fault& fault, const std::string& id);
  bool wait(Nanoseconds until);
  void update(std::size_t index, const std::function<void(FaultRecord&)>& change);

  const Stack& stack_;
  const Experiment& experiment_;
  std::string run_;
  std::uint64_t seed_;
  std::filesystem::path program_;
  Journal& journal_;
  UndoJournal undo_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::vector<FaultRecord> records_;
  std::vector<bool> done_;
  std::vector<std::string> active_;  // targets under a fault
  std::vector<std::thread> threads_;
};

}  // namespace stormlog::chaos

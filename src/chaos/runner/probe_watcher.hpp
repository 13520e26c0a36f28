#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "chaos/experiment/experiment.hpp"
#include "chaos/experiment/run_record.hpp"
#include "chaos/probe/probe.hpp"
#include "chaos/runner/journal.hpp"

namespace stormlog::chaos {

// A probe with what is expected of it.
struct ArmedProbe {
  const ProbeStep* step = nullptr;
  std::unique_ptr<Probe> probe;
};

// Makes the probes of a file; all errors at once.
Result<std::vector<ArmedProbe>> arm(const Stack& stack, const std::vector<ProbeStep>& steps);

// One look: measures and judges.
ProbeObservation look(ArmedProbe& probe, Nanoseconds at);

// Measures the steady state and the stop conditions at an interval until it is destroyed. Changes
// are journalled: what was seen as probe, and steady_state_lost and steady_state_held.
//
// Threads: a thread of its own; observations() on any.
class ProbeWatcher {
 public:
  using OnStop = std::function<void(const std::string& reason)>;

  ProbeWatcher(std::vector<ArmedProbe> steady, std::vector<ArmedProbe> stops, Journal& journal,
               Nanoseconds interval, OnStop on_stop);
  ~ProbeWatcher();

  // Measures all steady-state probes now, outside the interval, until all hold or the time is over.
  // Returns what did not hold.
  std::string wait_until_steady(Nanoseconds at_most);
  void start();
  void stop();

  std::vector<ProbeObservation> observations() const;
  // When a steady-state probe last did not hold; negative infinity when all have always held.
  Nanoseconds last_trouble() const;

 private:
  void run(const std::stop_token& stop);
  void look_at_steady();
  void look_at_stops();
  void note(ProbeObservation observation);

  std::mutex probes_mutex_;  // probes are used by one thread at a time
  std::vector<ArmedProbe> steady_;
  std::vector<ArmedProbe> stops_;
  std::vector<Nanoseconds> stop_since_;
  Journal& journal_;
  Nanoseconds interval_;
  OnStop on_stop_;

  mutable std::mutex mutex_;
  std::vector<ProbeObservation> observations_;
  std::vector<std::string> not_holding_;
  std::map<std::string, std::string> last_seen_;  // by the probe's name
  Nanoseconds last_trouble_ = Nanoseconds::min();
  std::jthread thread_;
};

}  // namespace stormlog::chaos

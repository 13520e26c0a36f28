#include "chaos/runner/probe_watcher.hpp"

#include <algorithm>
#include <condition_variable>

namespace stormlog::chaos {
namespace {

// Waits, unless asked to stop. False when stopped.
bool wait(const std::stop_token& stop, Nanoseconds time) {
  std::mutex mutex;
  std::condition_variable_any condition;
  std::unique_lock lock(mutex);
  condition.wait_for(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

constexpr Nanoseconds kGateInterval = std::chrono::milliseconds{250};

}  // namespace

Result<std::vector<ArmedProbe>> arm(const Stack& stack, const std::vector<ProbeStep>& steps) {
  document::Diagnostics diagnostics;
  std::vector<ArmedProbe> armed;
  for (const ProbeStep& step : steps) {
    const ProbeKind* kind = find_probe_kind(step.kind);
    auto probe = kind->make(stack, step.params);
    if (!probe.ok()) {
      diagnostics.error(step.place, probe.error().message);
      continue;
    }
    armed.push_back({&step, std::move(*probe)});
  }
  if (auto result = diagnostics.result(); !result.ok()) return result.error();
  return armed;
}

ProbeObservation look(ArmedProbe& probe, Nanoseconds at) {
  ProbeObservation observation;
  observation.probe = probe.step->label;
  observation.at = at;
  const ProbeResult result = probe.probe->measure();
  observation.has_data = result.has_data;
  observation.held = result.has_data && probe.step->expect.holds(result.value);
  observation.seen =
      result.has_data ? probe.step->expect.seen(result.value) : "no data: " + result.no_data;
  return observation;
}

ProbeWatcher::ProbeWatcher(std::vector<ArmedProbe> steady, std::vector<ArmedProbe> stops,
                           Journal& journal, Nanoseconds interval, OnStop on_stop)
    : steady_(std::move(steady)),
      stops_(std::move(stops)),
      stop_since_(stops_.size(), Nanoseconds::min()),
      journal_(journal),
      interval_(interval),
      on_stop_(std::move(on_stop)) {}

ProbeWatcher::~ProbeWatcher() {
  stop();
}

std::string ProbeWatcher::wait_until_steady(Nanoseconds at_most) {
  const Nanoseconds deadline = journal_.now() + at_most;
  for (;;) {
    std::string missed;
    {
      const std::lock_guard lock(probes_mutex_);
      for (ArmedProbe& probe : steady_) {
        ProbeObservation observation = look(probe, journal_.now());
        if (!observation.held) {
          missed += (missed.empty() ? "" : "; ") + observation.probe + ": " + observation.seen +
                    ", expected " + probe.step->expect.text();
        }
      }
    }
    if (missed.empty() || journal_.now() >= deadline) return missed;
    std::this_thread::sleep_for(kGateInterval);
  }
}

void ProbeWatcher::start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void ProbeWatcher::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

void ProbeWatcher::run(const std::stop_token& stop) {
  do {
    const std::lock_guard lock(probes_mutex_);
    look_at_steady();
    look_at_stops();
  } while (wait(stop, interval_));
}

void ProbeWatcher::look_at_steady() {
  for (ArmedProbe& probe : steady_) note(look(probe, journal_.now()));
}

void ProbeWatcher::look_at_stops() {
  for (std::size_t i = 0; i < stops_.size(); ++i) {
    const ProbeObservation observation = look(stops_[i], journal_.now());
    if (observation.held) {
      stop_since_[i] = Nanoseconds::min();
      continue;
    }
    if (stop_since_[i] == Nanoseconds::min()) stop_since_[i] = observation.at;
    if (observation.at - stop_since_[i] >= stops_[i].step->for_) {
      on_stop_("stop condition: " + observation.probe + ": " + observation.seen + ", expected " +
               stops_[i].step->expect.text());
    }
  }
}

void ProbeWatcher::note(ProbeObservation observation) {
  const std::lock_guard lock(mutex_);
  std::string& shown = last_seen_[observation.probe];
  if (shown != observation.seen) {
    shown = observation.seen;
    journal_.write_at("probe", observation.at,
                      {{"probe", observation.probe}, {"seen", shown}, {"held", observation.held}});
  }
  const auto missing = std::find(not_holding_.begin(), not_holding_.end(), observation.probe);
  if (!observation.held) {
    last_trouble_ = observation.at;
    if (missing == not_holding_.end()) {
      not_holding_.push_back(observation.probe);
      journal_.write_at("steady_state_lost", observation.at,
                        {{"probe", observation.probe}, {"seen", observation.seen}});
    }
  } else if (missing != not_holding_.end()) {
    not_holding_.erase(missing);
    journal_.write_at("steady_state_held", observation.at,
                      {{"probe", observation.probe}, {"seen", observation.seen}});
  }
  observations_.push_back(std::move(observation));
}

std::vector<ProbeObservation> ProbeWatcher::observations() const {
  const std::lock_guard lock(mutex_);
  return observations_;
}

Nanoseconds ProbeWatcher::last_trouble() const {
  const std::lock_guard lock(mutex_);
  return last_trouble_;
}

}  // namespace stormlog::chaos

#include "chaos/runner/fault_runner.hpp"

#include <unistd.h>

#include <algorithm>

#include "chaos/runner/plan.hpp"
#include "chaos/target/target.hpp"
#include "common/base/units.hpp"

namespace stormlog::chaos {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

FaultRunner::FaultRunner(const Stack& stack, const Experiment& experiment, std::string run,
                         std::uint64_t seed, std::filesystem::path program, Journal& journal)
    : stack_(stack),
      experiment_(experiment),
      run_(std::move(run)),
      seed_(seed),
      program_(std::move(program)),
      journal_(journal),
      undo_(stack.home),
      done_(experiment.method.size(), false) {
  for (const FaultStep& step : experiment.method) {
    FaultRecord record;
    record.id = new_fault_id();
    record.fault = step.fault;
    record.target = step.target;
    record.params = step.params.to_json();
    record.lasting = step.duration.has_value();
    records_.push_back(std::move(record));
  }
}

FaultRunner::~FaultRunner() {
  stop_and_heal();
}

Result<void> FaultRunner::preflight() {
  document::Diagnostics diagnostics;
  for (std::size_t i = 0; i < experiment_.method.size(); ++i) {
    const FaultStep& step = experiment_.method[i];
    const auto allowed =
        guard(stack_, step.target, {experiment_.limits.max_targets}, std::vector<std::string>{});
    if (!allowed.ok()) {
      diagnostics.error(step.place, allowed.error().message);
      continue;
    }
    const auto fault =
        find_fault_kind(step.fault)->make(context_of(i), step.params, step.duration.has_value());
    if (const auto ready = fault->preflight(); !ready.ok()) {
      diagnostics.error(step.place, ready.error().message);
    }
  }
  return diagnostics.result();
}

FaultContext FaultRunner::context_of(std::size_t index) const {
  const FaultStep& step = experiment_.method[index];
  return {stack_, records_[index].id, step.target, ttl_of(experiment_, step),
          fault_seed(seed_, index)};
}

void FaultRunner::start() {
  for (std::size_t i = 0; i < experiment_.method.size(); ++i) {
    threads_.emplace_back([this, i] { play(i); });
  }
}

bool FaultRunner::finished() const {
  const std::lock_guard lock(mutex_);
  return std::all_of(done_.begin(), done_.end(), [](bool done) { return done; });
}

void FaultRunner::stop_and_heal() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

std::vector<FaultRecord> FaultRunner::records() const {
  const std::lock_guard lock(mutex_);
  return records_;
}

// Waits for an offset of the run. False when the run stops before.
bool FaultRunner::wait(Nanoseconds until) {
  std::unique_lock lock(mutex_);
  const MonotonicTime at = journal_.epoch() + until;
  changed_.wait_until(lock, at, [this] { return stopping_; });
  return !stopping_;
}

bool FaultRunner::wait_for_turn(std::size_t index) {
  const FaultStep& step = experiment_.method[index];
  if (step.at) return wait(*step.at);
  if (index == 0) return wait(Nanoseconds{0});
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return stopping_ || done_[index - 1]; });
  return !stopping_;
}

// The blast radius counts what is in right now.
Result<void> FaultRunner::enter(std::size_t index) {
  const std::string& target = experiment_.method[index].target;
  const std::lock_guard lock(mutex_);
  auto allowed = guard(stack_, target, {experiment_.limits.max_targets}, active_);
  if (allowed.ok()) active_.push_back(target);
  return allowed;
}

void FaultRunner::leave(std::size_t index) {
  const std::lock_guard lock(mutex_);
  const auto target = std::find(active_.begin(), active_.end(), experiment_.method[index].target);
  if (target != active_.end()) active_.erase(target);
}

void FaultRunner::update(std::size_t index, const std::function<void(FaultRecord&)>& change) {
  const std::lock_guard lock(mutex_);
  change(records_[index]);
}

void FaultRunner::play(std::size_t index) {
  const FaultStep& step = experiment_.method[index];
  if (wait_for_turn(index)) {
    if (const auto allowed = enter(index); !allowed.ok()) {
      update(index, [&](FaultRecord& record) { record.error = allowed.error().message; });
      journal_.write(
          "fault_refused",
          {{"fault", step.fault}, {"target", step.target}, {"reason", allowed.error().message}});
    } else {
      const std::string id = records_[index].id;
      const auto fault = find_fault_kind(step.fault)
                             ->make(context_of(index), step.params, step.duration.has_value());
      try {
        inject(index, *fault);
      } catch (const std::exception& e) {
        update(index, [&](FaultRecord& record) { record.error = e.what(); });
      }
      heal(index, *fault, id);
      leave(index);
    }
  }
  {
    const std::lock_guard lock(mutex_);
    done_[index] = true;
  }
  changed_.notify_all();
}

void FaultRunner::inject(std::size_t index, Fault& fault) {
  const FaultStep& step = experiment_.method[index];
  const std::string id = records_[index].id;
  const auto refuse = [&](const Error& error) {
    update(index, [&](FaultRecord& record) { record.error = error.message; });
    journal_.write(
        "fault_failed",
        {{"id", id}, {"fault", step.fault}, {"target", step.target}, {"reason", error.message}});
  };
  if (const auto ready = fault.preflight(); !ready.ok()) return refuse(ready.error());
  const Json undo = fault.undo();
  if (!undo.is_null()) {
    const auto self = process::identify(::getpid());
    if (!self.ok()) return refuse(self.error());
    if (auto watchdog = start_watchdog(stack_.home, program_); !watchdog.ok()) {
      return refuse(watchdog.error());
    }
    const WallTime now = SystemClock::instance().wall_now();
    const UndoRecord record{.id = id,
                            .fault = step.fault,
                            .target = step.target,
                            .stack_file = stack_.file.string(),
                            .profiles = stack_.profiles,
                            .owner = *self,
                            .run = run_,
                            .detached = false,
                            .injected = now,
                            .expires = now + ttl_of(experiment_, step),
                            .undo = undo};
    if (const auto added = undo_.add(record); !added.ok()) return refuse(added.error());
  }
  journal_.write("fault_injecting",
                 {{"id", id}, {"fault", step.fault}, {"target", step.target}, {"undo", undo}});
  const Nanoseconds at = journal_.now();
  if (const auto injected = fault.inject(); !injected.ok()) return refuse(injected.error());
  update(index, [&](FaultRecord& record) { record.injected = at; });
  journal_.write_at("fault_injected", at,
                    {{"id", id}, {"fault", step.fault}, {"target", step.target}});

  const SelfCheck check = fault.verify();
  update(index, [&](FaultRecord& record) {
    record.effect = check.effect;
    record.measured = check.measured;
  });
  journal_.write("fault_effect", {{"id", id},
                                  {"fault", step.fault},
                                  {"target", step.target},
                                  {"effect", std::string(to_string(check.effect))},
                                  {"measured", check.measured}});
  if (step.duration) wait(at + *step.duration);
}

void FaultRunner::heal(std::size_t index, Fault& fault, const std::string& id) {
  const FaultStep& step = experiment_.method[index];
  const auto healed = fault.heal();
  if (!healed.ok()) {
    // The undo record stays: the watchdog and `doctor` go on trying.
    update(index, [&](FaultRecord& record) { record.error = healed.error().message; });
    journal_.write("fault_heal_failed", {{"id", id},
                                         {"fault", step.fault},
                                         {"target", step.target},
                                         {"reason", healed.error().message}});
    return;
  }
  const auto removed = undo_.remove(id);
  const Nanoseconds now = journal_.now();
  bool was_in = false;
  update(index, [&](FaultRecord& record) {
    was_in = record.lasting && record.injected;
    if (was_in) record.healed = now;
    if (!removed.ok()) record.error = removed.error().message;
  });
  if (was_in) {
    journal_.write_at("fault_healed", now,
                      {{"id", id}, {"fault", step.fault}, {"target", step.target}});
  }
}

}  // namespace stormlog::chaos

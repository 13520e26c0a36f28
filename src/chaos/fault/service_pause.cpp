// Stops all processes of a service (SIGSTOP) and lets them go on after `for` (SIGCONT): a hung
// process, as its peers see it. A supervisor whose health checks fail for long may restart it.

#include <algorithm>
#include <csignal>

#include "chaos/fault/fault.hpp"
#include "chaos/fault/identity_json.hpp"
#include "chaos/fault/wait_until.hpp"
#include "chaos/stack/process_tree.hpp"
#include "chaos/target/target.hpp"

namespace stormlog::chaos {
namespace {

using Json = nlohmann::ordered_json;
using Processes = std::vector<ProcessIdentity>;

constexpr Nanoseconds kStopsWithin = std::chrono::seconds{1};
// A worker that was just being forked is found by the next look.
constexpr int kLooksForWorkers = 5;

// A managed service is stopped with its workers, whatever session they made for themselves (as
// PostgreSQL's do). Of a foreign one only the process that was named is ours to touch.
Processes processes_of(bool managed, const ProcessIdentity& leader) {
  Processes found = {leader};
  if (!managed) return found;
  for (const ProcessIdentity& worker : members_of(leader)) found.push_back(worker);
  return found;
}

bool ended(const Result<void>& sent) {
  return !sent.ok() && sent.error().code == "ESRCH";
}

// All of them are told to go on, also when one refuses; the first refusal is returned.
Result<void> go_on(const Processes& processes) {
  Result<void> result;
  for (const ProcessIdentity& process : processes) {
    const auto sent = process::signal(process, SIGCONT);
    if (!sent.ok() && !ended(sent) && result.ok()) result = sent;
  }
  return result;
}

// What was recorded, and workers that were stopped although they are younger than the record. Once
// the leader has ended, its number says nothing about who belongs to it.
Result<void> continue_all(bool managed, const Processes& recorded) {
  if (recorded.empty()) return {};
  Processes all = recorded;
  const bool workers = managed && process::alive(recorded.front());
  for (const ProcessIdentity& process : processes_of(workers, recorded.front())) {
    if (std::find(all.begin(), all.end(), process) == all.end()) all.push_back(process);
  }
  return go_on(all);
}

class ServicePause final : public Fault {
 public:
  explicit ServicePause(const FaultContext& context)
      : stack_(context.stack), target_(context.target) {}

  Result<void> preflight() override {
    const auto leader = process_of(stack_, target_);
    if (!leader.ok()) return leader.error();
    // Signal 0 asks whether it may be signalled at all.
    if (auto allowed = process::signal(*leader, 0); !allowed.ok()) {
      return allowed.error().in(target_);
    }
    managed_ = stack_.service(target_)->managed();
    processes_ = processes_of(managed_, *leader);
    return {};
  }

  Json undo() const override {
    Json list = Json::array();
    for (const ProcessIdentity& process : processes_) list.push_back(to_json(process));
    return {{"service", target_}, {"managed", managed_}, {"processes", list}};
  }

  Result<void> inject() override {
    // The leader first: it forks no more.
    if (auto sent = process::signal(processes_.front(), SIGSTOP); !sent.ok()) {
      return sent.error().in(target_);
    }
    Processes todo(processes_.begin() + 1, processes_.end());
    for (int look = 0; look < kLooksForWorkers; ++look) {
      for (const ProcessIdentity& worker : todo) {
        const auto sent = process::signal(worker, SIGSTOP);
        if (!sent.ok() && !ended(sent)) return sent.error().in(target_);
      }
      todo.clear();
      for (const ProcessIdentity& process : processes_of(managed_, processes_.front())) {
        if (std::find(processes_.begin(), processes_.end(), process) != processes_.end()) continue;
        todo.push_back(process);
        processes_.push_back(process);
      }
      if (todo.empty()) break;
    }
    return {};
  }

  SelfCheck verify() override {
    const ProcessIdentity& leader = processes_.front();
    std::size_t stopped = 0;
    std::size_t running = 0;
    const bool all = wait_until(kStopsWithin, [&] {
      stopped = running = 0;
      for (const ProcessIdentity& process : processes_) {
        const ProcessState state = process::state(process);
        if (state == ProcessState::stopped) ++stopped;
        if (state == ProcessState::running) ++running;
      }
      return running == 0 && process::state(leader) == ProcessState::stopped;
    });
    const Json measured = {{"pid", leader.pid}, {"stopped", stopped}, {"running", running}};
    return {all ? Effect::confirmed : Effect::none, measured};
  }

  Result<void> heal() override { return continue_all(managed_, processes_); }

 private:
  const Stack& stack_;
  std::string target_;
  bool managed_ = false;
  Processes processes_;  // the leader first
};

std::unique_ptr<Fault> make(const FaultContext& context, const document::Params&, bool) {
  return std::make_unique<ServicePause>(context);
}

Result<void> heal_from(const Stack&, const Json& undo) {
  Processes processes;
  for (const Json& process : undo.value("processes", Json::array())) {
    processes.push_back(identity_from(process));
  }
  return continue_all(undo.value("managed", false), processes);
}

}  // namespace

extern const FaultKind kServicePauseFault;
const FaultKind kServicePauseFault = {
    .name = "service_pause",
    .summary = "Stops a service's processes (SIGSTOP) and lets them go on after `for`.",
    .target_kind = "service",
    .params = {},
    .duration = FaultKind::Duration::lasting,
    .make = make,
    .heal_from = heal_from,
};

}  // namespace stormlog::chaos

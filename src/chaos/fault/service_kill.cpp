// Ends a service's process with a signal. Under a supervisor it comes back by its restart policy,
// unless `for` holds it down that long.

#include <csignal>
#include <map>

#include "chaos/fault/fault.hpp"
#include "chaos/fault/identity_json.hpp"
#include "chaos/fault/wait_until.hpp"
#include "chaos/stack/service_record.hpp"
#include "chaos/stack/service_state.hpp"
#include "chaos/target/target.hpp"

namespace stormlog::chaos {
namespace {

using Json = nlohmann::ordered_json;

constexpr Nanoseconds kDiesWithin = std::chrono::seconds{5};
// The supervisor has to notice the end first, and ends what the service left behind.
constexpr Nanoseconds kHeldWithin = std::chrono::seconds{5};

int signal_number(const std::string& name) {
  static const std::map<std::string, int> numbers = {
      {"KILL", SIGKILL}, {"TERM", SIGTERM}, {"INT", SIGINT}, {"QUIT", SIGQUIT}, {"ABRT", SIGABRT}};
  return numbers.at(name);
}

bool is_down(const Stack& stack, const std::string& service) {
  const auto state = read_stack_state(stack.home);
  if (!state.ok()) return false;
  const ServiceState* found = state->service(service);
  return found != nullptr && found->phase == ServicePhase::held;
}

// A supervisor that died has left its holds in its records, for the next one to keep.
Result<void> release(const Stack& stack, const std::string& service, const std::string& id) {
  SupervisorClient supervisor(stack.home);
  if (supervisor.running()) return supervisor.release(service, id);
  const auto records = read_records(stack.home);
  if (!records.ok()) return records.error();
  for (const ServiceRecord& record : *records) {
    const auto hold = record.holds.find(id);
    if (record.state.name != service || hold == record.holds.end()) continue;
    if (hold->second <= SystemClock::instance().wall_now()) continue;
    return Error::retriable(service + " is held down by " + id +
                            ", and no supervisor runs that could let it go; `stormlog up` starts "
                            "one, and the hold ends by its TTL");
  }
  return {};
}

class ServiceKill final : public Fault {
 public:
  ServiceKill(const FaultContext& context, const document::Params& params, bool held)
      : stack_(context.stack),
        id_(context.id),
        target_(context.target),
        ttl_(std::chrono::duration_cast<std::chrono::milliseconds>(context.ttl)),
        signal_(signal_number(params.text("signal"))),
        held_(held) {}

  Result<void> preflight() override {
    const auto victim = process_of(stack_, target_);
    if (!victim.ok()) return victim.error();
    // Signal 0 asks whether it may be signalled at all.
    if (auto allowed = process::signal(*victim, 0); !allowed.ok()) {
      return allowed.error().in(target_);
    }
    if (!held_) return {};
    if (!stack_.service(target_)->managed()) {
      return Error::permanent(target_ +
                              " is not started by this stack, so nothing can hold it "
                              "down: leave out for");
    }
    if (!SupervisorClient(stack_.home).running()) {
      return Error::permanent("no supervisor runs that could hold " + target_ +
                              " down; `stormlog up` starts one");
    }
    return {};
  }

  Json undo() const override {
    if (!held_) return nullptr;
    return {{"service", target_}, {"hold", id_}};
  }

  Result<void> inject() override {
    const auto victim = process_of(stack_, target_);
    if (!victim.ok()) return victim.error();
    victim_ = *victim;
    if (held_) {
      if (auto held = SupervisorClient(stack_.home).hold(target_, id_, ttl_); !held.ok()) {
        return held;
      }
    }
    killed_at_ = SystemClock::instance().now();
    return process::signal(victim_, signal_);
  }

  SelfCheck verify() override {
    const bool dead = wait_until(kDiesWithin, [this] { return !process::alive(victim_); });
    const double ms =
        static_cast<double>((SystemClock::instance().now() - killed_at_).count()) / 1e6;
    if (!dead) return {Effect::none, {{"pid", victim_.pid}, {"alive_after_ms", ms}}};
    Json measured = {{"pid", victim_.pid}, {"died_after_ms", ms}};
    if (!held_) return {Effect::confirmed, measured};
    const bool down = wait_until(kHeldWithin, [this] { return is_down(stack_, target_); });
    measured["held_down"] = down;
    return {down ? Effect::confirmed : Effect::none, measured};
  }

  Result<void> heal() override {
    if (!held_) return {};
    return release(stack_, target_, id_);
  }

 private:
  const Stack& stack_;
  std::string id_;
  std::string target_;
  std::chrono::milliseconds ttl_;
  int signal_;
  bool held_;
  ProcessIdentity victim_;
  MonotonicTime killed_at_{};
};

std::unique_ptr<Fault> make(const FaultContext& context, const document::Params& params,
                            bool has_for) {
  return std::make_unique<ServiceKill>(context, params, has_for);
}

Result<void> heal_from(const Stack& stack, const Json& undo) {
  return release(stack, undo.value("service", ""), undo.value("hold", ""));
}

}  // namespace

extern const FaultKind kServiceKillFault;
const FaultKind kServiceKillFault = {
    .name = "service_kill",
    .summary = "Ends a service's process with a signal; `for` holds it down that long.",
    .target_kind = "service",
    .params = {{.name = "signal",
                .default_text = "KILL",
                .description = "Signal that ends it.",
                .choices = {"KILL", "TERM", "INT", "QUIT", "ABRT"}}},
    .duration = FaultKind::Duration::either,
    .make = make,
    .heal_from = heal_from,
};

}  // namespace stormlog::chaos

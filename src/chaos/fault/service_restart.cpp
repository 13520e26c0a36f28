// Restarts a service through its supervisor: an orderly stop and a start, as in a deployment.

#include "chaos/fault/fault.hpp"
#include "chaos/fault/wait_until.hpp"
#include "chaos/stack/service_state.hpp"
#include "chaos/target/target.hpp"

namespace stormlog::chaos {
namespace {

using Json = nlohmann::ordered_json;

class ServiceRestart final : public Fault {
 public:
  ServiceRestart(const FaultContext& context, const document::Params& params)
      : stack_(context.stack),
        target_(context.target),
        timeout_(
            std::chrono::duration_cast<std::chrono::milliseconds>(params.duration("timeout"))) {}

  Result<void> preflight() override {
    const auto before = process_of(stack_, target_);
    if (!before.ok()) return before.error();
    if (!stack_.service(target_)->managed()) {
      return Error::permanent(target_ +
                              " is not started by this stack: it cannot be restarted "
                              "from here; service_kill can end it");
    }
    if (!SupervisorClient(stack_.home).running()) {
      return Error::permanent("no supervisor runs that could restart " + target_ +
                              "; `stormlog up` starts one");
    }
    return {};
  }

  Json undo() const override { return nullptr; }

  Result<void> inject() override {
    const auto before = process_of(stack_, target_);
    if (!before.ok()) return before.error();
    before_ = *before;
    started_ = SystemClock::instance().now();
    return SupervisorClient(stack_.home).restart(target_, timeout_);
  }

  SelfCheck verify() override {
    const double ms = static_cast<double>((SystemClock::instance().now() - started_).count()) / 1e6;
    const auto after = process_of(stack_, target_);
    Json measured = {{"pid", before_.pid}, {"healthy_after_ms", ms}};
    if (!after.ok() || *after == before_) return {Effect::none, measured};
    measured["new_pid"] = after->pid;
    return {Effect::confirmed, measured};
  }

  Result<void> heal() override { return {}; }

 private:
  const Stack& stack_;
  std::string target_;
  std::chrono::milliseconds timeout_;
  ProcessIdentity before_;
  MonotonicTime started_{};
};

std::unique_ptr<Fault> make(const FaultContext& context, const document::Params& params, bool) {
  return std::make_unique<ServiceRestart>(context, params);
}

Result<void> heal_from(const Stack&, const Json&) {
  return {};
}

}  // namespace

extern const FaultKind kServiceRestartFault;
const FaultKind kServiceRestartFault = {
    .name = "service_restart",
    .summary = "Stops a service in order and starts it again, through its supervisor.",
    .target_kind = "service",
    .params = {{.name = "timeout",
                .type = document::ParamType::duration,
                .default_text = "30s",
                .description = "It must be healthy again within this."}},
    .duration = FaultKind::Duration::one_off,
    .make = make,
    .heal_from = heal_from,
};

}  // namespace stormlog::chaos

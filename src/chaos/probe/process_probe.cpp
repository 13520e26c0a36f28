// Whether a process of the stack runs. A service without a living process is data: running false.

#include "chaos/probe/probe.hpp"
#include "chaos/target/target.hpp"
#include "common/base/suggest.hpp"

namespace stormlog::chaos {
namespace {

class ProcessProbe final : public Probe {
 public:
  ProcessProbe(const Stack& stack, std::string service)
      : stack_(stack), service_(std::move(service)) {}

  ProbeResult measure() override {
    const auto identity = process_of(stack_, service_);
    if (!identity.ok()) return ProbeResult::of({{"running", false}, {"state", "gone"}});
    const ProcessState state = process::state(*identity);
    return ProbeResult::of({{"running", state == ProcessState::running},
                            {"state", name_of(state)},
                            {"pid", identity->pid}});
  }

 private:
  static const char* name_of(ProcessState state) {
    switch (state) {
      case ProcessState::gone:
        return "gone";
      case ProcessState::zombie:
        return "zombie";
      case ProcessState::stopped:
        return "stopped";
      case ProcessState::running:
        return "running";
    }
    return "gone";
  }

  const Stack& stack_;
  std::string service_;
};

Result<std::unique_ptr<Probe>> make(const Stack& stack, const document::Params& params) {
  const std::string& service = params.text("service");
  if (stack.service(service) == nullptr) {
    return Error::permanent("unknown service \"" + service + "\"" +
                            did_you_mean(service, stack.service_names()));
  }
  return std::unique_ptr<Probe>(std::make_unique<ProcessProbe>(stack, service));
}

}  // namespace

extern const ProbeKind kProcessProbe;
const ProbeKind kProcessProbe = {
    .name = "process",
    .summary = "Whether a service's process runs (running, state, pid).",
    .params = {{.name = "service", .required = true, .description = "A service of the stack."}},
    .default_expect = "{running: true}",
    .make = make,
};

}  // namespace stormlog::chaos

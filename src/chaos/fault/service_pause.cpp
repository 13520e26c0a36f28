// Stops all processes of a service (SIGSTOP) and lets them go on after `for` (SIGCONT): a hung
// process, as its peers see it. A supervisor whose health checks fail for long may restart it.

#include <csignal>
#include <cstdio>
#include <filesystem>

#include "chaos/fault/fault.hpp"
#include "chaos/fault/identity_json.hpp"
#include "chaos/fault/wait_until.hpp"
#include "chaos/target/target.hpp"
#include "common/base/file.hpp"
#include "common/base/units.hpp"

namespace stormlog::chaos {
namespace {

using Json = nlohmann::ordered_json;

constexpr Nanoseconds kStopsWithin = std::chrono::seconds{1};

// Field 6 of /proc/PID/stat: the session. The name in field 2 may hold spaces and parentheses.
int session_of(pid_t pid) {
  const auto stat = file::read("/proc/" + std::to_string(pid) + "/stat");
  if (!stat.ok()) return -1;
  const std::size_t name_end = stat->rfind(')');
  if (name_end == std::string::npos) return -1;
  char state = 0;
  int parent = 0;
  int group = 0;
  int session = -1;
  const int read =
      std::sscanf(stat->c_str() + name_end + 1, " %c %d %d %d", &state, &parent, &group, &session);
  return read == 4 ? session : -1;
}

// A managed service is a session of its own: its workers are stopped with it.
std::vector<ProcessIdentity> processes_of(const ServiceSpec& service,
                                          const ProcessIdentity& leader) {
  std::vector<ProcessIdentity> found = {leader};
  if (!service.managed()) return found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const auto pid = units::parse_int(entry.path().filename().string());
    if (!pid.ok() || *pid == leader.pid) continue;
    if (session_of(static_cast<pid_t>(*pid)) != leader.pid) continue;
    const auto identity = process::identify(static_cast<pid_t>(*pid));
    if (identity.ok()) found.push_back(*identity);
  }
  return found;
}

Result<void> go_on(const std::vector<ProcessIdentity>& processes) {
  for (const ProcessIdentity& process : processes) {
    const auto sent = process::signal(process, SIGCONT);
    // One that has ended needs no healing.
    if (!sent.ok() && sent.error().code != "ESRCH") return sent;
  }
  return {};
}

class ServicePause final : public Fault {
 public:
  explicit ServicePause(const FaultContext& context)
      : stack_(context.stack), target_(context.target) {}

  Result<void> preflight() override {
    const auto leader = process_of(stack_, target_);
    if (!leader.ok()) return leader.error();
    processes_ = processes_of(*stack_.service(target_), *leader);
    return {};
  }

  Json undo() const override {
    Json list = Json::array();
    for (const ProcessIdentity& process : processes_) list.push_back(to_json(process));
    return {{"service", target_}, {"processes", list}};
  }

  Result<void> inject() override {
    for (const ProcessIdentity& process : processes_) {
      const auto sent = process::signal(process, SIGSTOP);
      const bool worker_ended =
          &process != &processes_.front() && !sent.ok() && sent.error().code == "ESRCH";
      if (!sent.ok() && !worker_ended) return sent;
    }
    return {};
  }

  SelfCheck verify() override {
    const ProcessIdentity& leader = processes_.front();
    const bool stopped =
        wait_until(kStopsWithin, [&] { return process::state(leader) == ProcessState::stopped; });
    const Json measured = {
        {"pid", leader.pid}, {"processes", processes_.size()}, {"stopped", stopped}};
    return {stopped ? Effect::confirmed : Effect::none, measured};
  }

  Result<void> heal() override { return go_on(processes_); }

 private:
  const Stack& stack_;
  std::string target_;
  std::vector<ProcessIdentity> processes_;
};

std::unique_ptr<Fault> make(const FaultContext& context, const document::Params&, bool) {
  return std::make_unique<ServicePause>(context);
}

Result<void> heal_from(const Stack&, const Json& undo) {
  std::vector<ProcessIdentity> processes;
  for (const Json& process : undo.value("processes", Json::array())) {
    processes.push_back(identity_from(process));
  }
  return go_on(processes);
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

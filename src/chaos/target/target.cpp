#include "chaos/target/target.hpp"

#include <algorithm>
#include <limits>

#include "chaos/stack/service_state.hpp"
#include "common/base/file.hpp"
#include "common/base/suggest.hpp"
#include "common/base/units.hpp"

namespace stormlog::chaos {
namespace {

Result<ProcessIdentity> managed_process(const Stack& stack, const std::string& service) {
  const auto state = read_stack_state(stack.home);
  if (!state.ok()) return state.error();
  const ServiceState* found = state->service(service);
  if (found == nullptr || !found->process) {
    return Error::permanent(service + " has no process: it is " +
                            std::string(found == nullptr ? "not started; `stormlog up` starts it"
                                                         : to_string(found->phase)));
  }
  if (!process::alive(*found->process)) {
    return Error::permanent(service + ": process " + std::to_string(found->process->pid) +
                            " has ended");
  }
  return *found->process;
}

Result<ProcessIdentity> process_of_pid_file(const ServiceSpec& service) {
  const auto text = file::read(service.pid_file);
  if (!text.ok()) return text.error().in(service.name);
  std::string digits = *text;
  while (!digits.empty() && (digits.back() == '\n' || digits.back() == ' ')) digits.pop_back();
  // PostgreSQL's pid file has more lines; the first is the PID.
  digits = digits.substr(0, digits.find('\n'));
  const auto pid = units::parse_int(digits);
  if (!pid.ok() || *pid <= 0 || *pid > std::numeric_limits<pid_t>::max()) {
    return Error::permanent(service.name + ": " + service.pid_file.string() +
                            " does not begin with a PID");
  }
  auto identity = process::identify(static_cast<pid_t>(*pid));
  if (!identity.ok()) return identity.error().in(service.name);
  return identity;
}

}  // namespace

Result<ProcessIdentity> process_of(const Stack& stack, const std::string& service) {
  const ServiceSpec* spec = stack.service(service);
  if (spec == nullptr) {
    return Error::permanent("unknown service \"" + service + "\"" +
                            did_you_mean(service, stack.service_names()));
  }
  if (spec->managed()) return managed_process(stack, service);
  Result<ProcessIdentity> identity =
      !spec->pid_file.empty()   ? process_of_pid_file(*spec)
      : spec->process_port != 0 ? process::listening_on(spec->process_port)
                                : Error::permanent(service +
                                                   ": the stack file does not say how "
                                                   "to find its process (process: {port: N} or "
                                                   "{pid_file: PATH})");
  if (!identity.ok()) return identity;
  if (!process::alive(*identity)) return Error::permanent(service + ": its process has ended");
  return identity;
}

Result<void> guard(const Stack& stack, const std::string& target, const BlastRadius& radius,
                   const std::vector<std::string>& active) {
  const ServiceSpec* service = stack.service(target);
  const LinkSpec* link = stack.link(target);
  if (service == nullptr && link == nullptr) {
    std::vector<std::string> names = stack.service_names();
    for (auto& name : stack.link_names()) names.push_back(std::move(name));
    return Error::permanent("unknown target \"" + target + "\"" + did_you_mean(target, names));
  }
  if (service != nullptr ? service->is_protected : link->is_protected) {
    return Error::permanent(target + " is protected in " + stack.file.string() + ":" +
                            std::to_string(service != nullptr ? service->line : link->line) +
                            " and is never hit");
  }
  std::vector<std::string> targets = active;
  targets.push_back(target);
  std::sort(targets.begin(), targets.end());
  targets.erase(std::unique(targets.begin(), targets.end()), targets.end());
  if (targets.size() > static_cast<std::size_t>(std::max(0, radius.max_targets))) {
    std::string names;
    for (const std::string& name : targets) names += (names.empty() ? "" : ", ") + name;
    return Error::permanent("the blast radius is " + std::to_string(radius.max_targets) +
                            " target(s) at a time (limits.max_targets); this would hit " + names);
  }
  return {};
}

}  // namespace stormlog::chaos

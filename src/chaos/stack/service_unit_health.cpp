#include <algorithm>
#include <csignal>

#include "chaos/stack/process_tree.hpp"
#include "chaos/stack/service_unit.hpp"
#include "common/base/log.hpp"
#include "common/base/units.hpp"

// The health checks of a service; see service_unit.hpp.
namespace stormlog::chaos {
namespace {

using std::chrono::milliseconds;

// Until the first healthy answer a check that costs nothing is made more often, so that a start or
// a recovery is seen at once.
constexpr milliseconds kStartingInterval{50};
// Without a health check: a service that has lived this long is taken to run.
constexpr milliseconds kSettle{300};
// What a service gets to end by itself when its checks fail; it is hardly able to.
constexpr milliseconds kUnhealthyGrace{2'000};

}  // namespace

void ServiceUnit::start_checks() {
  health_reason_ = "not checked yet";
  if (spec_.health.kind == HealthCheck::Kind::none) {
    const milliseconds settle =
        in_crash_loop_ ? std::max(kSettle, spec_.restart.stable_after) : kSettle;
    period_timer_ = host_.loop.after(settle, [this] { on_check(true, {}); });
    return;
  }
  if (!was_healthy_) {
    period_timer_ = host_.loop.after(spec_.health.start_period, [this] { on_start_period_over(); });
  }
  schedule_check(milliseconds{0});
}

void ServiceUnit::schedule_check(milliseconds delay) {
  check_timer_ = host_.loop.after(delay, [this] { run_check(); });
}

void ServiceUnit::run_check() {
  LaunchSpec command = launch_spec();
  command.output = "/dev/null";
  if (spec_.health.kind == HealthCheck::Kind::command) {
    const auto program = find_program(spec_.health.command.front(), root_);
    if (!program.ok()) return on_check(false, program.error().message);
    command.program = *program;
  }
  probe_ = HealthProbe::start(host_.loop, spec_.health, std::move(command),
                              [this](bool healthy, const std::string& reason) {
                                const auto finished =
                                    std::move(probe_);  // lives to the end of this call
                                on_check(healthy, reason);
                              });
}

void ServiceUnit::on_check(bool healthy, const std::string& reason) {
  health_reason_ = reason;
  if (healthy) {
    failed_checks_ = 0;
    was_healthy_ = true;
    overdue_ = false;
    in_crash_loop_ = false;
    host_.loop.cancel(period_timer_);
    if (state().phase != ServicePhase::running) set_phase(ServicePhase::running);
  } else if (was_healthy_ && ++failed_checks_ >= spec_.health.unhealthy_after) {
    const std::string why = std::to_string(failed_checks_) + " health checks failed: " + reason;
    if (state().phase != ServicePhase::unhealthy) {
      log::warn("unhealthy", {{"name", spec_.name}, {"reason", why}});
      set_phase(ServicePhase::unhealthy);
    }
    if (may_restart() && kill_reason_.empty()) return kill_unhealthy(why);
  }
  if (spec_.health.kind == HealthCheck::Kind::none) return;
  const bool costly = spec_.health.kind == HealthCheck::Kind::command;
  schedule_check(was_healthy_ || costly ? spec_.health.interval
                                        : std::min(spec_.health.interval, kStartingInterval));
}

void ServiceUnit::on_start_period_over() {
  overdue_ = true;
  log::warn("not healthy in its start period", {{"name", spec_.name}, {"reason", health_reason_}});
  host_.changed(*this);
  if (may_restart()) {
    kill_unhealthy("not healthy within " + units::format_duration(spec_.health.start_period));
  }
}

void ServiceUnit::kill_unhealthy(const std::string& why) {
  kill_reason_ = why;
  // A paused process cannot end by itself, and continuing it is not for us to decide.
  if (process::state(*state().process) == ProcessState::stopped) return kill_all();
  begin_stop(std::min(kUnhealthyGrace, spec_.stop_timeout));
}

}  // namespace stormlog::chaos

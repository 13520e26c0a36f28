#include "chaos/stack/service_unit.hpp"

#include <unistd.h>

#include <csignal>

#include "chaos/stack/process_tree.hpp"
#include "chaos/stack/provision.hpp"
#include "common/base/log.hpp"

namespace stormlog::chaos {
namespace {

using std::chrono::milliseconds;

// What has got SIGKILL is gone within this, or hangs in the kernel.
constexpr milliseconds kLeftoverStep{10};
constexpr int kLeftoverTries = 500;
// After SIGKILL: how long until we say that a process cannot be stopped.
constexpr milliseconds kKillPatience{10'000};

}  // namespace

ServiceUnit::ServiceUnit(ServiceSpec spec, const document::Variables& variables,
                         std::filesystem::path root, std::size_t order, UnitHost& host)
    : root_(std::move(root)), host_(host), backoff_(spec.restart) {
  record_.state.name = spec.name;
  record_.state.since = host_.clock.wall_now();
  update(std::move(spec), variables, order);
}

ServiceUnit::~ServiceUnit() {
  cancel_timers();
  for (const auto& [fault, timer] : hold_timers_) host_.loop.cancel(timer);
  if (pidfd_ >= 0) {
    host_.loop.forget(pidfd_);
    ::close(pidfd_);
  }
  if (has_process()) host_.loop.forget_child(state().process->pid);
}

void ServiceUnit::update(ServiceSpec spec, const document::Variables& variables,
                         std::size_t order) {
  spec_ = std::move(spec);
  variables_ = variables;
  backoff_.set_policy(spec_.restart);
  record_.stop_signal = spec_.stop_signal;
  record_.stop_timeout = spec_.stop_timeout;
  record_.depends_on = spec_.depends_on;
  record_.order = order;
}

std::string ServiceUnit::trouble() const {
  if (!failure_.empty()) return failure_;
  switch (state().phase) {
    case ServicePhase::crash_loop:
      return "it ends again and again, last with " + state().last_exit;
    case ServicePhase::failed:
    case ServicePhase::stopped:
      return wanted_ && ever_started_
                 ? "it ended with " + state().last_exit + ", and its policy does not restart it"
                 : "";
    case ServicePhase::held:
      return "fault " + state().held_by + " holds it down";
    default:
      return overdue_ ? "it did not get healthy in its start period (" + health_reason_ + ")" : "";
  }
}

bool ServiceUnit::is_clear() const {
  if (has_process()) return false;
  for (const auto& one : leftovers_) {
    if (process::alive(one)) return false;
  }
  return true;
}

// --- being told what to do

void ServiceUnit::start() {
  if (wanted_ && (has_process() || start_timer_ != 0)) return;
  wanted_ = true;
  overdue_ = false;
  ever_started_ = false;
  failure_.clear();
  stop_trouble_.clear();
  start_asked_ = host_.clock.now();
  if (has_process()) {  // it is being stopped: on_exit starts it anew
    restart_asked_ = true;
    return;
  }
  provisioned_ = false;
  in_crash_loop_ = false;
  backoff_.reset();
  record_.state.restarts = 0;
  if (!record_.holds.empty()) return set_phase(ServicePhase::held);
  launch_when_clear();
}

void ServiceUnit::stop() {
  wanted_ = false;
  restart_asked_ = false;
  if (has_process()) return begin_stop(spec_.stop_timeout);
  cancel_timers();
  step_.reset();
  set_phase(ServicePhase::stopped);
}

Result<void> ServiceUnit::restart() {
  if (!record_.holds.empty()) {
    return Error::permanent("service \"" + spec_.name + "\" is held down by fault " +
                            state().held_by + "; heal it first: stormlog heal " + state().held_by);
  }
  if (!has_process()) {
    cancel_timers();
    wanted_ = false;
    start();
    return {};
  }
  wanted_ = true;
  overdue_ = false;
  was_healthy_ = false;
  failure_.clear();
  restart_asked_ = true;
  start_asked_ = host_.clock.now();
  begin_stop(spec_.stop_timeout);
  set_phase(ServicePhase::starting);
  return {};
}

void ServiceUnit::hold(const std::string& fault, milliseconds ttl) {
  hold_until(fault, host_.clock.wall_now() + ttl);
  const bool waits = wanted_ && !has_process();
  if (waits && state().phase != ServicePhase::held) {
    cancel_timers();
    set_phase(ServicePhase::held);
  } else {
    save();
  }
}

void ServiceUnit::hold_until(const std::string& fault, WallTime until) {
  record_.holds[fault] = until;
  record_.state.held_by = fault;
  host_.loop.cancel(hold_timers_[fault]);
  hold_timers_[fault] = host_.loop.after(until - host_.clock.wall_now(), [this, fault] {
    log::warn("hold released: its TTL is over", {{"name", spec_.name}, {"fault", fault}});
    release(fault);
  });
}

void ServiceUnit::release(const std::string& fault) {
  if (record_.holds.erase(fault) == 0) return;
  host_.loop.cancel(hold_timers_[fault]);
  hold_timers_.erase(fault);
  record_.state.held_by = record_.holds.empty() ? "" : record_.holds.begin()->first;
  save();
  if (!record_.holds.empty() || state().phase != ServicePhase::held || !wanted_) return;
  backoff_.reset();
  launch_when_clear();
}

void ServiceUnit::adopt(const ServiceRecord& record) {
  record_.state = record.state;
  for (const auto& [fault, until] : record.holds) hold_until(fault, until);
  auto& process = record_.state.process;
  if (process && !process::alive(*process)) {
    record_.state.last_exit = "ended while no supervisor ran";
    process.reset();
  }
  if (!process) {
    leftovers_ = host_.orphans_of(*this);
    kill_leftovers();
    // A hold means that a fault is under way: the service is wanted, and comes back after it.
    wanted_ = !record_.holds.empty();
    record_.state.phase = wanted_ ? ServicePhase::held : ServicePhase::stopped;
    return save();
  }
  wanted_ = true;
  ever_started_ = true;
  provisioned_ = true;
  start_asked_ = host_.clock.now();
  backoff_.started(host_.clock.now());
  was_healthy_ = state().phase == ServicePhase::running;
  watch_adopted();
  log::info("adopted", {{"name", spec_.name}, {"pid", state().process ? process->pid : 0}});
  if (has_process()) start_checks();
  save();
}

void ServiceUnit::watch_adopted() {
  const auto fd = process::open_pidfd(*state().process);
  if (!fd.ok()) return on_exit("ended while no supervisor ran", true);
  pidfd_ = *fd;
  host_.loop.watch(pidfd_, POLLIN, [this](short) {
    on_exit("an unknown exit (an earlier supervisor started it)", true);
  });
}

// --- starting

// Waits for what the last run has left behind: ports and locks are free only after it.
void ServiceUnit::launch_when_clear(int tries) {
  start_timer_ = 0;
  std::erase_if(leftovers_, [](const auto& one) { return !process::alive(one); });
  if (!leftovers_.empty() && tries < kLeftoverTries) {
    start_timer_ = host_.loop.after(kLeftoverStep, [this, tries] { launch_when_clear(tries + 1); });
    return;
  }
  launch_first_step();
}

void ServiceUnit::launch_first_step() {
  if (!provisioned_) {
    auto done = provision(spec_, variables_);
    if (!done.ok()) return fail(done.error().message);
    provisioned_ = true;
  }
  if (!needs_preparation(spec_)) return launch_main();
  if (auto begun = begin_preparation(spec_); !begun.ok()) return fail(begun.error().message);
  step_ = 0;
  on_step_end("", false);
}

// Called before the first step and after each.
void ServiceUnit::on_step_end(const std::string& how, bool failed) {
  const std::size_t step = *step_;
  if (failed || !wanted_) {
    step_.reset();
    if (!wanted_) return set_phase(ServicePhase::stopped);
    provisioned_ = false;
    return fail("its preparation failed: " + spec_.prepare[step - 1].front() + " ended with " +
                how);
  }
  if (step < spec_.prepare.size()) {
    step_ = step + 1;
    return start_process(spec_.prepare[step], false);
  }
  step_.reset();
  if (auto done = finish_preparation(spec_); !done.ok()) return fail(done.error().message);
  launch_main();
}

void ServiceUnit::launch_main() {
  if (ever_started_) ++record_.state.restarts;
  ever_started_ = true;
  start_process(spec_.command, true);
}

LaunchSpec ServiceUnit::launch_spec() const {
  LaunchSpec launch;
  launch.environment = spec_.environment;
  launch.environment[kServiceMark] = mark();
  launch.user = spec_.user;
  launch.folder = spec_.data.empty() ? root_ : spec_.data;
  launch.output = log_file(host_.home, spec_.name);
  return launch;
}

void ServiceUnit::start_process(const std::vector<std::string>& argv, bool is_main) {
  kill_reason_.clear();
  failed_checks_ = 0;
  was_healthy_ = false;
  leftovers_.clear();
  LaunchSpec spec = launch_spec();
  spec.argv = argv;
  auto program = find_program(argv.front(), root_);
  Result<ProcessIdentity> launched = Error::permanent("");
  if (program.ok()) {
    spec.program = *program;
    launched = launch(spec, [&](const ProcessIdentity& identity) {
      record_.state.process = identity;
      record_.state.started = host_.clock.wall_now();
      save();
    });
  } else {
    launched = program.error();
  }
  if (!launched.ok()) {
    record_.state.process.reset();
    if (!is_main || record_.state.restarts == 0 || !may_restart()) {
      return fail(launched.error().message);
    }
    // It has run before: its program is being replaced, or memory is short. That passes.
    record_.state.last_exit = launched.error().message;
    log::warn("cannot start", {{"name", spec_.name}, {"reason", state().last_exit}});
    return back_off(true);
  }
  log::info(is_main ? "started" : "preparing",
            {{"name", spec_.name}, {"pid", launched->pid}, {"program", spec.program.string()}});
  host_.loop.on_child_end(launched->pid,
                          [this](int status) { on_exit(describe_exit(status), status != 0); });
  if (is_main) {
    on_main_started();
  } else {
    set_phase(ServicePhase::starting);
  }
}

void ServiceUnit::on_main_started() {
  backoff_.started(host_.clock.now());
  // A crash loop stays one until it has proved otherwise.
  if (!in_crash_loop_) set_phase(ServicePhase::starting);
  host_.changed(*this);
  start_checks();
}

// It never ran, so there is nothing to restart: trying again cannot help before somebody acts.
void ServiceUnit::fail(const std::string& why) {
  failure_ = why;
  record_.state.last_exit = why;
  log::error("cannot start", {{"name", spec_.name}, {"reason", why}});
  set_phase(ServicePhase::failed);
}

// --- ending

void ServiceUnit::on_exit(const std::string& how, bool failed) {
  const ProcessIdentity process = *state().process;
  for (auto& member : members_of(process)) leftovers_.push_back(std::move(member));
  for (auto& orphan : host_.orphans_of(*this)) leftovers_.push_back(std::move(orphan));
  if (pidfd_ >= 0) {
    host_.loop.forget(pidfd_);
    ::close(pidfd_);
    pidfd_ = -1;
  }
  cancel_timers();
  record_.state.process.reset();
  const std::string what = kill_reason_.empty() ? how : how + " (killed: " + kill_reason_ + ")";
  log::info("ended", {{"name", spec_.name}, {"pid", process.pid}, {"how", what}});
  if (!step_) record_.state.last_exit = what;
  kill_leftovers();
  if (step_) return on_step_end(how, failed);
  if (!wanted_) return set_phase(ServicePhase::stopped);
  if (!record_.holds.empty()) return set_phase(ServicePhase::held);
  if (restart_asked_) {
    restart_asked_ = false;
    provisioned_ = false;
    backoff_.reset();
    in_crash_loop_ = false;
    return launch_when_clear();
  }
  back_off(failed);
}

void ServiceUnit::back_off(bool failed) {
  const auto decision = backoff_.ended(host_.clock.now(), failed);
  if (!decision) {
    const bool completed = !failed && spec_.restart.when == RestartPolicy::When::on_failure;
    return set_phase(completed ? ServicePhase::stopped : ServicePhase::failed);
  }
  in_crash_loop_ = decision->crash_loop;
  start_timer_ = host_.loop.after(decision->wait, [this] { launch_when_clear(); });
  set_phase(in_crash_loop_ ? ServicePhase::crash_loop : ServicePhase::backing_off);
}

void ServiceUnit::kill_leftovers() {
  for (const auto& one : leftovers_) static_cast<void>(process::signal(one, SIGKILL));
}

// Asks it to end, and kills it with all that belongs to it after `grace`.
void ServiceUnit::begin_stop(milliseconds grace) {
  const ProcessIdentity process = *state().process;
  // While it lives its descendants are known, also those in sessions of their own.
  leftovers_ = members_of(process);
  const auto sent = process::signal(process, spec_.stop_signal);
  if (!sent.ok() && sent.error().code == "EPERM") {
    stop_trouble_ = sent.error().message + "; stop it as the user who started it";
    return host_.changed(*this);
  }
  probe_.reset();
  host_.loop.cancel(check_timer_);
  host_.loop.cancel(period_timer_);
  // A process that was paused would get the signal only when it is continued.
  if (process::state(process) == ProcessState::stopped) {
    static_cast<void>(process::signal(process, SIGCONT));
  }
  host_.loop.cancel(kill_timer_);
  kill_timer_ = host_.loop.after(grace, [this] {
    log::warn("did not end in time: killed", {{"name", spec_.name}});
    kill_all();
  });
}

void ServiceUnit::kill_all() {
  const ProcessIdentity process = *state().process;
  const auto members = members_of(process);
  static_cast<void>(process::signal(process, SIGKILL));
  for (const auto& member : members) static_cast<void>(process::signal(member, SIGKILL));
  kill_timer_ = host_.loop.after(kKillPatience, [this] {
    stop_trouble_ = describe_process(*state().process) + " does not end, not even by SIGKILL";
    host_.changed(*this);
  });
}

// --- what is written down

void ServiceUnit::set_phase(ServicePhase phase) {
  if (state().phase != phase) {
    record_.state.phase = phase;
    record_.state.since = host_.clock.wall_now();
    log::info("phase", {{"name", spec_.name}, {"phase", to_string(phase)}});
  }
  save();
  host_.changed(*this);
}

void ServiceUnit::save() {
  if (auto written = write_record(host_.home, record_); !written.ok()) {
    log::error("cannot write its state",
               {{"name", spec_.name}, {"reason", written.error().message}});
  }
}

void ServiceUnit::cancel_timers() {
  for (EventLoop::TimerId* timer : {&start_timer_, &check_timer_, &period_timer_, &kill_timer_}) {
    host_.loop.cancel(*timer);
    *timer = 0;
  }
  probe_.reset();
}

}  // namespace stormlog::chaos

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "chaos/stack/event_loop.hpp"
#include "chaos/stack/health_probe.hpp"
#include "chaos/stack/restart_backoff.hpp"
#include "chaos/stack/service_record.hpp"
#include "chaos/stack/stack.hpp"

namespace stormlog::chaos {

class ServiceUnit;

// The environment variable that every process of a service carries; its value is mark().
constexpr const char* kServiceMark = "STORMLOG_SERVICE";

// What a unit needs around it.
struct UnitHost {
  EventLoop& loop;
  const Clock& clock;
  std::filesystem::path home;
  // After each change of phase or process.
  std::function<void(ServiceUnit&)> changed;
  // Living processes that an ended service has left behind.
  std::function<std::vector<ProcessIdentity>(const ServiceUnit&)> orphans_of;
};

// One managed service: starts it, checks its health, restarts it, holds it down, stops it, and
// writes each step down.
//
//   stopped ─start─▶ starting ─healthy─▶ running ─checks fail─▶ unhealthy ─killed─┐
//      ▲                │  ▲                │ ends                                │
//      └────── stop ────┘  └── back-off ────┴─▶ backing_off | crash_loop | failed | held ◀┘
//
// A process that is stopped (SIGSTOP) fails its HTTP and command checks; after `unhealthy_after` of
// them it is killed and restarted like any other that hangs. A fault that pauses a service longer
// than that therefore ends in a restart: that is what a supervisor is for.
//
// Threads: the loop's.
class ServiceUnit {
 public:
  ServiceUnit(ServiceSpec spec, const document::Variables& variables, std::filesystem::path root,
              std::size_t order, UnitHost& host);
  ~ServiceUnit();
  ServiceUnit(const ServiceUnit&) = delete;
  ServiceUnit& operator=(const ServiceUnit&) = delete;

  const ServiceSpec& spec() const { return spec_; }
  const ServiceState& state() const { return record_.state; }
  bool has_process() const { return record_.state.process.has_value(); }
  // Tells its processes from those of all other services and stacks: "/path/of/home#name".
  std::string mark() const { return host_.home.string() + "#" + spec_.name; }
  // Neither its process nor anything that it has left behind lives.
  bool is_clear() const;
  bool wanted() const { return wanted_; }
  bool healthy() const { return state().phase == ServicePhase::running; }
  // Why an `up` or `restart` that waits for it should give up; empty while there is hope.
  std::string trouble() const;
  // Why stopping it fails; empty when it does not.
  const std::string& stop_trouble() const { return stop_trouble_; }
  // Since it was last told to start.
  Nanoseconds since_start() const { return host_.clock.now() - start_asked_; }
  // Why the last health check failed.
  const std::string& health_reason() const { return health_reason_; }

  // A new reading of the stack file: policies and checks hold at once, the command from the next
  // start on.
  void update(ServiceSpec spec, const document::Variables& variables, std::size_t order);
  // Takes over what an earlier supervisor has written down, with its living process if there is
  // one.
  void adopt(const ServiceRecord& record);

  void start();
  void stop();
  Result<void> restart();
  void hold(const std::string& fault, std::chrono::milliseconds ttl);
  void release(const std::string& fault);

 private:
  void set_phase(ServicePhase phase);
  void save();
  void launch_when_clear(int tries = 0);
  void launch_first_step();
  void launch_main();
  void start_process(const std::vector<std::string>& argv, bool is_main);
  void on_main_started();
  void on_exit(const std::string& how, bool failed);
  void on_step_end(const std::string& how, bool failed);
  void fail(const std::string& why);
  void back_off(bool failed);
  void watch_adopted();
  void kill_leftovers();
  void begin_stop(std::chrono::milliseconds grace);
  void kill_all();
  void start_checks();
  void schedule_check(std::chrono::milliseconds delay);
  void run_check();
  void on_check(bool healthy, const std::string& reason);
  void on_start_period_over();
  void kill_unhealthy(const std::string& why);
  void hold_until(const std::string& fault, WallTime until);
  void cancel_timers();
  LaunchSpec launch_spec() const;
  bool may_restart() const { return spec_.restart.when != RestartPolicy::When::never; }

  ServiceSpec spec_;
  document::Variables variables_;
  std::filesystem::path root_;
  UnitHost& host_;
  ServiceRecord record_;
  RestartBackoff backoff_;

  bool wanted_ = false;
  bool provisioned_ = false;    // since it was last told to start
  bool restart_asked_ = false;  // start again as soon as it has ended
  bool was_healthy_ = false;    // this process
  bool in_crash_loop_ = false;
  bool overdue_ = false;             // start_period passed without a healthy check
  bool ever_started_ = false;        // since it was last told to start
  std::optional<std::size_t> step_;  // of the preparation, while one runs
  int failed_checks_ = 0;
  std::string failure_;      // why it could not be prepared or launched
  std::string kill_reason_;  // why we killed it
  std::string stop_trouble_;
  std::string health_reason_;
  MonotonicTime start_asked_{};
  std::vector<ProcessIdentity> leftovers_;
  std::unique_ptr<HealthProbe> probe_;
  int pidfd_ = -1;  // of an adopted process, which is no child of ours

  EventLoop::TimerId start_timer_ = 0;  // back-off, or waiting for leftovers
  EventLoop::TimerId check_timer_ = 0;
  EventLoop::TimerId period_timer_ = 0;  // start_period, or settling without a health check
  EventLoop::TimerId kill_timer_ = 0;
  std::map<std::string, EventLoop::TimerId> hold_timers_;
};

}  // namespace stormlog::chaos

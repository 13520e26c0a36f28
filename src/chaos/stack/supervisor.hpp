#pragma once

#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "chaos/stack/event_loop.hpp"
#include "chaos/stack/service_state.hpp"
#include "chaos/stack/service_unit.hpp"
#include "chaos/stack/stack.hpp"

namespace stormlog::chaos {

struct SupervisorOptions {
  std::filesystem::path stack_file;
  std::filesystem::path home;
  std::vector<std::string> profiles;
  document::Variables variables;
};

// Starts, watches, restarts and stops the services of one stack.
//
// There is one for each HOME, by a lock on HOME/state/lock. Services do not die with it: they have
// sessions of their own, and the next supervisor adopts those that live by PID, start time and boot
// id. It is a subreaper, so that what a killed service leaves behind comes to it and is killed
// before the service starts again. All state is under HOME/state, written before a process runs.
//
// Threads:  one; run() is its loop.
// Lifetime: destroying it leaves the services running.
class Supervisor {
 public:
  using OnDone = std::function<void(const Result<void>&)>;

  // Takes the lock and adopts what lives. Error with code "LOCKED" when another one runs.
  static Result<std::unique_ptr<Supervisor>> create(SupervisorOptions options);
  ~Supervisor();

  EventLoop& loop() { return loop_; }

  // Reads the request's stack file, so that services not yet running start as it says now, and
  // those that run are restarted and stopped as it says. `done` is called once, possibly before
  // this returns. The returned number calls the waiting off.
  std::uint64_t up(const UpRequest& request, OnStackProgress progress, OnDone done);
  std::uint64_t down(OnStackProgress progress, OnDone done);
  std::uint64_t restart(const std::string& service, OnDone done);
  void forget_waiter(std::uint64_t id) { waiters_.erase(id); }
  Result<void> hold(const std::string& service, const std::string& fault,
                    std::chrono::milliseconds ttl);
  Result<void> release(const std::string& service, const std::string& fault);

  // Until everything was stopped, or there was nothing to supervise in the first place.
  void run();

 private:
  struct Waiter {
    enum class For { up, down, restart } what = For::up;
    std::set<std::string> services;
    OnStackProgress progress;
    OnDone done;
  };

  Supervisor(SupervisorOptions options, int lock);
  Result<void> adopt();
  ServiceUnit* unit(const std::string& name) const;
  Result<ServiceUnit*> known_unit(const std::string& name) const;
  Result<void> read_stack(const UpRequest& request);
  Result<std::vector<std::string>> with_dependencies(const std::vector<std::string>& names) const;
  Result<void> check_before(const std::vector<std::string>& names) const;
  std::uint64_t add_waiter(Waiter waiter);
  void finish(std::uint64_t id, const Result<void>& result);
  void on_changed(ServiceUnit& unit);
  void start_ready();
  void stop_ready();
  void review_soon();
  void review();
  void review_up(std::uint64_t id, const Waiter& waiter);
  void review_down();
  bool idle() const;
  void forget_all() const;
  std::vector<ProcessIdentity> orphans_of(const ServiceUnit& ended) const;
  void rotate_logs();
  void save();

  SupervisorOptions options_;
  int lock_ = -1;
  EventLoop loop_;
  UnitHost host_;
  Stack stack_;
  std::vector<std::unique_ptr<ServiceUnit>> units_;  // in the order of the stack file
  std::set<std::string> pending_;                    // wait for what they depend on
  std::map<std::uint64_t, Waiter> waiters_;
  std::set<std::string> stop_sent_;
  MonotonicTime stop_asked_{};
  std::uint64_t next_id_ = 1;
  bool stopping_ = false;
  bool used_ = false;  // a request has come: from now on nothing to do means the end
  bool review_due_ = false;
};

// Starts `stormlog supervise` as a process of its own that outlives this one, and waits until it
// answers. Its output goes to HOME/logs/supervisor.log. No error when one runs already.
Result<void> start_supervisor(const SupervisorOptions& options);

}  // namespace stormlog::chaos

#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "chaos/stack/stack.hpp"
#include "common/base/clock.hpp"
#include "common/base/process.hpp"
#include "common/base/result.hpp"

// What the supervisor has written down of each service, under HOME/state: readable by any other
// process, and by the next supervisor after this one died.
namespace stormlog::chaos {

enum class ServicePhase {
  stopped,      // ended on purpose, or never started
  starting,     // runs, not yet healthy
  running,      // healthy, or without a health check
  unhealthy,    // was healthy; checks fail
  backing_off,  // ended; waits before the next start
  crash_loop,   // ended too often without being stable; still retried, at max_backoff
  failed,       // ended, and its policy does not restart it
  held,         // ended, and a fault holds it down
};

std::string_view to_string(ServicePhase phase);

struct ServiceState {
  std::string name;
  ServicePhase phase = ServicePhase::stopped;
  std::optional<ProcessIdentity> process;
  WallTime since{};       // of the phase
  WallTime started{};     // of the process
  int restarts = 0;       // since `up`
  std::string last_exit;  // "signal 9 (SIGKILL)", "exit code 3"
  std::string held_by;    // fault id
};

struct StackState {
  std::optional<ProcessIdentity> supervisor;
  std::string stack_file;
  std::vector<std::string> profiles;
  document::Variables variables;       // that were given to `up`
  std::vector<ServiceState> services;  // in the order of the stack file

  const ServiceState* service(std::string_view name) const;
};

// Empty services and no supervisor when the stack was never started or is down.
Result<StackState> read_stack_state(const std::filesystem::path& home);

// A step of one service on the way up or down.
struct StackProgress {
  std::string service;
  ServicePhase phase = ServicePhase::stopped;
  std::chrono::milliseconds elapsed{0};  // since the service was told to start or stop
  pid_t pid = 0;
  std::string note;  // what went wrong on the way: "signal 9 (SIGKILL)"
};
using OnStackProgress = std::function<void(const StackProgress&)>;

struct UpRequest {
  std::filesystem::path
      stack_file;  // read anew; running services take its policies, not its commands
  std::vector<std::string> services;  // with what they depend on; empty = all
  std::vector<std::string> profiles;  // empty = those that it runs with
  document::Variables variables;
  bool wait = true;  // until they are healthy; else until they may be started
};

// Commands to the running supervisor, over its unix socket HOME/state/supervisor.sock.
//
// Blocking: at most `timeout`.
// Errors:   retriable when no supervisor answers; permanent when it refuses, with its reason.
class SupervisorClient {
 public:
  explicit SupervisorClient(std::filesystem::path home) : home_(std::move(home)) {}

  bool running() const;
  // Starts services and waits until all of them are healthy. Permanent error with all reasons when
  // the preflight fails or one gives up. Blocking: as long as start periods and back-off allow.
  Result<void> up(const UpRequest& request, const OnStackProgress& progress) const;
  // Stops everything, then the supervisor ends. Blocking: as long as the stop timeouts allow.
  Result<void> down(const OnStackProgress& progress) const;
  // Restarts and waits until it is healthy again.
  Result<void> restart(const std::string& service, std::chrono::milliseconds timeout);
  // Keeps an ended service down until release() or until the TTL is over, whichever is first.
  Result<void> hold(const std::string& service, const std::string& fault_id,
                    std::chrono::milliseconds ttl);
  // Idempotent: releasing what is not held is no error.
  Result<void> release(const std::string& service, const std::string& fault_id);

 private:
  Result<std::string> call(const std::string& line, std::chrono::milliseconds timeout,
                           const OnStackProgress& progress = {}) const;
  std::filesystem::path home_;
};

}  // namespace stormlog::chaos

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/result.hpp"

// Processes by identity. A PID alone may be reused by a stranger; a PID with its start time and
// the machine's boot is one process for ever.
namespace stormlog {

struct ProcessIdentity {
  pid_t pid = 0;
  std::uint64_t start_ticks = 0;  // field 22 of /proc/PID/stat: clock ticks since boot
  std::string boot_id;            // /proc/sys/kernel/random/boot_id

  bool operator==(const ProcessIdentity&) const = default;
};

enum class ProcessState { gone, zombie, stopped, running };

namespace process {

// Who is PID now; a permanent error when there is no such process.
Result<ProcessIdentity> identify(pid_t pid);

// Whether this very process still exists, and how. A zombie has ended: only its parent has not
// collected it yet.
ProcessState state(const ProcessIdentity& identity);
inline bool alive(const ProcessIdentity& identity) {
  const ProcessState now = state(identity);
  return now == ProcessState::running || now == ProcessState::stopped;
}

// Sends a signal to this very process and never to a stranger: a pidfd is opened first, the start
// time compared after, and the signal goes through the pidfd (pidfd_send_signal(2)).
// Permanent error "ESRCH" when the process has ended, "EPERM" when it may not be signalled.
Result<void> signal(const ProcessIdentity& identity, int signal_number);

// Opens a pidfd that becomes readable when the process ends; works for processes that are not our
// children. The caller closes it.
Result<int> open_pidfd(const ProcessIdentity& identity);

// The process that listens on a TCP port of this machine (any address); found through
// /proc/net/tcp{,6} and /proc/PID/fd, so a process of another user needs root.
Result<ProcessIdentity> listening_on(std::uint16_t port);

}  // namespace process
}  // namespace stormlog

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/process.hpp"

namespace stormlog::chaos {

// The living processes that belong to the service whose main process this is (or was): its
// descendants and all of its session and process group, without itself. Empty when the PID has been
// given to somebody else: a number in use as group or session is never given away, so none is left.
std::vector<ProcessIdentity> members_of(const ProcessIdentity& leader);

// Resident memory of a process and of its living members in bytes; what they share counts once.
// Where /proc/PID/smaps_rollup may not be read, of the process all of it, and of the members what
// is neither file nor segment. Empty when the process has ended.
std::optional<std::uint64_t> resident_bytes(const ProcessIdentity& leader);

// Living direct children of a process, with their session.
struct Child {
  ProcessIdentity identity;
  pid_t session = 0;
};
std::vector<Child> children_of(pid_t parent);

// Whether the process was started with NAME=value in its environment. No when it may not be read,
// or when the process has written over it, as PostgreSQL's do to show a title.
bool started_with(pid_t pid, const std::string& name, const std::string& value);

// The living processes that were started so. Whatever session they are in and whoever became their
// parent: a child inherits its environment.
std::vector<ProcessIdentity> all_started_with(const std::string& name, const std::string& value);

// "java (PID 4711)": for messages.
std::string describe_process(const ProcessIdentity& identity);

}  // namespace stormlog::chaos

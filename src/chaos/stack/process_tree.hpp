#pragma once

#include <string>
#include <vector>

#include "common/base/process.hpp"

namespace stormlog::chaos {

// The living processes that belong to the service whose main process this is (or was): its
// descendants and all of its session and process group, without itself. Empty when the PID has been
// given to somebody else: a number in use as group or session is never given away, so none is left.
std::vector<ProcessIdentity> members_of(const ProcessIdentity& leader);

// Living direct children of a process, with their session.
struct Child {
  ProcessIdentity identity;
  pid_t session = 0;
};
std::vector<Child> children_of(pid_t parent);

// The value of a variable in the environment that a process was started with; "" when it has none
// or may not be read.
std::string environment_value(pid_t pid, const std::string& name);

// "java (PID 4711)": for messages.
std::string describe_process(const ProcessIdentity& identity);

}  // namespace stormlog::chaos

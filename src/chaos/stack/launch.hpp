#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/base/process.hpp"
#include "common/base/result.hpp"

// Starting programs for the supervisor: by argument list, never through a shell.
namespace stormlog::chaos {

// A user of this machine, for a service that is not to run as root.
struct UserAccount {
  std::string name;
  std::string home;
  uid_t uid = 0;
  gid_t gid = 0;
};
Result<UserAccount> find_user(const std::string& name);

// The program's path: names with a slash count from `root`, others are looked up in PATH.
Result<std::filesystem::path> find_program(const std::string& name,
                                           const std::filesystem::path& root);

struct LaunchSpec {
  std::filesystem::path program;  // from find_program
  std::vector<std::string> argv;
  std::map<std::string, std::string> environment;  // added to ours
  std::string user;                                // empty, or not root: as we are
  std::filesystem::path folder;  // working directory; / where it cannot be entered
  std::filesystem::path output;  // stdout and stderr are appended there
};

// Starts a program in a session of its own, with default signals, standard input from /dev/null and
// no other open file. `record` is called with its identity before the program runs: should we die
// in between, nothing runs that is not written down.
//
// Blocking: until execve(2).
// Errors:   permanent, with the program and the reason (no such file, no permission, no such user).
Result<ProcessIdentity> launch(const LaunchSpec& spec,
                               const std::function<void(const ProcessIdentity&)>& record);

// "signal 9 (SIGKILL)" or "exit code 3", of a status of waitpid(2).
std::string describe_exit(int status);

}  // namespace stormlog::chaos

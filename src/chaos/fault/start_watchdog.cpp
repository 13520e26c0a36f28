#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "chaos/fault/undo_journal.hpp"
#include "common/base/file.hpp"

namespace stormlog::chaos {
namespace {

// The program's standard error goes to the log; nothing else of the engine is kept open by it.
class SpawnSetup {
 public:
  explicit SpawnSetup(int log) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawn_file_actions_adddup2(&actions_, log, 2);
    ::posix_spawn_file_actions_adddup2(&actions_, 2, 1);
    ::posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addclosefrom_np(&actions_, 3);
    ::posix_spawnattr_init(&attributes_);
    sigset_t none;
    sigset_t all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    // A session of its own: Ctrl-C in the engine's terminal does not reach it.
    ::posix_spawnattr_setflags(&attributes_,
                               POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnSetup() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  SpawnSetup(const SpawnSetup&) = delete;
  SpawnSetup& operator=(const SpawnSetup&) = delete;

  int run(const char* const argv[], pid_t* pid) const {
    return ::posix_spawn(pid, argv[0], &actions_, &attributes_, const_cast<char* const*>(argv),
                         environ);
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

}  // namespace

Result<void> start_watchdog(const std::filesystem::path& home,
                            const std::filesystem::path& stormlog_program) {
  const auto log_path = home / "logs" / "watchdog.log";
  if (auto made = file::make_dirs(log_path.parent_path()); !made.ok()) return made;
  const int log = ::open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log < 0) return Error::permanent(log_path.string() + ": " + std::strerror(errno));
  const std::string program = stormlog_program.string();
  const std::string folder = std::filesystem::absolute(home).string();
  const char* const argv[] = {program.c_str(), "watchdog", "--home", folder.c_str(), nullptr};
  pid_t pid = 0;
  const int failed = SpawnSetup(log).run(argv, &pid);
  ::close(log);
  if (failed != 0) {
    return Error::permanent(program + ": cannot start the watchdog: " + std::strerror(failed));
  }
  // It leaves its starter at once, and its first process tells whether it could.
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno == EINTR) continue;
    if (errno == ECHILD) return {};  // somebody ignores SIGCHLD: the kernel has collected it
    return Error::permanent("cannot wait for the watchdog: " + std::string(std::strerror(errno)));
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return Error::permanent(program + ": the watchdog did not start; see " + log_path.string());
  }
  return {};
}

}  // namespace stormlog::chaos

#include "chaos/fault/watchdog.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "chaos/fault/undo_journal.hpp"
#include "common/base/file.hpp"
#include "common/base/log.hpp"

namespace stormlog::chaos {
namespace {

constexpr std::chrono::milliseconds kLook{100};
// An engine starts the watchdog just before it adds a record.
constexpr std::chrono::seconds kStayWithoutRecords{3};
// A second watchdog waits this long for the first to end, so that none is missing in between.
constexpr std::chrono::seconds kWaitForLock{5};

bool must_heal(const UndoRecord& record) {
  if (SystemClock::instance().wall_now() >= record.expires) return true;
  return !record.detached && !process::alive(record.owner);
}

}  // namespace

Result<void> run_watchdog(const std::filesystem::path& home) {
  const auto lock_path = home / "state" / "watchdog.lock";
  if (auto made = file::make_dirs(lock_path.parent_path()); !made.ok()) return made;
  const int lock = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) return Error::permanent(lock_path.string() + ": " + std::strerror(errno));
  const Clock& clock = SystemClock::instance();
  const MonotonicTime limit = clock.now() + kWaitForLock;
  while (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    if (clock.now() >= limit) {
      ::close(lock);
      return {};
    }
    std::this_thread::sleep_for(kLook);
  }
  UndoJournal journal(home);
  MonotonicTime last_record = clock.now();
  while (clock.now() - last_record < kStayWithoutRecords) {
    const auto records = journal.list();
    if (records.ok() && !records->empty()) {
      last_record = clock.now();
      for (const UndoRecord& record : *records) {
        if (!must_heal(record)) continue;
        const auto healed = journal.heal(record);
        if (healed.ok()) {
          log::warn("healed what was left in",
                    {{"id", record.id}, {"fault", record.fault}, {"target", record.target}});
        } else {
          log::error("cannot heal", {{"id", record.id}, {"error", healed.error().message}});
        }
      }
    }
    std::this_thread::sleep_for(kLook);
  }
  ::close(lock);
  return {};
}

Result<void> start_watchdog(const std::filesystem::path& home,
                            const std::filesystem::path& stormlog_program) {
  const auto log_path = home / "logs" / "watchdog.log";
  if (auto made = file::make_dirs(log_path.parent_path()); !made.ok()) return made;
  const int log = ::open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log < 0) return Error::permanent(log_path.string() + ": " + std::strerror(errno));

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, log, 1);
  ::posix_spawn_file_actions_adddup2(&actions, log, 2);
  ::posix_spawnattr_init(&attributes);
  // A session of its own: Ctrl-C in the engine's terminal does not reach it.
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  const std::string program = stormlog_program.string();
  const std::string folder = home.string();
  const char* const argv[] = {program.c_str(), "watchdog", "--home", folder.c_str(), nullptr};
  pid_t pid = 0;
  const int failed = ::posix_spawn(&pid, program.c_str(), &actions, &attributes,
                                   const_cast<char* const*>(argv), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  ::close(log);
  if (failed != 0) {
    return Error::permanent(program + ": cannot start the watchdog: " + std::strerror(failed));
  }
  return {};
}

}  // namespace stormlog::chaos

#include "chaos/fault/watchdog.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "common/base/file.hpp"
#include "common/base/log.hpp"

namespace stormlog::chaos {
namespace {

constexpr std::chrono::milliseconds kLook{100};
// An engine starts the watchdog just before it adds a record.
constexpr std::chrono::seconds kStayWithoutRecords{3};
// A second watchdog waits this long for the first to end, so that none is missing in between.
constexpr std::chrono::seconds kWaitForLock{5};
constexpr Nanoseconds kFirstPause = std::chrono::milliseconds{200};
constexpr Nanoseconds kLongestPause = std::chrono::seconds{10};

}  // namespace

WatchdogRounds::WatchdogRounds(const std::filesystem::path& home, const Clock& clock)
    : journal_(home), clock_(clock), idle_since_(clock.now()) {}

bool WatchdogRounds::is_due(const UndoRecord& record, const Seen& seen) const {
  if (clock_.wall_now() >= record.expires || clock_.now() >= seen.expires) return true;
  return !record.detached && !process::alive(record.owner);
}

void WatchdogRounds::heal(const UndoRecord& record, Seen& seen) {
  const auto healed = journal_.heal(record);
  if (healed.ok()) {
    log::warn("healed what was left in",
              {{"id", record.id}, {"fault", record.fault}, {"target", record.target}});
    return;
  }
  seen.pause = std::clamp(seen.pause * 2, kFirstPause, kLongestPause);
  seen.try_at = clock_.now() + seen.pause;
  if (seen.error == healed.error().message) return;
  seen.error = healed.error().message;
  log::error("cannot heal; goes on trying",
             {{"id", record.id}, {"fault", record.fault}, {"error", seen.error}});
}

void WatchdogRounds::look() {
  std::vector<std::string> damaged;
  const auto records = journal_.list(&damaged);
  if (!records.ok()) {
    if (list_error_ != records.error().message) {
      list_error_ = records.error().message;
      log::error("cannot read the undo journal", {{"error", list_error_}});
    }
    return;
  }
  const MonotonicTime now = clock_.now();
  std::map<std::string, Seen> seen;
  for (const UndoRecord& record : *records) {
    const auto before = seen_.find(record.id);
    Seen& mine = seen[record.id];
    if (before != seen_.end()) {
      mine = before->second;
    } else {
      mine.expires = now + std::max(record.expires - clock_.wall_now(), Nanoseconds{0});
    }
    if (now >= mine.try_at && is_due(record, mine)) heal(record, mine);
  }
  seen_ = std::move(seen);
  // An unreadable record cannot be healed from here: it is `doctor`'s, and keeps nobody waiting.
  if (!records->empty()) idle_since_ = clock_.now();
}

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
  WatchdogRounds rounds(home, clock);
  while (clock.now() - rounds.idle_since() < kStayWithoutRecords) {
    rounds.look();
    std::this_thread::sleep_for(kLook);
  }
  ::close(lock);
  return {};
}

}  // namespace stormlog::chaos

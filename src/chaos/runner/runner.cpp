#include "chaos/runner/runner.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "chaos/runner/run_folder.hpp"
#include "chaos/runner/run_session.hpp"

namespace stormlog::chaos {
namespace {

// Held while a run is under way; the kernel gives it back when the engine dies.
class RunLock {
 public:
  static Result<RunLock> take(const std::filesystem::path& home) {
    const auto folder = home / "state";
    if (auto made = file::make_dirs(folder); !made.ok()) return made.error();
    const auto path = folder / "run.lock";
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return Error::permanent(path.string() + ": cannot open the lock");
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
      ::close(fd);
      return Error::permanent(
          "another run is under way here; wait for it, or end it with `stormlog abort`", "BUSY");
    }
    return RunLock(fd);
  }
  RunLock(RunLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  RunLock& operator=(RunLock&&) = delete;
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;
  ~RunLock() {
    if (fd_ >= 0) ::close(fd_);
  }

 private:
  explicit RunLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace

Result<RunOutcome> run_experiment(const Stack& stack, const Experiment& experiment,
                                  const RunOptions& options, const std::atomic<bool>& stop) {
  const auto lock = RunLock::take(stack.home);
  if (!lock.ok()) return lock.error();
  const Clock& clock = SystemClock::instance();
  const std::string slug =
      slug_of(experiment.file.empty() ? experiment.title : experiment.file.string());
  auto folder = create_run_folder(options.runs, slug, clock.wall_now());
  if (!folder.ok()) return folder.error();
  auto journal =
      Journal::create(folder->path / "journal.ndjson", clock, clock.now(), options.on_entry);
  if (!journal.ok()) return journal.error();
  if (auto written = write_engine(*folder); !written.ok()) return written.error();
  RunSession session(stack, experiment, options, stop, *folder, std::move(*journal));
  RunOutcome outcome = session.run();
  remove_engine(*folder);
  return outcome;
}

}  // namespace stormlog::chaos

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "chaos/stack/service_record.hpp"
#include "chaos/stack/supervisor.hpp"
#include "common/base/file.hpp"

namespace stormlog::chaos {
namespace {

namespace fs = std::filesystem;

constexpr int kReadyFd = 3;
constexpr const char* kReady = "ready\n";
constexpr const char* kLocked = "locked\n";
constexpr std::chrono::seconds kLockPatience{15};

std::vector<std::string> command_line(const SupervisorOptions& options) {
  std::vector<std::string> argv = {"stormlog",   "supervise",
                                   "--stack",    options.stack_file.string(),
                                   "--ready-fd", std::to_string(kReadyFd)};
  for (const auto& profile : options.profiles) {
    argv.insert(argv.end(), {"--profile", profile});
  }
  for (const auto& [name, value] : options.variables) {
    argv.insert(argv.end(), {"--var", name + "=" + value});
  }
  return argv;
}

[[noreturn]] void become_supervisor(std::vector<std::string> argv, const fs::path& log, int ready) {
  ::setsid();
  if (::fork() != 0) ::_exit(0);  // the supervisor is nobody's child who might wait for it
  const int input = ::open("/dev/null", O_RDONLY);
  const int output = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  const int ready_copy = ::fcntl(ready, F_DUPFD, 10);
  if (output < 0 || ready_copy < 0) ::_exit(127);
  ::dup2(input, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  ::dup2(ready_copy, kReadyFd);
  ::close_range(kReadyFd + 1, ~0U, 0);
  if (::chdir("/") != 0) ::_exit(127);
  ::umask(022);  // services of other users pass through the folders that it makes
  std::vector<char*> pointers;
  for (auto& word : argv) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  // The path makes `ps` name the program; the link works even when the file was replaced.
  char path[4096] = {};
  if (::readlink("/proc/self/exe", path, sizeof path - 1) > 0) ::execv(path, pointers.data());
  ::execv("/proc/self/exe", pointers.data());
  ::_exit(127);
}

// Returns what the new process has to say.
Result<std::string> spawn(const SupervisorOptions& options) {
  const fs::path log = log_file(options.home, "supervisor");
  if (auto made = file::make_dirs(log.parent_path()); !made.ok()) return made.error();
  int ready[2];
  if (::pipe2(ready, O_CLOEXEC) != 0) {
    return Error::retriable("pipe: " + std::string(std::strerror(errno)));
  }
  // The supervisor's working directory is another one: a relative HOME would not be found there.
  ::setenv("STORMLOG_HOME", options.home.c_str(), 1);
  ::unsetenv(kServiceMark);  // of a service that runs us: the supervisor is no part of it
  const pid_t pid = ::fork();
  if (pid == 0) become_supervisor(command_line(options), log, ready[1]);
  const int fork_code = errno;
  ::close(ready[1]);
  if (pid < 0) {
    ::close(ready[0]);
    return Error::retriable("fork: " + std::string(std::strerror(fork_code)));
  }
  ::waitpid(pid, nullptr, 0);
  std::string text;
  char buffer[1024];
  while (true) {
    const ssize_t got = ::read(ready[0], buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    text.append(buffer, static_cast<std::size_t>(got));
  }
  ::close(ready[0]);
  if (!text.empty()) return text;
  return Error::retriable("the supervisor ended at once; its log: " + log.string());
}

}  // namespace

Result<void> start_supervisor(const SupervisorOptions& options) {
  const MonotonicTime deadline = SystemClock::instance().now() + kLockPatience;
  while (true) {
    if (SupervisorClient(options.home).running()) return {};
    auto said = spawn(options);
    if (!said.ok()) return said.error();
    if (*said == kReady) return {};
    if (*said != kLocked) {
      return Error::permanent("the supervisor cannot start: " + *said);
    }
    // One that is about to answer, or about to end.
    if (SystemClock::instance().now() > deadline) {
      return Error::retriable(
          "another process holds the lock of " + options.home.string() +
          " and does not answer; its log: " + log_file(options.home, "supervisor").string());
    }
    ::poll(nullptr, 0, 50);
  }
}

}  // namespace stormlog::chaos

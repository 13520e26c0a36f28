#include "chaos/stack/launch.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>

namespace stormlog::chaos {
namespace {

namespace fs = std::filesystem;

// The child's report of what went wrong before execve; nothing when all went well.
struct Failure {
  int code = 0;
  char step[24] = {};
};

constexpr int kReportFd = 3;

[[noreturn]] void report(int fd, const char* step) {
  Failure failure;
  failure.code = errno;
  std::strncpy(failure.step, step, sizeof failure.step - 1);
  [[maybe_unused]] const ssize_t written = ::write(fd, &failure, sizeof failure);
  ::_exit(127);
}

void restore_signals() {
  for (int signal = 1; signal < NSIG; ++signal) std::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

struct Prepared {
  std::vector<char*> argv;
  std::vector<char*> environment;
  std::optional<UserAccount> user;
};

// Between fork and exec of a process with one thread; memory was allocated before the fork.
[[noreturn]] void run_child(const LaunchSpec& spec, const Prepared& prepared, int gate,
                            int failed) {
  restore_signals();
  ::setsid();
  char go = 0;
  if (::read(gate, &go, 1) != 1) ::_exit(127);  // the parent died before it wrote us down
  const int input = ::open("/dev/null", O_RDONLY);
  const int output = ::open(spec.output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  if (output < 0) report(failed, "open its log");
  // Above the standard ones first, so that no dup2 lands on a descriptor still needed.
  const int report_fd = ::fcntl(failed, F_DUPFD_CLOEXEC, 10);
  ::dup2(input, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  ::dup2(report_fd, kReportFd);
  ::close_range(kReportFd + 1, ~0U, 0);
  ::fcntl(kReportFd, F_SETFD, FD_CLOEXEC);
  if (prepared.user) {
    const UserAccount& user = *prepared.user;
    if (::initgroups(user.name.c_str(), user.gid) != 0) report(kReportFd, "set its groups");
    if (::setgid(user.gid) != 0) report(kReportFd, "set its group");
    if (::setuid(user.uid) != 0) report(kReportFd, "set its user");
  }
  if (::chdir(spec.folder.c_str()) != 0 && ::chdir("/") != 0) report(kReportFd, "enter /");
  ::umask(022);
  ::execve(spec.program.c_str(), prepared.argv.data(), prepared.environment.data());
  report(kReportFd, "run it");
}

std::vector<std::string> environment_of(const LaunchSpec& spec,
                                        const std::optional<UserAccount>& user) {
  std::map<std::string, std::string> values;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string::npos) values[text.substr(0, equals)] = text.substr(equals + 1);
  }
  if (user) {
    values["HOME"] = user->home;
    values["USER"] = user->name;
    values["LOGNAME"] = user->name;
    values.erase("XDG_RUNTIME_DIR");
  }
  for (const auto& [name, value] : spec.environment) values[name] = value;
  std::vector<std::string> list;
  for (const auto& [name, value] : values) list.push_back(name + "=" + value);
  return list;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (auto& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

bool is_executable(const fs::path& path) {
  std::error_code code;
  return fs::is_regular_file(path, code) && ::access(path.c_str(), X_OK) == 0;
}

}  // namespace

Result<UserAccount> find_user(const std::string& name) {
  std::array<char, 16384> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  ::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) {
    return Error::permanent("there is no user \"" + name + "\" on this machine; make it with: " +
                            "useradd --system --no-create-home " + name);
  }
  return UserAccount{name, found->pw_dir, found->pw_uid, found->pw_gid};
}

Result<fs::path> find_program(const std::string& name, const fs::path& root) {
  if (name.find('/') != std::string::npos) {
    const fs::path path = (root / name).lexically_normal();
    if (is_executable(path)) return path;
    std::error_code code;
    return Error::permanent(path.string() +
                            (fs::exists(path, code) ? " is not executable" : " does not exist"));
  }
  const char* list = std::getenv("PATH");
  std::string_view rest = list == nullptr ? "/usr/local/bin:/usr/bin:/bin" : list;
  while (!rest.empty()) {
    const std::size_t colon = rest.find(':');
    const fs::path path = fs::path(rest.substr(0, colon)) / name;
    if (is_executable(path)) return fs::absolute(path);
    rest = colon == std::string_view::npos ? "" : rest.substr(colon + 1);
  }
  return Error::permanent("\"" + name + "\" is not in PATH");
}

Result<ProcessIdentity> launch(const LaunchSpec& spec,
                               const std::function<void(const ProcessIdentity&)>& record) {
  Prepared prepared;
  if (!spec.user.empty() && ::geteuid() == 0) {
    auto user = find_user(spec.user);
    if (!user.ok()) return user.error();
    prepared.user = std::move(*user);
  }
  std::vector<std::string> argv = spec.argv;
  std::vector<std::string> environment = environment_of(spec, prepared.user);
  prepared.argv = pointers(argv);
  prepared.environment = pointers(environment);

  int gate[2];
  int failed[2];
  if (::pipe2(gate, O_CLOEXEC) != 0)
    return Error::retriable("pipe: " + std::string(strerror(errno)));
  if (::pipe2(failed, O_CLOEXEC) != 0) {
    const int code = errno;
    ::close(gate[0]);
    ::close(gate[1]);
    return Error::retriable("pipe: " + std::string(std::strerror(code)));
  }
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::close(gate[1]);
    run_child(spec, prepared, gate[0], failed[1]);
  }
  const int fork_code = errno;
  ::close(gate[0]);
  ::close(failed[1]);
  const auto give_up = [&](Error error) {
    ::close(gate[1]);
    ::close(failed[0]);
    if (pid > 0) ::waitpid(pid, nullptr, 0);
    return error;
  };
  if (pid < 0) return give_up(Error::retriable("fork: " + std::string(std::strerror(fork_code))));
  auto identity = process::identify(pid);
  if (!identity.ok()) return give_up(identity.error());
  record(*identity);
  if (::write(gate[1], "g", 1) != 1) return give_up(Error::retriable("the new process died"));
  ::close(gate[1]);
  gate[1] = -1;
  Failure failure;
  ssize_t got = 0;
  do {
    got = ::read(failed[0], &failure, sizeof failure);
  } while (got < 0 && errno == EINTR);
  if (got == sizeof failure) {
    ::close(failed[0]);
    ::waitpid(pid, nullptr, 0);
    return Error::permanent("cannot start " + spec.program.string() + ": cannot " + failure.step +
                            ": " + std::strerror(failure.code));
  }
  ::close(failed[0]);
  return *identity;
}

std::string describe_exit(int status) {
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    const char* name = ::sigabbrev_np(signal);
    return "signal " + std::to_string(signal) +
           (name == nullptr ? "" : " (SIG" + std::string(name) + ")");
  }
  return "exit code " + std::to_string(WEXITSTATUS(status));
}

}  // namespace stormlog::chaos

#include "support/child_process.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <random>
#include <set>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace stormlog::test {
namespace {

using std::chrono::steady_clock;

const passwd* user_entry(const std::string& user) {
  if (user.empty() || ::geteuid() != 0) return nullptr;
  const passwd* entry = ::getpwnam(user.c_str());
  if (entry == nullptr) throw std::runtime_error("no user " + user);
  return entry;
}

}  // namespace

TempFolder::TempFolder(const std::string& for_user) {
  std::string name = (std::filesystem::temp_directory_path() / "stormlog-test-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp " + name);
  path_ = name;
  if (const passwd* entry = user_entry(for_user)) {
    if (::chown(name.c_str(), entry->pw_uid, entry->pw_gid) != 0) {
      throw std::runtime_error("chown " + name);
    }
  }
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

int free_port() {
  // Below the ephemeral ports (from 32768), which the kernel gives to anybody's connections.
  static std::mt19937 random{std::random_device{}()};
  static std::set<int> given;
  for (;;) {
    const int port = std::uniform_int_distribution<int>(20'000, 32'000)(random);
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    const bool bound = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(fd);
    if (bound && given.insert(port).second) return port;
  }
}

bool eventually(const std::function<bool()>& holds, std::chrono::milliseconds limit) {
  const auto end = steady_clock::now() + limit;
  for (;;) {
    if (holds()) return true;
    if (steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }
}

ChildProcess::ChildProcess(const Options& options) {
  const passwd* entry = user_entry(options.user);
  std::vector<char*> argv;
  for (const std::string& word : options.argv) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("fork");
  if (pid_ > 0) return;
  if (entry != nullptr && (::initgroups(entry->pw_name, entry->pw_gid) != 0 ||
                           ::setgid(entry->pw_gid) != 0 || ::setuid(entry->pw_uid) != 0)) {
    ::_exit(126);
  }
  // After the change of user, which would clear it.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(126);
  if (!options.output.empty()) {
    const int fd = ::open(options.output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (fd < 0 || ::dup2(fd, 1) < 0 || ::dup2(fd, 2) < 0) ::_exit(126);
  }
  if (::chdir("/") != 0) ::_exit(126);
  ::execvp(argv[0], argv.data());
  ::_exit(127);
}

ChildProcess::~ChildProcess() {
  kill9();
}

bool ChildProcess::running() {
  return !wait(std::chrono::milliseconds{0}).has_value();
}

void ChildProcess::signal(int number) {
  if (running()) ::kill(pid_, number);
}

std::optional<int> ChildProcess::wait(std::chrono::milliseconds limit) {
  const auto end = steady_clock::now() + limit;
  while (!status_) {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      status_ = status;
    } else if (steady_clock::now() >= end) {
      return std::nullopt;
    } else {
      std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
  }
  return status_;
}

void ChildProcess::kill9() {
  if (status_) return;
  ::kill(pid_, SIGKILL);
  int status = 0;
  ::waitpid(pid_, &status, 0);
  status_ = status;
}

void run(const std::vector<std::string>& argv, const std::string& user) {
  const TempFolder folder(user);
  const std::filesystem::path output = folder.path() / "output";
  ChildProcess child({argv, output, user});
  const std::optional<int> status = child.wait(std::chrono::minutes{2});
  if (status && WIFEXITED(*status) && WEXITSTATUS(*status) == 0) return;
  std::ostringstream text;
  text << std::ifstream(output).rdbuf();
  throw std::runtime_error(argv.front() + " failed: " + text.str());
}

}  // namespace stormlog::test

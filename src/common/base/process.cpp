#include "common/base/process.hpp"

#include <dirent.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <set>
#include <sstream>
#include <string_view>

#include "common/base/file.hpp"

namespace stormlog::process {
namespace {

struct Stat {
  char state = '?';
  std::uint64_t start_ticks = 0;
};

// Reads /proc/PID/stat. The name in field 2 may hold blanks and brackets, so fields are counted
// from the last bracket.  Source: proc(5).
std::optional<Stat> read_stat(pid_t pid) {
  const auto text = file::read("/proc/" + std::to_string(pid) + "/stat");
  if (!text.ok()) return std::nullopt;
  const std::size_t bracket = text->rfind(')');
  if (bracket == std::string::npos) return std::nullopt;
  std::istringstream fields(text->substr(bracket + 1));
  Stat stat;
  std::string skipped;
  fields >> stat.state;  // field 3
  for (int field = 4; field < 22; ++field) fields >> skipped;
  if (!(fields >> stat.start_ticks)) return std::nullopt;  // field 22
  return stat;
}

const std::string& boot_id() {
  static const std::string id = [] {
    auto text = file::read("/proc/sys/kernel/random/boot_id");
    std::string value = text.ok() ? *text : std::string();
    while (!value.empty() && value.back() == '\n') value.pop_back();
    return value;
  }();
  return id;
}

Error ended(const ProcessIdentity& identity) {
  return Error::permanent("process " + std::to_string(identity.pid) + " has ended", "ESRCH");
}

Error from_errno(const ProcessIdentity& identity, const char* doing) {
  const int code = errno;
  if (code == ESRCH) return ended(identity);
  const std::string message = std::string("cannot ") + doing + " process " +
                              std::to_string(identity.pid) + ": " + std::strerror(code);
  if (code == EPERM) return Error::permanent(message, "EPERM");
  if (code == ENOSYS) {
    return Error::permanent(message + " (pidfd_open needs Linux 5.3 or newer)", "ENOSYS");
  }
  const bool passing = code == EMFILE || code == ENFILE || code == ENOMEM;
  return {passing ? ErrorKind::retriable : ErrorKind::permanent, message, ::strerrorname_np(code)};
}

std::optional<pid_t> pid_of(const char* name) {
  pid_t pid = 0;
  const char* const end = name + std::strlen(name);
  const auto parsed = std::from_chars(name, end, pid);
  if (parsed.ec != std::errc() || parsed.ptr != end || pid <= 0) return std::nullopt;
  return pid;
}

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};
using Folder = std::unique_ptr<DIR, CloseFolder>;

// "socket:[12345]" of the sockets that listen on `port`.
void collect_listeners(const char* table, std::uint16_t port, std::set<std::string>& sockets) {
  const auto text = file::read(table);
  if (!text.ok()) return;
  std::istringstream lines(*text);
  std::string line;
  std::getline(lines, line);  // heading
  while (std::getline(lines, line)) {
    std::istringstream fields(line);
    std::string slot, local, remote, state, queues, timer, retransmits, uid, timeout, inode;
    fields >> slot >> local >> remote >> state >> queues >> timer >> retransmits >> uid >>
        timeout >> inode;
    const std::size_t colon = local.rfind(':');
    if (colon == std::string::npos || state != "0A") continue;  // 0A = TCP_LISTEN
    if (std::strtoul(local.c_str() + colon + 1, nullptr, 16) != port) continue;
    sockets.insert("socket:[" + inode + "]");
  }
}

bool holds_any(pid_t pid, const std::set<std::string>& sockets) {
  const std::string path = "/proc/" + std::to_string(pid) + "/fd";
  const Folder folder(::opendir(path.c_str()));
  if (!folder) return false;
  while (const dirent* entry = ::readdir(folder.get())) {
    char target[128];
    const ssize_t length =
        ::readlinkat(::dirfd(folder.get()), entry->d_name, target, sizeof target);
    if (length <= 0) continue;
    if (sockets.contains(std::string(target, static_cast<std::size_t>(length)))) return true;
  }
  return false;
}

}  // namespace

Result<ProcessIdentity> identify(pid_t pid) {
  const auto stat = pid > 0 ? read_stat(pid) : std::nullopt;
  if (!stat) return Error::permanent("there is no process " + std::to_string(pid), "ESRCH");
  return ProcessIdentity{pid, stat->start_ticks, boot_id()};
}

ProcessState state(const ProcessIdentity& identity) {
  if (identity.pid <= 0 || identity.boot_id != boot_id()) return ProcessState::gone;
  const auto stat = read_stat(identity.pid);
  if (!stat || stat->start_ticks != identity.start_ticks) return ProcessState::gone;
  switch (stat->state) {
    case 'Z':
    case 'X':
    case 'x':
      return ProcessState::zombie;
    case 'T':
    case 't':
      return ProcessState::stopped;
    default:
      return ProcessState::running;
  }
}

Result<int> open_pidfd(const ProcessIdentity& identity) {
  if (identity.pid <= 0) return ended(identity);
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, identity.pid, 0));
  if (fd < 0) return from_errno(identity, "open");
  // Only now is the start time compared: the process that had this start time before the open and
  // has it after is the one that the pidfd names.
  if (!alive(identity)) {
    ::close(fd);
    return ended(identity);
  }
  return fd;
}

Result<void> signal(const ProcessIdentity& identity, int signal_number) {
  const auto fd = open_pidfd(identity);
  if (!fd.ok()) return fd.error();
  const long rc = ::syscall(SYS_pidfd_send_signal, *fd, signal_number, nullptr, 0);
  Result<void> result;
  if (rc != 0) result = from_errno(identity, "signal");
  ::close(*fd);
  return result;
}

Result<ProcessIdentity> listening_on(std::uint16_t port) {
  std::set<std::string> sockets;
  collect_listeners("/proc/net/tcp", port, sockets);
  collect_listeners("/proc/net/tcp6", port, sockets);
  if (sockets.empty()) {
    return Error::retriable("nothing listens on port " + std::to_string(port), "ECONNREFUSED");
  }
  // Workers inherit the socket from the process that opened it: the oldest holder is the server.
  std::optional<ProcessIdentity> oldest;
  const Folder folder(::opendir("/proc"));
  while (const dirent* entry = folder ? ::readdir(folder.get()) : nullptr) {
    const auto pid = pid_of(entry->d_name);
    if (!pid || !holds_any(*pid, sockets)) continue;
    const auto identity = identify(*pid);
    if (!identity.ok()) continue;
    if (!oldest || identity->start_ticks < oldest->start_ticks ||
        (identity->start_ticks == oldest->start_ticks && identity->pid < oldest->pid)) {
      oldest = *identity;
    }
  }
  if (!oldest) {
    return Error::permanent("a process that we may not inspect listens on port " +
                                std::to_string(port) + "; run as its user or as root",
                            "EPERM");
  }
  return *oldest;
}

}  // namespace stormlog::process

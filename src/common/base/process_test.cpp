#include "common/base/process.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

namespace stormlog::process {
namespace {

// A child that waits for signals until it is killed; collected at the end of its scope.
class Child {
 public:
  Child() {
    int ready[2];
    if (::pipe(ready) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(ready[0]);
      if (::write(ready[1], "x", 1) != 1) ::_exit(1);
      ::close(ready[1]);
      for (;;) ::pause();
    }
    ::close(ready[1]);
    char byte = 0;
    if (::read(ready[0], &byte, 1) != 1) std::abort();
    ::close(ready[0]);
  }
  ~Child() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  // Waits for its end without collecting it: it stays a zombie.
  void wait_ended() const {
    siginfo_t info{};
    ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT), 0);
  }
  void wait_stopped() const {
    siginfo_t info{};
    ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid_), &info, WSTOPPED), 0);
  }
  int collect() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = 0;
    return status;
  }

 private:
  pid_t pid_ = 0;
};

bool has_ended(pid_t pid) {
  siginfo_t info{};
  ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT | WNOHANG);
  return info.si_pid == pid;
}

TEST(ProcessTest, IdentifiesItselfTheSameTwice) {
  const auto first = identify(::getpid());
  const auto second = identify(::getpid());
  ASSERT_TRUE(first.ok());
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(*first, *second);
  EXPECT_GT(first->start_ticks, 0U);
  EXPECT_EQ(first->boot_id.size(), 36U);
  EXPECT_EQ(state(*first), ProcessState::running);
}

TEST(ProcessTest, NoSuchProcess) {
  for (const pid_t pid : {0, -1, 0x7fffffff}) {
    const auto result = identify(pid);
    ASSERT_FALSE(result.ok()) << pid;
    EXPECT_EQ(result.error().kind, ErrorKind::permanent);
  }
}

TEST(ProcessTest, StateFollowsStopContinueKillAndCollect) {
  Child child;
  const auto identity = identify(child.pid());
  ASSERT_TRUE(identity.ok());
  ASSERT_TRUE(signal(*identity, SIGSTOP).ok());
  child.wait_stopped();
  EXPECT_EQ(state(*identity), ProcessState::stopped);
  EXPECT_TRUE(alive(*identity));
  ASSERT_TRUE(signal(*identity, SIGCONT).ok());
  ASSERT_TRUE(signal(*identity, SIGKILL).ok());
  child.wait_ended();
  EXPECT_EQ(state(*identity), ProcessState::zombie);
  EXPECT_FALSE(alive(*identity));
  EXPECT_EQ(signal(*identity, SIGKILL).error().code, "ESRCH");
  const int status = child.collect();
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  EXPECT_EQ(state(*identity), ProcessState::gone);
  EXPECT_EQ(signal(*identity, SIGKILL).error().code, "ESRCH");
}

TEST(ProcessTest, StrangerWithTheSamePidIsNeverSignalled) {
  Child child;
  const auto identity = identify(child.pid());
  ASSERT_TRUE(identity.ok());
  ProcessIdentity earlier = *identity;
  earlier.start_ticks -= 1;
  ProcessIdentity before_reboot = *identity;
  before_reboot.boot_id = "00000000-0000-0000-0000-000000000000";
  for (const auto& stranger : {earlier, before_reboot}) {
    const auto result = signal(stranger, SIGKILL);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, "ESRCH");
    EXPECT_EQ(state(stranger), ProcessState::gone);
    EXPECT_FALSE(open_pidfd(stranger).ok());
  }
  EXPECT_FALSE(has_ended(child.pid()));
  // The right identity does reach it, so the test above could have failed.
  ASSERT_TRUE(signal(*identity, SIGKILL).ok());
  child.wait_ended();
}

TEST(ProcessTest, GroupsAndEveryoneAreNotProcesses) {
  const auto self = identify(::getpid());
  ASSERT_TRUE(self.ok());
  for (const pid_t pid : {0, -1}) {
    const ProcessIdentity everyone{pid, self->start_ticks, self->boot_id};
    EXPECT_EQ(signal(everyone, 0).error().code, "ESRCH");
  }
}

TEST(ProcessTest, PidfdBecomesReadableAtTheEnd) {
  Child child;
  const auto identity = identify(child.pid());
  ASSERT_TRUE(identity.ok());
  const auto fd = open_pidfd(*identity);
  ASSERT_TRUE(fd.ok());
  pollfd waiting{*fd, POLLIN, 0};
  EXPECT_EQ(::poll(&waiting, 1, 0), 0);
  ASSERT_TRUE(signal(*identity, SIGTERM).ok());
  EXPECT_EQ(::poll(&waiting, 1, 30'000), 1);
  ::close(*fd);
}

// A listening socket on a free port of 127.0.0.1.
std::pair<int, std::uint16_t> listen_anywhere(int family) {
  const int fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return {-1, 0};
  if (::listen(fd, 1) != 0) return {-1, 0};  // an unbound socket gets a free port
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  const auto port = family == AF_INET ? reinterpret_cast<sockaddr_in*>(&address)->sin_port
                                      : reinterpret_cast<sockaddr_in6*>(&address)->sin6_port;
  return {fd, ntohs(port)};
}

TEST(ProcessTest, FindsTheListenerOfAPort) {
  for (const int family : {AF_INET, AF_INET6}) {
    const auto [fd, port] = listen_anywhere(family);
    if (fd < 0 && family == AF_INET6) continue;  // a machine without IPv6
    ASSERT_GE(fd, 0);
    const auto found = listening_on(port);
    ASSERT_TRUE(found.ok()) << found.error().message;
    EXPECT_EQ(found->pid, ::getpid());
    ::close(fd);
    EXPECT_FALSE(listening_on(port).ok());
  }
}

TEST(ProcessTest, InheritedListenerBelongsToTheOldest) {
  const auto [fd, port] = listen_anywhere(AF_INET);
  ASSERT_GE(fd, 0);
  const Child child;  // inherits the socket
  const auto found = listening_on(port);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->pid, ::getpid());
  ::close(fd);
}

}  // namespace
}  // namespace stormlog::process

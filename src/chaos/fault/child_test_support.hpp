#pragma once

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "chaos/fault/wait_until.hpp"
#include "common/base/process.hpp"

namespace stormlog::chaos {

// A process that does nothing until its test is over, or the test program has ended.
class TestChild {
 public:
  TestChild() : pid_(::fork()) {
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (;;) ::pause();
    }
    identity_ = *process::identify(pid_);
  }
  ~TestChild() { end(); }
  TestChild(const TestChild&) = delete;
  TestChild& operator=(const TestChild&) = delete;

  const ProcessIdentity& identity() const { return identity_; }

  void stop() const {
    ::kill(pid_, SIGSTOP);
    wait_until(std::chrono::seconds{30}, [this] { return stopped(); });
  }
  bool stopped() const { return process::state(identity_) == ProcessState::stopped; }
  // A process that was told to go on may need a moment to be seen running.
  bool goes_on() const {
    return wait_until(std::chrono::seconds{30},
                      [this] { return process::state(identity_) == ProcessState::running; });
  }
  void end() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  pid_t pid_;
  ProcessIdentity identity_;
};

}  // namespace stormlog::chaos

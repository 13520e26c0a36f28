#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "chaos/experiment/run_record.hpp"
#include "chaos/runner/journal.hpp"
#include "chaos/stack/stack.hpp"
#include "common/base/process.hpp"

namespace stormlog::chaos {

// Sees each end and each start of the stack's processes, through pidfds, so that no end is missed
// however soon a supervisor starts the service again.
//
// Threads: a thread of its own; events() on any.
class ProcessWatcher {
 public:
  ProcessWatcher(const Stack& stack, Journal& journal);
  ~ProcessWatcher();

  void start();
  void stop();

  std::vector<ProcessEvent> events() const;
  std::vector<std::string> watched() const;
  Nanoseconds last_event() const;
  bool all_running() const;

 private:
  struct Watched {
    std::string service;
    std::optional<ProcessIdentity> process;
    int pidfd = -1;
  };

  void run(const std::stop_token& stop);
  void find(Watched& watched, bool first);
  void ended(Watched& watched);

  const Stack& stack_;
  Journal& journal_;
  std::vector<Watched> services_;  // of the thread, after start()
  mutable std::mutex mutex_;
  std::vector<ProcessEvent> events_;
  std::vector<std::string> names_;
  std::map<std::string, bool> running_;
  std::jthread thread_;
};

}  // namespace stormlog::chaos

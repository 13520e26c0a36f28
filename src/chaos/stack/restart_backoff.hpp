#pragma once

#include <optional>

#include "chaos/stack/stack.hpp"
#include "common/base/clock.hpp"

namespace stormlog::chaos {

// Decides what follows the end of a service: how long to wait, whether it is a crash loop, or that
// its policy does not restart it. Pure: time comes in.
//
// Waits double from `backoff` to `max_backoff` with each end in a row. A run of at least
// `stable_after` starts the row anew. From the `crash_loop_after`-th end in a row on it is a crash
// loop, retried at `max_backoff`.
class RestartBackoff {
 public:
  struct Decision {
    std::chrono::milliseconds wait{0};
    bool crash_loop = false;
  };

  explicit RestartBackoff(const RestartPolicy& policy) : policy_(policy) {}

  void set_policy(const RestartPolicy& policy) { policy_ = policy; }
  void started(MonotonicTime now) { started_ = now; }
  // Empty when the policy leaves it down. `failed`: it did not end with exit code 0.
  std::optional<Decision> ended(MonotonicTime now, bool failed);
  // Forgets the row: somebody started it by hand.
  void reset() { ends_ = 0; }

 private:
  RestartPolicy policy_;
  MonotonicTime started_{};
  int ends_ = 0;
};

}  // namespace stormlog::chaos

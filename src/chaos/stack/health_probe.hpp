#pragma once

#include <functional>
#include <memory>
#include <string>

#include "chaos/stack/event_loop.hpp"
#include "chaos/stack/launch.hpp"
#include "chaos/stack/stack.hpp"

namespace stormlog::chaos {

// One health check of one service, without blocking the loop. Destroying it calls it off.
//
// A TCP check passes when the kernel accepts, which it also does for a process that is stopped; an
// HTTP check needs the service itself to answer with 2xx.
class HealthProbe {
 public:
  // Called once; the probe may be destroyed in it. `reason` says why it failed.
  using Done = std::function<void(bool healthy, const std::string& reason)>;

  virtual ~HealthProbe() = default;

  // `command` is what a check by command is launched with (user, folder, output); its argv and
  // program are set here.
  static std::unique_ptr<HealthProbe> start(EventLoop& loop, const HealthCheck& check,
                                            LaunchSpec command, Done done);
};

}  // namespace stormlog::chaos

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "chaos/fault/proxy_client.hpp"
#include "chaos/stack/stack.hpp"
#include "common/base/clock.hpp"
#include "common/base/result.hpp"

namespace stormlog::chaos {

// One end of a canary connection.
class CanaryEnd {
 public:
  CanaryEnd() = default;
  explicit CanaryEnd(int fd) : fd_(fd) {}
  CanaryEnd(CanaryEnd&& other) noexcept;
  CanaryEnd& operator=(CanaryEnd&& other) noexcept;
  ~CanaryEnd();

  int fd() const { return fd_; }
  // All of it, at the latest at `until`. Says how much was sent.
  std::size_t send(std::string_view bytes, MonotonicTime until) const;

  struct Got {
    enum class How { bytes, end, reset, nothing };  // nothing: not by then
    How how = How::nothing;
    std::size_t bytes = 0;
  };
  // What comes first, of at most `most` bytes.
  Got receive(std::size_t most, MonotonicTime until) const;

 private:
  int fd_ = -1;
};

// A connection that goes through a link's proxy with all its toxics, and of which both ends are
// ours: what the toxics do to it is measured, whatever protocol the link speaks. Where the proxy
// knows no canaries (Toxiproxy), it goes through a proxy of its own with the same toxics.
//
// Threads:  caller synchronises.
// Blocking: a few seconds at most.
class LinkCanary {
 public:
  // `toxics` are those of the fault, for a proxy of its own called `spare`.
  static Result<LinkCanary> open(const ProxyClient& proxy, const LinkSpec& link,
                                 const std::vector<nlohmann::ordered_json>& toxics,
                                 const std::string& spare);

  CanaryEnd client;
  CanaryEnd server;
};

}  // namespace stormlog::chaos

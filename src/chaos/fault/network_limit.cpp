// Closes each connection of a link after a number of bytes: toxic `limit_data`. Measured: how many
// bytes of a canary arrive before it is closed.

#include <string>
#include <thread>

#include "chaos/fault/link_fault.hpp"

namespace stormlog::chaos {
namespace {

using document::ParamType;

constexpr std::chrono::seconds kPatience{5};
constexpr std::size_t kBeyond = 1000;

class NetworkLimit final : public LinkFault {
 public:
  NetworkLimit(const FaultContext& context, const document::Params& params)
      : LinkFault(context, params, {"limit_data", {{"bytes", params.bytes("bytes")}}}),
        limit_(static_cast<std::size_t>(params.bytes("bytes"))) {}

 private:
  // One direction is enough: it is closed then.
  SelfCheck measure(LinkCanary& canary) override {
    using How = CanaryEnd::Got::How;
    const CanaryEnd& from = acts_upstream() ? canary.client : canary.server;
    const CanaryEnd& to = acts_upstream() ? canary.server : canary.client;
    const MonotonicTime until = SystemClock::instance().now() + kPatience;
    std::thread sender([&] { from.send(std::string(limit_ + kBeyond, 'x'), until); });
    std::size_t arrived = 0;
    CanaryEnd::Got got;
    do {
      got = to.receive(limit_ + kBeyond, until);
      arrived += got.bytes;
    } while (got.how == How::bytes && arrived < limit_ + kBeyond);
    sender.join();
    const bool closed = got.how == How::end || got.how == How::reset;
    return {closed && arrived == limit_   ? Effect::confirmed
            : arrived == limit_ + kBeyond ? Effect::none
                                          : Effect::off_target,
            {{"bytes", arrived}, {"closed", closed}, {"expected", limit_}}};
  }

  std::size_t limit_;
};

std::unique_ptr<Fault> make(const FaultContext& context, const document::Params& params, bool) {
  return std::make_unique<NetworkLimit>(context, params);
}

}  // namespace

extern const FaultKind kNetworkLimitFault;
const FaultKind kNetworkLimitFault = {
    .name = "network_limit",
    .summary = "Closes each connection of a link after a number of bytes.",
    .target_kind = "link",
    .params = with_link_params({
        {.name = "bytes",
         .type = ParamType::bytes,
         .default_text = "1MB",
         .description = "That pass in a direction before the connection is closed.",
         .min = 1,
         .max = 64e6},
    }),
    .duration = FaultKind::Duration::lasting,
    .make = make,
    .heal_from = heal_link,
};

}  // namespace stormlog::chaos

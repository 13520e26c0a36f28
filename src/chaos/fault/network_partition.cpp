// Cuts a link: no byte passes and no end of a connection, and none is lost, as long as the ends do
// not give up. Toxic `bandwidth` with a rate of 0. Measured: that nothing of a canary arrives and
// that it stays open.

#include "chaos/fault/link_fault.hpp"

namespace stormlog::chaos {
namespace {

constexpr std::chrono::milliseconds kSilence{300};

class NetworkPartition final : public LinkFault {
 public:
  NetworkPartition(const FaultContext& context, const document::Params& params)
      : LinkFault(context, params, {"bandwidth", {{"rate", 0}}}) {}

 private:
  SelfCheck measure(LinkCanary& canary) override {
    return each_way(canary, [](const OneWay& way) {
      using How = CanaryEnd::Got::How;
      const MonotonicTime until = SystemClock::instance().now() + kSilence;
      way.from.send("x", until);
      const auto got = way.to.receive(1, until);
      const Effect effect = got.how == How::nothing ? Effect::confirmed
                            : got.how == How::bytes ? Effect::none
                                                    : Effect::off_target;
      return SelfCheck{effect,
                       {{"silent_ms", kSilence.count()},
                        {"arrived", got.bytes},
                        {"open", got.how == How::nothing || got.how == How::bytes}}};
    });
  }
};

std::unique_ptr<Fault> make(const FaultContext& context, const document::Params& params, bool) {
  return std::make_unique<NetworkPartition>(context, params);
}

}  // namespace

extern const FaultKind kNetworkPartitionFault;
const FaultKind kNetworkPartitionFault = {
    .name = "network_partition",
    .summary = "Lets no byte pass a link, each way; its connections stay open.",
    .target_kind = "link",
    .params = with_link_params({}),
    .duration = FaultKind::Duration::lasting,
    .make = make,
    .heal_from = heal_link,
};

}  // namespace stormlog::chaos

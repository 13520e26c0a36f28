// Limits the rate of a link: toxic `bandwidth`. Measured: how fast a canary's bytes arrive.

#include <algorithm>
#include <string>
#include <thread>

#include "chaos/fault/link_fault.hpp"

namespace stormlog::chaos {
namespace {

using document::ParamType;

constexpr double kMeasuredSeconds = 0.5;
constexpr double kTolerance = 0.15;
constexpr std::uint64_t kUnit = 1000;  // the toxic counts in KB/s of 1000 bytes

class NetworkBandwidth final : public LinkFault {
 public:
  NetworkBandwidth(const FaultContext& context, const document::Params& params)
      : LinkFault(
            context, params,
            {"bandwidth", {{"rate", std::max<std::uint64_t>(1, params.bytes("rate") / kUnit)}}}),
        rate_(
            static_cast<double>(std::max<std::uint64_t>(1, params.bytes("rate") / kUnit) * kUnit)) {
  }

 private:
  SelfCheck measure(LinkCanary& canary) override {
    return each_way(canary, [this](const OneWay& way) { return measure(way); });
  }

  // From the first bytes to the last: what came with the first took no time of its own.
  SelfCheck measure(const OneWay& way) const {
    const Clock& clock = SystemClock::instance();
    const std::string bytes(static_cast<std::size_t>(rate_ * kMeasuredSeconds) + 1, 'x');
    const MonotonicTime until = clock.now() + nanoseconds(kMeasuredSeconds * 4000);
    std::thread sender([&] { way.from.send(bytes, until); });
    std::size_t arrived = 0;
    std::size_t with_first = 0;
    MonotonicTime first{};
    MonotonicTime last{};
    while (arrived < bytes.size()) {
      const auto got = way.to.receive(bytes.size() - arrived, until);
      if (got.how != CanaryEnd::Got::How::bytes) break;
      last = clock.now();
      if (arrived == 0) {
        first = last;
        with_first = got.bytes;
      }
      arrived += got.bytes;
    }
    sender.join();
    const double seconds = milliseconds(last - first) / 1000;
    const double rate = seconds > 0 ? static_cast<double>(arrived - with_first) / seconds : 0;
    // Faster than the limit is no limit.
    const Effect effect = arrived < bytes.size() ? Effect::off_target
                          : rate > rate_ * 10 || seconds <= 0
                              ? Effect::none
                              : compare(rate, rate_, kTolerance * rate_);
    return {effect, {{"bytes_per_second", rounded(rate)}, {"bytes", arrived}, {"expected", rate_}}};
  }

  double rate_;  // bytes/s
};

std::unique_ptr<Fault> make(const FaultContext& context, const document::Params& params, bool) {
  return std::make_unique<NetworkBandwidth>(context, params);
}

}  // namespace

extern const FaultKind kNetworkBandwidthFault;
const FaultKind kNetworkBandwidthFault = {
    .name = "network_bandwidth",
    .summary = "Limits the rate of each connection of a link, each way.",
    .target_kind = "link",
    .params = with_link_params({
        {.name = "rate",
         .type = ParamType::bytes,
         .default_text = "100KB",
         .description = "Bytes a second, in steps of 1000.",
         .min = 1000,
         .max = 1e9},
    }),
    .duration = FaultKind::Duration::lasting,
    .make = make,
    .heal_from = heal_link,
};

}  // namespace stormlog::chaos

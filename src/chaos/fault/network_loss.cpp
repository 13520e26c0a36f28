// Stalls the connections of a link as lost segments do: toxic `loss`, which Toxiproxy does not
// have. Measured: how many single bytes of a canary are held up by a retransmission time-out.

#include <cmath>

#include "chaos/fault/link_fault.hpp"

namespace stormlog::chaos {
namespace {

using document::ParamType;

constexpr std::chrono::milliseconds kMeasuredFor{4'000};
constexpr int kMostTries = 20'000;
constexpr double kDeviations = 5;  // a fair share is off by more once in two million

class NetworkLoss final : public LinkFault {
 public:
  NetworkLoss(const FaultContext& context, const document::Params& params)
      : LinkFault(
            context, params,
            {"loss",
             {{"probability", params.number("probability")},
              {"rto", std::chrono::duration_cast<std::chrono::milliseconds>(params.duration("rto"))
                          .count()}},
             "the toxic `loss`"}),
        probability_(params.number("probability")),
        rto_(params.duration("rto")) {}

 private:
  SelfCheck measure(LinkCanary& canary) override {
    return each_way(canary, [this](const OneWay& way) { return measure(way); });
  }

  // Goes on until some were lost, or the time is over.
  SelfCheck measure(const OneWay& way) const {
    constexpr int kEnough = 8;
    const Clock& clock = SystemClock::instance();
    const MonotonicTime end = clock.now() + kMeasuredFor / directions();
    int tries = 0;
    int lost = 0;
    while (tries < kMostTries && lost < kEnough && clock.now() < end) {
      const MonotonicTime start = clock.now();
      const MonotonicTime until = start + rto_ * 1024;
      way.from.send("x", until);
      if (way.to.receive(1, until).how != CanaryEnd::Got::How::bytes) break;
      ++tries;
      if (clock.now() - start >= rto_) ++lost;
    }
    const double share = tries > 0 ? static_cast<double>(lost) / tries : 0;
    const double deviation = std::sqrt(probability_ * (1 - probability_) / std::max(1, tries));
    // Stopping at the eighth loss counts it a little too often; 1/8 covers that.
    const double tolerance = kDeviations * deviation + probability_ / kEnough;
    const Effect effect = lost == 0                                     ? Effect::none
                          : std::abs(share - probability_) <= tolerance ? Effect::confirmed
                                                                        : Effect::off_target;
    return {effect,
            {{"segments", tries},
             {"lost", lost},
             {"share", rounded(share)},
             {"expected", probability_}}};
  }

  double probability_;
  Nanoseconds rto_;
};

std::unique_ptr<Fault> make(const FaultContext& context, const document::Params& params, bool) {
  return std::make_unique<NetworkLoss>(context, params);
}

}  // namespace

extern const FaultKind kNetworkLossFault;
const FaultKind kNetworkLossFault = {
    .name = "network_loss",
    .summary = "Stalls connections of a link as lost segments would; no byte goes missing.",
    .target_kind = "link",
    .params = with_link_params({
        {.name = "probability",
         .type = ParamType::number,
         .default_text = "0.05",
         .description = "That a segment of 1448 bytes is lost.",
         .min = 0.001,
         .max = 0.9},
        {.name = "rto",
         .type = ParamType::duration,
         .default_text = "200ms",
         .description = "First retransmission time-out; it doubles for each further loss.",
         .min = 0.01,
         .max = 60},
    }),
    .duration = FaultKind::Duration::lasting,
    .make = make,
    .heal_from = heal_link,
};

}  // namespace stormlog::chaos

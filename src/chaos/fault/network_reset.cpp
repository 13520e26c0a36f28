// Resets the connections of a link as soon as they carry data: toxic `reset_peer`. Measured: that a
// canary's ends are reset.

#include "chaos/fault/link_fault.hpp"

namespace stormlog::chaos {
namespace {

using document::ParamType;

constexpr std::chrono::seconds kPatience{2};

class NetworkReset final : public LinkFault {
 public:
  NetworkReset(const FaultContext& context, const document::Params& params)
      : LinkFault(context, params,
                  {"reset_peer",
                   {{"timeout",
                     std::chrono::duration_cast<std::chrono::milliseconds>(params.duration("after"))
                         .count()}}}),
        after_(params.duration("after")) {}

 private:
  // One direction is enough: a reset ends the whole connection.
  SelfCheck measure(LinkCanary& canary) override {
    using How = CanaryEnd::Got::How;
    const CanaryEnd& from = acts_upstream() ? canary.client : canary.server;
    const CanaryEnd& to = acts_upstream() ? canary.server : canary.client;
    const Clock& clock = SystemClock::instance();
    const MonotonicTime start = clock.now();
    const MonotonicTime until = start + after_ + kPatience;
    from.send("x", until);
    const auto at_source = from.receive(1, until);
    const double took = milliseconds(clock.now() - start);
    const auto at_destination = to.receive(1, until);
    const bool both = at_source.how == How::reset && at_destination.how == How::reset;
    return {both                               ? Effect::confirmed
            : at_destination.how == How::bytes ? Effect::none
                                               : Effect::off_target,
            {{"reset_after_ms", rounded(took)},
             {"expected_ms", rounded(milliseconds(after_))},
             {"source_reset", at_source.how == How::reset},
             {"destination_reset", at_destination.how == How::reset}}};
  }

  Nanoseconds after_;
};

std::unique_ptr<Fault> make(const FaultContext& context, const document::Params& params, bool) {
  return std::make_unique<NetworkReset>(context, params);
}

}  // namespace

extern const FaultKind kNetworkResetFault;
const FaultKind kNetworkResetFault = {
    .name = "network_reset",
    .summary = "Resets every connection of a link (RST) once data comes by.",
    .target_kind = "link",
    .params = with_link_params({
        {.name = "after",
         .type = ParamType::duration,
         .default_text = "0ms",
         .description = "From the first data to the reset.",
         .min = 0,
         .max = 3600},
    }),
    .duration = FaultKind::Duration::lasting,
    .make = make,
    .heal_from = heal_link,
};

}  // namespace stormlog::chaos

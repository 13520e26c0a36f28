// Cuts what passes a link into small slices: toxic `slicer`. Measured: in how many pieces a
// canary's bytes arrive, and how long they take.

#include <string>

#include "chaos/fault/link_fault.hpp"

namespace stormlog::chaos {
namespace {

using document::ParamType;
using Json = nlohmann::ordered_json;

constexpr std::size_t kSlices = 20;
constexpr std::chrono::seconds kPatience{2};

class NetworkSlicer final : public LinkFault {
 public:
  NetworkSlicer(const FaultContext& context, const document::Params& params)
      : LinkFault(context, params, {"slicer", attributes_of(params)}),
        size_(static_cast<std::size_t>(params.bytes("size"))),
        pause_(params.duration("pause")) {}

 private:
  static Json attributes_of(const document::Params& params) {
    const auto pause =
        std::chrono::duration_cast<std::chrono::microseconds>(params.duration("pause"));
    return {{"average_size", params.bytes("size")},
            {"size_variation", params.bytes("size") / 4},
            {"delay", pause.count()}};
  }

  SelfCheck measure(LinkCanary& canary) override {
    return each_way(canary, [this](const OneWay& way) { return measure(way); });
  }

  // The last slice of 20 leaves 19 pauses after the first; slices may be a quarter larger.
  SelfCheck measure(const OneWay& way) const {
    const Clock& clock = SystemClock::instance();
    const std::string bytes(size_ * kSlices, 'x');
    const MonotonicTime start = clock.now();
    const MonotonicTime until = start + pause_ * static_cast<int>(kSlices) * 2 + kPatience;
    way.from.send(bytes, until);
    std::size_t arrived = 0;
    std::size_t pieces = 0;
    while (arrived < bytes.size()) {
      const auto got = way.to.receive(bytes.size() - arrived, until);
      if (got.how != CanaryEnd::Got::How::bytes) break;
      arrived += got.bytes;
      ++pieces;
    }
    const double took = milliseconds(clock.now() - start);
    const double expected = milliseconds(pause_) * (kSlices - 1);
    const bool slow_enough = took >= expected * 0.7;
    const bool cut = pieces >= kSlices / 4;
    const Effect effect = arrived < bytes.size() ? Effect::off_target
                          : slow_enough && cut   ? Effect::confirmed
                          : pieces <= 1          ? Effect::none
                                                 : Effect::off_target;
    return {effect,
            {{"pieces", pieces},
             {"expected_pieces", kSlices},
             {"took_ms", rounded(took)},
             {"expected_ms", rounded(expected)}}};
  }

  std::size_t size_;
  Nanoseconds pause_;
};

std::unique_ptr<Fault> make(const FaultContext& context, const document::Params& params, bool) {
  return std::make_unique<NetworkSlicer>(context, params);
}

}  // namespace

extern const FaultKind kNetworkSlicerFault;
const FaultKind kNetworkSlicerFault = {
    .name = "network_slicer",
    .summary = "Cuts what passes a link into small slices with a pause after each.",
    .target_kind = "link",
    .params = with_link_params({
        {.name = "size",
         .type = ParamType::bytes,
         .default_text = "64B",
         .description = "Of a slice, give or take a quarter.",
         .min = 4,
         .max = 1e6},
        {.name = "pause",
         .type = ParamType::duration,
         .default_text = "1ms",
         .description = "Between two slices.",
         .min = 0.0005,
         .max = 1},
    }),
    .duration = FaultKind::Duration::lasting,
    .make = make,
    .heal_from = heal_link,
};

}  // namespace stormlog::chaos

// Delays what passes a link: toxic `latency`. Measured: how long single bytes of a canary take.

#include <algorithm>

#include "chaos/fault/link_fault.hpp"

namespace stormlog::chaos {
namespace {

using document::ParamSpec;
using document::ParamType;
using Json = nlohmann::ordered_json;

constexpr std::size_t kSamples = 7;
// What a busy machine may add, or a spread take away.
constexpr double kSlackMs = 5;
constexpr double kSlackShare = 0.1;
constexpr Nanoseconds kPatience = std::chrono::seconds{2};

Json attributes_of(const document::Params& params) {
  const auto whole_ms = [](Nanoseconds time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
  };
  Json attributes = {{"latency", whole_ms(params.duration("delay"))},
                     {"jitter", whole_ms(params.duration("jitter"))}};
  // Only where they were asked for: Toxiproxy does not know them.
  if (params.text("distribution") != "uniform") {
    attributes["distribution"] = params.text("distribution");
  }
  if (params.number("correlation") > 0) attributes["correlation"] = params.number("correlation");
  return attributes;
}

std::string beyond_toxiproxy(const Json& attributes) {
  for (const char* own : {"distribution", "correlation"}) {
    if (attributes.contains(own)) return std::string("`") + own + "` of a latency";
  }
  return {};
}

class NetworkLatency final : public LinkFault {
 public:
  NetworkLatency(const FaultContext& context, const document::Params& params)
      : LinkFault(context, params,
                  {"latency", attributes_of(params), beyond_toxiproxy(attributes_of(params))}),
        delay_(params.duration("delay")),
        jitter_(params.duration("jitter")) {}

 private:
  SelfCheck measure(LinkCanary& canary) override {
    return each_way(canary, [this](const OneWay& way) { return measure(way); });
  }

  SelfCheck measure(const OneWay& way) const {
    const Clock& clock = SystemClock::instance();
    std::vector<double> delays;
    for (std::size_t i = 0; i < kSamples; ++i) {
      const MonotonicTime start = clock.now();
      const MonotonicTime until = start + delay_ + 20 * jitter_ + kPatience;
      way.from.send("x", until);
      const auto got = way.to.receive(1, until);
      if (got.how != CanaryEnd::Got::How::bytes) return {Effect::off_target, {{"arrived", i}}};
      delays.push_back(milliseconds(clock.now() - start));
      // Long delays are measured by fewer.
      if (delay_ * static_cast<int>(i + 1) > kPatience) break;
    }
    std::sort(delays.begin(), delays.end());
    const double median = delays[delays.size() / 2];
    const double expected = milliseconds(delay_);
    const double slack = kSlackMs + kSlackShare * expected + 2 * milliseconds(jitter_);
    return {compare(median, expected, slack),
            {{"median_ms", rounded(median)},
             {"least_ms", rounded(delays.front())},
             {"most_ms", rounded(delays.back())},
             {"samples", delays.size()},
             {"expected_ms", rounded(expected)}}};
  }

  Nanoseconds delay_;
  Nanoseconds jitter_;
};

std::unique_ptr<Fault> make(const FaultContext& context, const document::Params& params, bool) {
  return std::make_unique<NetworkLatency>(context, params);
}

}  // namespace

extern const FaultKind kNetworkLatencyFault;
const FaultKind kNetworkLatencyFault = {
    .name = "network_latency",
    .summary = "Delays everything that passes a link, each way.",
    .target_kind = "link",
    .params = with_link_params({
        {.name = "delay",
         .type = ParamType::duration,
         .default_text = "250ms",
         .description = "Added in each direction that is hit.",
         .min = 0.001,
         .max = 3600},
        {.name = "jitter",
         .type = ParamType::duration,
         .default_text = "0ms",
         .description = "Half the width of the delay's spread.",
         .min = 0,
         .max = 3600},
        {.name = "distribution",
         .default_text = "uniform",
         .description = "Of the spread; all but uniform need Stormlog's proxy.",
         .choices = {"uniform", "normal", "pareto", "spike"}},
        {.name = "correlation",
         .type = ParamType::number,
         .default_text = "0",
         .description = "How much a delay resembles the one before.",
         .min = 0,
         .max = 1},
    }),
    .duration = FaultKind::Duration::lasting,
    .make = make,
    .heal_from = heal_link,
};

}  // namespace stormlog::chaos

#include <algorithm>
#include <cmath>

#include "proxy/toxic/correlated.hpp"
#include "proxy/toxic/delay_line.hpp"
#include "proxy/toxic/types.hpp"

namespace stormlog::proxy {
namespace {

using Milliseconds = std::chrono::duration<double, std::milli>;

// Share of chunks that a spike hits, and how far beyond the jitter a tail may reach. Without an end
// a Pareto tail would now and then stop a connection for hours.
constexpr double kSpikeShare = 0.05;
constexpr double kLongestTail = 20;

// The quantile function of each distribution, in jitters around the latency: one uniform draw makes
// one delay, whatever the distribution, and the same draw under new attributes makes the new one.
double uniform(double draw) {
  return 2 * draw - 1;
}

// Standard normal. Source: P. J. Acklam's rational approximation; relative error below 1.2e-9.
double normal(double draw) {
  const double p = std::clamp(draw, 1e-9, 1 - 1e-9);
  const bool central = p >= 0.02425 && p <= 1 - 0.02425;
  if (central) {
    const double q = p - 0.5;
    const double r = q * q;
    const double top =
        ((((-3.969683028665376e+01 * r + 2.209460984245205e+02) * r - 2.759285104469687e+02) * r +
          1.383577518672690e+02) *
             r -
         3.066479806614716e+01) *
            r +
        2.506628277459239e+00;
    const double bottom =
        ((((-5.447609879822406e+01 * r + 1.615858368580409e+02) * r - 1.556989798598866e+02) * r +
          6.680131188771972e+01) *
             r -
         1.328068155288572e+01) *
            r +
        1;
    return top * q / bottom;
  }
  const double q = std::sqrt(-2 * std::log(p < 0.5 ? p : 1 - p));
  const double top =
      ((((-7.784894002430293e-03 * q - 3.223964580411365e-01) * q - 2.400758277161838e+00) * q -
        2.549732539343734e+00) *
           q +
       4.374664141464968e+00) *
          q +
      2.938163982698783e+00;
  const double bottom =
      (((7.784695709041462e-03 * q + 3.224671290700398e-01) * q + 2.445134137142996e+00) * q +
       3.754408661907416e+00) *
          q +
      1;
  return p < 0.5 ? top / bottom : -top / bottom;
}

// Shape 3, moved so that the latency is the least: a floor with a heavy tail above it.
double pareto(double draw) {
  return std::min(std::pow(1 - draw, -1.0 / 3) - 1, kLongestTail);
}

double spike(double draw) {
  return draw >= 1 - kSpikeShare ? 1 : 0;
}

class Latency final : public Stage {
 public:
  Latency(const Attributes& attributes, Random random) : draws_(random) { read(attributes); }

  void push(Chunk chunk, MonotonicTime now, Output& out) override {
    const double draw = draws_.next(correlation_);
    const MonotonicTime due = due_of(chunk, draw);
    line_.push(std::move(chunk), due, draw);
    line_.release(now, out);
  }
  void end(MonotonicTime now, Output& out) override {
    line_.end();
    line_.release(now, out);
  }
  std::optional<MonotonicTime> deadline() const override { return line_.deadline(); }
  void wake(MonotonicTime now, Output& out) override { line_.release(now, out); }

  void update(const Attributes& attributes, MonotonicTime now, Output& out) override {
    read(attributes);
    line_.reschedule([this](const Chunk& chunk, double draw) { return due_of(chunk, draw); });
    line_.release(now, out);
  }
  void remove(MonotonicTime now, Output& out) override { line_.release_all(now, out); }
  std::size_t held() const override { return line_.held(); }
  std::size_t chunks() const override { return line_.chunks(); }

 private:
  void read(const Attributes& attributes) {
    latency_ = Milliseconds(static_cast<double>(attributes.integer("latency")));
    jitter_ = Milliseconds(static_cast<double>(attributes.integer("jitter")));
    per_byte_ = std::chrono::duration<double, std::micro>(attributes.number("per_kilobyte") / 1000);
    correlation_ = attributes.number("correlation");
    const std::string& name = attributes.text("distribution");
    quantile_ = name == "normal"   ? normal
                : name == "pareto" ? pareto
                : name == "spike"  ? spike
                                   : uniform;
  }

  MonotonicTime due_of(const Chunk& chunk, double draw) const {
    const Milliseconds delay =
        latency_ + jitter_ * quantile_(draw) + per_byte_ * static_cast<double>(chunk.bytes.size());
    return chunk.at + std::max(Nanoseconds{0}, std::chrono::duration_cast<Nanoseconds>(delay));
  }

  Correlated draws_;
  DelayLine line_;
  Milliseconds latency_{};
  Milliseconds jitter_{};
  Milliseconds per_byte_{};
  double correlation_ = 0;
  double (*quantile_)(double) = uniform;
};

}  // namespace

const ToxicType& latency_toxic() {
  static const ToxicType type{
      .name = "latency",
      .summary = "Delays all data, and the end of the connection with it.",
      .attributes =
          {{"latency",
            std::int64_t{0},
            "ms",
            "Delay of each chunk from its arrival.",
            0,
            kLongestMilliseconds,
            {}},
           {"jitter",
            std::int64_t{0},
            "ms",
            "Half the width of the delay's spread.",
            0,
            kLongestMilliseconds,
            {}},
           {"distribution",
            std::string("uniform"),
            "",
            "Of the delay around the latency. uniform: one jitter either way; normal: the "
            "jitter is the standard deviation; pareto: latency is the least, with a heavy "
            "tail; spike: one chunk in twenty waits a jitter longer.",
            {},
            {},
            {"uniform", "normal", "pareto", "spike"},
            true},
           {"correlation", 0.0, "", "How much a delay resembles the one before.", 0, 1, {}, true},
           {"per_kilobyte", 0.0, "µs", "Added for each 1000 bytes of a chunk.", 0, 1e9, {}, true}},
      .toxiproxy = true,
      .make = [](const Attributes& attributes, Random random, MonotonicTime)
          -> std::unique_ptr<Stage> { return std::make_unique<Latency>(attributes, random); }};
  return type;
}

}  // namespace stormlog::proxy

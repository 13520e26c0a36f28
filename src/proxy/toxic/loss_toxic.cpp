#include "proxy/toxic/correlated.hpp"
#include "proxy/toxic/delay_line.hpp"
#include "proxy/toxic/segments.hpp"
#include "proxy/toxic/types.hpp"

namespace stormlog::proxy {
namespace {

// A segment is given up by no TCP before the 15th try or so (tcp_retries2); here the wait stops
// doubling well before it becomes absurd.
constexpr int kMostRetries = 10;

// A lost segment stalls all that follows it until it was sent again: one retransmission time-out,
// and double that for each further loss of the same segment (RFC 6298, section 5.5). No byte is
// lost.
class Loss final : public Stage {
 public:
  Loss(const Attributes& attributes, Random random) : draws_(random) { read(attributes); }

  void push(Chunk chunk, MonotonicTime now, Output& out) override {
    Nanoseconds stall{0};
    for (std::size_t left = segments_of(chunk.bytes.size()); left > 0; --left)
      stall += one_segment();
    const MonotonicTime due = std::max(chunk.at, free_at_) + stall;
    free_at_ = due;
    line_.push(std::move(chunk), due);
    line_.release(now, out);
  }
  void end(MonotonicTime now, Output& out) override {
    line_.end();
    line_.release(now, out);
  }
  std::optional<MonotonicTime> deadline() const override { return line_.deadline(); }
  void wake(MonotonicTime now, Output& out) override { line_.release(now, out); }
  // For what comes: a time-out that has begun is not cut short.
  void update(const Attributes& attributes, MonotonicTime, Output&) override { read(attributes); }
  void remove(MonotonicTime now, Output& out) override { line_.release_all(now, out); }
  std::size_t held() const override { return line_.held(); }
  std::size_t chunks() const override { return line_.chunks(); }

 private:
  void read(const Attributes& attributes) {
    probability_ = attributes.number("probability");
    correlation_ = attributes.number("correlation");
    rto_ = std::chrono::milliseconds(attributes.integer("rto"));
  }
  Nanoseconds one_segment() {
    Nanoseconds stall{0};
    Nanoseconds wait = rto_;
    for (int retry = 0; retry < kMostRetries; ++retry) {
      if (draws_.next(correlation_) >= probability_) break;
      stall += wait;
      wait *= 2;
    }
    return stall;
  }

  Correlated draws_;
  DelayLine line_;
  double probability_ = 0;
  double correlation_ = 0;
  Nanoseconds rto_{};
  MonotonicTime free_at_{};
};

}  // namespace

const ToxicType& loss_toxic() {
  static const ToxicType type{
      .name = "loss",
      .summary = "Stalls the connection as lost segments would; no byte goes missing.",
      .attributes =
          {{"probability", 0.0, "", "That a segment of 1448 bytes is lost.", 0, 1, {}},
           {"correlation", 0.0, "", "How much a loss resembles the one before.", 0, 1, {}},
           {"rto",
            std::int64_t{200},
            "ms",
            "First retransmission time-out; it doubles for each further loss of the same "
            "segment. Linux has at least 200.",
            1,
            60'000,
            {}}},
      .make = [](const Attributes& attributes, Random random, MonotonicTime)
          -> std::unique_ptr<Stage> { return std::make_unique<Loss>(attributes, random); }};
  return type;
}

}  // namespace stormlog::proxy

#include "proxy/toxic/types.hpp"

namespace stormlog::proxy {
namespace {

class SlowClose final : public Stage {
 public:
  explicit SlowClose(const Attributes& attributes) { read(attributes); }

  void push(Chunk chunk, MonotonicTime, Output& out) override { out.chunk(std::move(chunk)); }
  void end(MonotonicTime now, Output& out) override {
    ended_ = now;
    wake(now, out);
  }
  std::optional<MonotonicTime> deadline() const override {
    if (!ended_) return std::nullopt;
    return *ended_ + delay_;
  }
  void wake(MonotonicTime now, Output& out) override {
    if (ended_ && now >= *ended_ + delay_) finish(out);
  }
  void update(const Attributes& attributes, MonotonicTime now, Output& out) override {
    read(attributes);
    wake(now, out);
  }
  void remove(MonotonicTime, Output& out) override {
    if (ended_) finish(out);
  }

 private:
  void read(const Attributes& attributes) {
    delay_ = std::chrono::milliseconds(attributes.integer("delay"));
  }
  void finish(Output& out) {
    ended_.reset();
    out.end();
  }

  std::chrono::milliseconds delay_{};
  std::optional<MonotonicTime> ended_;
};

}  // namespace

const ToxicType& slow_close_toxic() {
  static const ToxicType type{
      .name = "slow_close",
      .summary = "Delays the end of the connection; data passes.",
      .attributes = {{"delay",
                      std::int64_t{0},
                      "ms",
                      "From the end seen to the end passed on.",
                      0,
                      kLongestMilliseconds,
                      {}}},
      .toxiproxy = true,
      .make = [](const Attributes& attributes, Random, MonotonicTime) -> std::unique_ptr<Stage> {
        return std::make_unique<SlowClose>(attributes);
      }};
  return type;
}

}  // namespace stormlog::proxy

#include "proxy/toxic/types.hpp"

namespace stormlog::proxy {
namespace {

// From the first chunk or the end on, nothing passes; after the time-out both ends are reset.
class ResetPeer final : public Stage {
 public:
  explicit ResetPeer(const Attributes& attributes) { read(attributes); }

  void push(Chunk, MonotonicTime now, Output& out) override { arm(now, out); }
  void end(MonotonicTime now, Output& out) override { arm(now, out); }
  std::optional<MonotonicTime> deadline() const override {
    if (!armed_at_) return std::nullopt;
    return *armed_at_ + timeout_;
  }
  void wake(MonotonicTime now, Output& out) override {
    if (armed_at_ && now >= *armed_at_ + timeout_) out.reset();
  }
  void update(const Attributes& attributes, MonotonicTime now, Output& out) override {
    read(attributes);
    wake(now, out);
  }
  // What was swallowed is gone: the stream cannot go on.
  void remove(MonotonicTime, Output& out) override {
    if (armed_at_) out.reset();
  }

 private:
  void read(const Attributes& attributes) {
    timeout_ = std::chrono::milliseconds(attributes.integer("timeout"));
  }
  void arm(MonotonicTime now, Output& out) {
    if (!armed_at_) armed_at_ = now;
    wake(now, out);
  }

  std::chrono::milliseconds timeout_{};
  std::optional<MonotonicTime> armed_at_;
};

}  // namespace

const ToxicType& reset_peer_toxic() {
  static const ToxicType type{
      .name = "reset_peer",
      .summary = "Resets the connection (RST) a time after its next data or its end.",
      .attributes = {{"timeout",
                      std::int64_t{0},
                      "ms",
                      "From the first data to the reset.",
                      0,
                      kLongestMilliseconds,
                      {}}},
      .toxiproxy = true,
      .make = [](const Attributes& attributes, Random, MonotonicTime) -> std::unique_ptr<Stage> {
        return std::make_unique<ResetPeer>(attributes);
      }};
  return type;
}

}  // namespace stormlog::proxy

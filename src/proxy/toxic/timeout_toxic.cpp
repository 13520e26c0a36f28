#include "proxy/toxic/types.hpp"

namespace stormlog::proxy {
namespace {

// As Toxiproxy has it: each chunk starts the time-out anew, and its removal closes the connection,
// for what was dropped is gone and the stream would go on with a hole in it.
class Timeout final : public Stage {
 public:
  Timeout(const Attributes& attributes, MonotonicTime now) : quiet_since_(now) { read(attributes); }

  void push(Chunk, MonotonicTime now, Output&) override { quiet_since_ = now; }
  void end(MonotonicTime, Output& out) override { out.close(); }
  std::optional<MonotonicTime> deadline() const override {
    if (timeout_.count() == 0) return std::nullopt;
    return quiet_since_ + timeout_;
  }
  void wake(MonotonicTime now, Output& out) override {
    if (timeout_.count() > 0 && now >= quiet_since_ + timeout_) out.close();
  }
  void update(const Attributes& attributes, MonotonicTime now, Output&) override {
    read(attributes);
    quiet_since_ = now;
  }
  void remove(MonotonicTime, Output& out) override { out.close(); }

 private:
  void read(const Attributes& attributes) {
    timeout_ = std::chrono::milliseconds(attributes.integer("timeout"));
  }

  std::chrono::milliseconds timeout_{};
  MonotonicTime quiet_since_;
};

}  // namespace

const ToxicType& timeout_toxic() {
  static const ToxicType type{
      .name = "timeout",
      .summary = "Drops all data and closes the connection after a time without any.",
      .attributes = {{"timeout",
                      std::int64_t{0},
                      "ms",
                      "Time without data until the connection is closed; 0 never closes it.",
                      0,
                      kLongestMilliseconds,
                      {}}},
      .toxiproxy = true,
      .make = [](const Attributes& attributes, Random, MonotonicTime now)
          -> std::unique_ptr<Stage> { return std::make_unique<Timeout>(attributes, now); }};
  return type;
}

}  // namespace stormlog::proxy

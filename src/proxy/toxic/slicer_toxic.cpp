#include <algorithm>

#include "proxy/toxic/slice_queue.hpp"
#include "proxy/toxic/types.hpp"

namespace stormlog::proxy {
namespace {

constexpr std::size_t kQueue = 256 * 1024;

// Cuts chunks into slices of average_size ± size_variation bytes, each passed on `delay` after the
// one before it.
class Slicer final : public Stage {
 public:
  Slicer(const Attributes& attributes, Random random) : random_(random) { read(attributes); }

  void push(Chunk chunk, MonotonicTime now, Output& out) override {
    if (queue_.empty()) next_at_ = std::max(next_at_, chunk.at);
    queue_.push(std::move(chunk));
    wake(now, out);
  }
  void end(MonotonicTime, Output& out) override {
    queue_.end();
    queue_.finish(out);
  }
  std::optional<MonotonicTime> deadline() const override {
    if (queue_.empty()) return std::nullopt;
    return next_at_;
  }
  void wake(MonotonicTime now, Output& out) override {
    while (!queue_.empty() && next_at_ <= now) {
      queue_.send(slice_size(), next_at_, out);
      next_at_ += delay_;
    }
    queue_.finish(out);
  }
  void update(const Attributes& attributes, MonotonicTime now, Output& out) override {
    read(attributes);
    next_at_ = std::min(next_at_, now + delay_);
    wake(now, out);
  }
  void remove(MonotonicTime now, Output& out) override {
    queue_.send_all(now, out);
    queue_.finish(out);
  }
  std::size_t held() const override { return queue_.held(); }
  std::size_t chunks() const override { return queue_.chunks(); }
  bool accepts() const override { return queue_.held() < kQueue; }

 private:
  void read(const Attributes& attributes) {
    average_ = static_cast<std::uint64_t>(attributes.integer("average_size"));
    variation_ = static_cast<std::uint64_t>(attributes.integer("size_variation"));
    delay_ = std::chrono::microseconds(attributes.integer("delay"));
  }
  std::size_t slice_size() {
    const std::uint64_t size = average_ - variation_ + random_.below(2 * variation_ + 1);
    return std::max<std::size_t>(1, size);
  }

  Random random_;
  std::uint64_t average_ = 1;
  std::uint64_t variation_ = 0;
  std::chrono::microseconds delay_{};
  SliceQueue queue_;
  MonotonicTime next_at_{};
};

std::string conflict(const Attributes& attributes) {
  if (attributes.integer("average_size") < 1) {
    return "attribute \"average_size\" must be at least 1";
  }
  if (attributes.integer("size_variation") > attributes.integer("average_size")) {
    return "attribute \"size_variation\" must not be greater than average_size";
  }
  return {};
}

}  // namespace

const ToxicType& slicer_toxic() {
  static const ToxicType type{
      .name = "slicer",
      .summary = "Cuts data into small slices, with a pause after each.",
      .attributes = {{"average_size", std::int64_t{0}, "B", "Of a slice; at least 1.", 0, 1e9, {}},
                     {"size_variation",
                      std::int64_t{0},
                      "B",
                      "A slice differs from the average by up to this; at most the average.",
                      0,
                      1e9,
                      {}},
                     {"delay",
                      std::int64_t{0},
                      "µs",
                      "Between two slices.",
                      0,
                      kLongestMilliseconds * 1000,
                      {}}},
      .toxiproxy = true,
      .conflict = conflict,
      .make = [](const Attributes& attributes, Random random, MonotonicTime)
          -> std::unique_ptr<Stage> { return std::make_unique<Slicer>(attributes, random); }};
  return type;
}

}  // namespace stormlog::proxy

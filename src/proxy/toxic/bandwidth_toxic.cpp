#include <algorithm>

#include "proxy/toxic/slice_queue.hpp"
#include "proxy/toxic/types.hpp"

namespace stormlog::proxy {
namespace {

// How much goes out at once, and how much waits here before the source is no longer read, both in
// time at the rate. Small pieces make the flow even; a small queue keeps the wait short.
constexpr std::chrono::milliseconds kPiece{5};
constexpr std::chrono::milliseconds kQueue{100};
constexpr std::size_t kLeastQueue = 64 * 1024;
constexpr std::size_t kLeastPiece = 1;

// A line of a fixed rate: a piece of n bytes leaves n/rate after the piece before it left, or after
// it came when the line was idle. Each moment follows from the one before and not from when a timer
// fired, so that late timers do not add up.
class Bandwidth final : public Stage {
 public:
  Bandwidth(const Attributes& attributes, MonotonicTime now) : free_at_(now) { read(attributes); }

  void push(Chunk chunk, MonotonicTime now, Output& out) override {
    if (queue_.empty()) free_at_ = std::max(free_at_, chunk.at);
    queue_.push(std::move(chunk));
    wake(now, out);
  }
  void end(MonotonicTime, Output& out) override {
    queue_.end();
    finish(out);
  }
  std::optional<MonotonicTime> deadline() const override {
    if (queue_.empty() || rate_ == 0) return std::nullopt;
    return free_at_ + time_of(next_piece());
  }
  void wake(MonotonicTime now, Output& out) override {
    while (!queue_.empty() && rate_ > 0) {
      const std::size_t size = next_piece();
      const MonotonicTime due = free_at_ + time_of(size);
      if (due > now) break;
      queue_.send(size, due, out);
      free_at_ = due;
    }
    finish(out);
  }
  // The rest of what waits goes at the new rate from now on.
  void update(const Attributes& attributes, MonotonicTime now, Output& out) override {
    wake(now, out);
    read(attributes);
    if (!queue_.empty()) free_at_ = now;
    wake(now, out);
  }
  void remove(MonotonicTime now, Output& out) override {
    rate_ = std::max<std::int64_t>(rate_, 1);
    queue_.send_all(now, out);
    finish(out);
  }
  std::size_t held() const override { return queue_.held(); }
  std::size_t chunks() const override { return queue_.chunks(); }
  bool accepts() const override {
    return queue_.held() < std::max(kLeastQueue, static_cast<std::size_t>(rate_ * kQueue.count()));
  }

 private:
  // 1 KB/s of the API is 1000 bytes a second: one byte a millisecond.
  void read(const Attributes& attributes) { rate_ = attributes.integer("rate"); }

  Nanoseconds time_of(std::size_t bytes) const {
    return Nanoseconds(static_cast<Nanoseconds::rep>(static_cast<double>(bytes) * 1e6 /
                                                     static_cast<double>(rate_)));
  }
  std::size_t next_piece() const {
    const auto most = static_cast<std::size_t>(rate_ * kPiece.count());
    return std::min(std::max(kLeastPiece, most), queue_.first_size());
  }
  // At a rate of 0 not even the end passes, as on a cable that was pulled.
  void finish(Output& out) {
    if (rate_ > 0) queue_.finish(out);
  }

  std::int64_t rate_ = 0;  // bytes per millisecond
  SliceQueue queue_;
  MonotonicTime free_at_;
};

}  // namespace

const ToxicType& bandwidth_toxic() {
  static const ToxicType type{
      .name = "bandwidth",
      .summary = "Limits the rate of the data.",
      .attributes =
          {{"rate", std::int64_t{0}, "KB/s", "Of 1000 bytes; 0 lets nothing through.", 0, 1e9, {}}},
      .toxiproxy = true,
      .make = [](const Attributes& attributes, Random, MonotonicTime now)
          -> std::unique_ptr<Stage> { return std::make_unique<Bandwidth>(attributes, now); }};
  return type;
}

}  // namespace stormlog::proxy

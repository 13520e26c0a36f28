#include "pipeline/consumer/lag_monitor.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "common/base/thread_name.hpp"
#include "common/kafka/consumer/consumer.hpp"

namespace stormlog::pipeline {
namespace {

using namespace std::chrono_literals;

constexpr auto kInterval = 150ms;
constexpr auto kAskLimit = 1s;

double seconds(Nanoseconds duration) {
  return std::max(0.0, std::chrono::duration<double>(duration).count());
}

}  // namespace

void LagKeeper::update(const Positions& before, const std::map<int, std::int64_t>& high,
                       const Positions& after, MonotonicTime now, WallTime wall) {
  const std::lock_guard lock(mutex_);
  sample_.reset();
  if (after.assignment != before.assignment || after.next.empty()) return;
  LagSample sample;
  sample.at = now;
  std::int64_t total = 0;
  for (const auto& [partition, next] : after.next) {
    const auto end = high.find(partition);
    if (!next || end == high.end()) return;
    // The position was read after the end: what was there then is stored if it is not below.
    const std::int64_t lag = std::max<std::int64_t>(0, end->second - *next);
    sample.by_partition[partition] = lag;
    total += lag;
  }
  if (assignment_ != after.assignment) drained_at_.reset();
  assignment_ = after.assignment;
  if (total == 0) {
    drained_at_ = now;
  } else {
    // Two upper bounds of the age of the oldest record that is not stored.
    if (after.last_stored_produced) sample.seconds = seconds(wall - *after.last_stored_produced);
    if (drained_at_) {
      const double since = seconds(now - *drained_at_);
      sample.seconds = after.last_stored_produced ? std::min(sample.seconds, since) : since;
    }
  }
  sample_ = std::move(sample);
}

std::optional<LagSample> LagKeeper::sample(MonotonicTime now) const {
  const std::lock_guard lock(mutex_);
  if (!sample_ || now - sample_->at > kMaxAge) return std::nullopt;
  return sample_;
}

LagMonitor::LagMonitor(const PositionBoard& board, telemetry::Metrics& metrics, const Clock& clock)
    : board_(board), clock_(clock), conservation_(metrics, clock) {
  const auto sample = [keeper = keeper_, &clock] { return keeper->sample(clock.now()); };
  metrics.gauge_source(
      "kafka_consumer_lag", "Records in Kafka that are not stored yet; absent while unknown",
      [sample](const telemetry::Metrics::Emit& emit) {
        const auto now = sample();
        if (!now) return;
        for (const auto& [partition, lag] : now->by_partition) {
          emit({{"partition", std::to_string(partition)}}, static_cast<double>(lag));
        }
      });
  metrics.gauge_source("consumer_lag_seconds",
                       "Age of the oldest record that is not stored, at most; absent while unknown",
                       [sample](const telemetry::Metrics::Emit& emit) {
                         if (const auto now = sample()) emit({}, now->seconds);
                       });
  metrics.gauge_source("consumer_assigned_partitions", "Partitions that this instance has",
                       [&board](const telemetry::Metrics::Emit& emit) {
                         emit({}, static_cast<double>(board.read().next.size()));
                       });
  thread_ = std::thread([this] { loop(); });
}

LagMonitor::~LagMonitor() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  condition_.notify_one();
  thread_.join();
}

void LagMonitor::loop() {
  name_thread("lag");
  std::unique_lock lock(mutex_);
  while (!stop_) {
    lock.unlock();
    measure();
    lock.lock();
    condition_.wait_for(lock, kInterval, [this] { return stop_; });
  }
}

void LagMonitor::measure() {
  const Positions before = board_.read();
  if (!before.client || before.next.empty()) {
    keeper_->update(before, {}, before, clock_.now(), clock_.wall_now());
    conservation_.update({}, before);
    return;
  }
  std::vector<int> partitions;
  for (const auto& [partition, next] : before.next) partitions.push_back(partition);
  const Result<kafka::Offsets> high = before.client->high_watermarks(partitions, kAskLimit);
  // Unanswered: the last sample holds until it is too old.
  if (!high) return;
  const Positions after = board_.read();
  keeper_->update(before, *high, after, clock_.now(), clock_.wall_now());
  conservation_.update(*high, after);
}

}  // namespace stormlog::pipeline

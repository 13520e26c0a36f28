#include "common/kafka/producer/lane_plan.hpp"

#include <algorithm>
#include <numeric>

namespace stormlog::kafka {
namespace {

constexpr int kUnderWay = 5;  // requests of one idempotent connection
constexpr std::chrono::milliseconds kLeastWindow{50};
// Departures go on while Kafka is silent: what it takes when it is back must not wait for them.
constexpr std::chrono::seconds kFarthest{4};

}  // namespace

LanePlan::LanePlan(const LanePlanConfig& config) : config_(config), groups_(1) {}

Nanoseconds LanePlan::distance(MonotonicTime now) const {
  const Nanoseconds least = samples_.empty() ? Nanoseconds{0} : samples_.front().latency;
  const Nanoseconds silence = under_way_ > 0 ? now - silent_since_ : Nanoseconds{0};
  return std::max(least, silence);
}

bool LanePlan::is_far(MonotonicTime now) {
  if (config_.far_lanes == 0) return false;
  const Nanoseconds is = distance(now);
  far_ = far_ ? is >= config_.near : is >= config_.far;
  return far_;
}

// Each lane may start a request for each of its partitions five times in a round trip; the lanes of
// a group take turns.
Nanoseconds LanePlan::interval(MonotonicTime now) const {
  const Nanoseconds trip = std::min<Nanoseconds>(distance(now), kFarthest);
  // A little slower than they return, or one of them would wait for a place at every turn.
  return trip * partitions_ * 51 / (50 * kUnderWay * config_.far_lanes);
}

std::optional<int> LanePlan::lane_now(std::uint32_t slot, MonotonicTime now) {
  if (is_far(now) || held_ > 0) return std::nullopt;
  Slot& its = slots_[slot];
  if (its.under_way++ == 0) its.lane = 0;
  if (under_way_++ == 0) silent_since_ = now;
  return its.lane;
}

void LanePlan::hold(std::uint32_t slot, std::unique_ptr<HeldRecord> record) {
  groups_[slot % groups_.size()].queue.push_back({slot, std::move(record)});
  ++held_;
}

void LanePlan::send(Held held, int lane, std::vector<Departure>& departures) {
  Slot& its = slots_[held.slot];
  if (its.under_way++ == 0) its.lane = static_cast<std::int16_t>(lane);
  ++under_way_;
  --held_;
  departures.push_back({its.lane, held.slot, std::move(held.record)});
}

// Those that may take this lane; the others keep their order.
bool LanePlan::depart_on(Group& group, int lane, std::vector<Departure>& departures) {
  std::deque<Held> stay;
  const std::size_t before = departures.size();
  for (Held& held : group.queue) {
    const Slot& its = slots_[held.slot];
    if (its.under_way == 0 || its.lane == lane) {
      send(std::move(held), lane, departures);
    } else {
      stay.push_back(std::move(held));
    }
  }
  group.queue = std::move(stay);
  return departures.size() > before;
}

void LanePlan::depart(MonotonicTime now, std::vector<Departure>& departures) {
  if (held_ == 0) return;
  if (under_way_ == 0) silent_since_ = now;
  if (!is_far(now) || hurried_) {
    for (Group& group : groups_) {
      for (Held& held : std::exchange(group.queue, {})) send(std::move(held), 0, departures);
    }
    hurried_ = false;
    return;
  }
  const Nanoseconds pace = interval(now);
  const auto groups = static_cast<int>(groups_.size());
  for (int index = 0; index < groups; ++index) {
    Group& group = groups_[static_cast<std::size_t>(index)];
    if (group.queue.empty() || now - group.last < pace) continue;
    group.last = now;
    for (int tried = 0; tried < lanes_of_group(); ++tried) {
      const int lane = 1 + index + groups * group.turn;
      group.turn = (group.turn + 1) % lanes_of_group();
      if (depart_on(group, lane, departures)) break;
    }
  }
}

std::optional<MonotonicTime> LanePlan::next_departure(MonotonicTime now) const {
  if (held_ == 0) return std::nullopt;
  if (!far_ || hurried_) return now;
  std::optional<MonotonicTime> next;
  const Nanoseconds pace = interval(now);
  for (const Group& group : groups_) {
    if (group.queue.empty()) continue;
    if (!next || group.last + pace < *next) next = group.last + pace;
  }
  return next;
}

std::vector<std::unique_ptr<HeldRecord>> LanePlan::take_held() {
  std::vector<std::unique_ptr<HeldRecord>> taken;
  for (Group& group : groups_) {
    for (Held& held : std::exchange(group.queue, {})) taken.push_back(std::move(held.record));
  }
  held_ = 0;
  return taken;
}

void LanePlan::settled(std::uint32_t slot) {
  --slots_[slot].under_way;
  --under_way_;
}

void LanePlan::reported(Nanoseconds latency, MonotonicTime now) {
  silent_since_ = now;
  // What was reported before this one left tells of another time.
  const MonotonicTime since = now - std::max<Nanoseconds>(latency, kLeastWindow);
  while (!samples_.empty() && samples_.front().at < since) samples_.pop_front();
  while (!samples_.empty() && samples_.back().latency >= latency) samples_.pop_back();
  samples_.push_back({now, latency});
}

void LanePlan::seen_partition(std::int32_t partition) {
  if (partition < partitions_) return;
  partitions_ = partition + 1;
  regroup();
}

void LanePlan::regroup() {
  if (config_.far_lanes == 0) return;
  const auto count = static_cast<std::size_t>(std::gcd(config_.far_lanes, partitions_));
  if (count == groups_.size()) return;
  std::vector<Group> before = std::exchange(groups_, std::vector<Group>(count));
  for (Group& group : before) {
    for (Held& held : group.queue) groups_[held.slot % count].queue.push_back(std::move(held));
  }
}

}  // namespace stormlog::kafka

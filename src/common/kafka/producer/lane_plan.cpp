#include "common/kafka/producer/lane_plan.hpp"

#include <algorithm>

namespace stormlog::kafka {
namespace {

constexpr std::int32_t kRequests = 5;  // under way on one idempotent connection
constexpr std::chrono::milliseconds kLeastWindow{50};
constexpr std::chrono::milliseconds kLookAgain{1};
// While Kafka is silent. What it takes when it is back must not wait for long.
constexpr std::chrono::milliseconds kLongestPause{500};

}  // namespace

LanePlan::LanePlan(const LanePlanConfig& config)
    : config_(config), lanes_(static_cast<std::size_t>(config.far_lanes) + 1), groups_(1) {}

Nanoseconds LanePlan::least() const {
  return samples_.empty() ? Nanoseconds{0} : samples_.front().latency;
}

Nanoseconds LanePlan::silence(MonotonicTime now) const {
  return under_way_ > 0 ? now - silent_since_ : Nanoseconds{0};
}

Nanoseconds LanePlan::distance(MonotonicTime now) const {
  return std::max(least(), silence(now));
}

bool LanePlan::is_far(MonotonicTime now) {
  if (config_.far_lanes == 0) return false;
  const Nanoseconds is = distance(now);
  far_ = far_ ? is >= config_.near : is >= config_.far;
  return far_;
}

// Each lane of a group leaves once in a round trip. How long that will be nobody knows before the
// first is back: until then each departure is half as late again as the one before, so that the
// lanes last.
Nanoseconds LanePlan::interval(MonotonicTime now) const {
  const Nanoseconds silent = silence(now);
  if (silent > least() * 5 / 4) return std::min<Nanoseconds>(silent / 3, kLongestPause);
  // A little slower than they return, or one of them would be late at every turn.
  return least() * 51 / (50 * lanes_of_group());
}

// The next in turn that is back. One that is long overdue waits for a partition of its own: the
// others need not wait for it.
std::optional<int> LanePlan::free_lane(std::size_t group, MonotonicTime now) const {
  const int lanes = lanes_of_group();
  for (int tried = 0; tried < lanes; ++tried) {
    const int turn = (groups_[group].turn + tried) % lanes;
    const int index = 1 + static_cast<int>(group) + static_cast<int>(groups_.size()) * turn;
    const Lane& lane = lanes_[static_cast<std::size_t>(index)];
    if (lane.under_way == 0 || now - lane.left > 2 * distance(now)) return index;
  }
  return std::nullopt;
}

std::optional<int> LanePlan::lane_now(std::uint32_t slot, MonotonicTime now) {
  if (is_far(now) || held_ > 0) return std::nullopt;
  Slot& its = slots_[slot];
  if (under_way_ == 0) silent_since_ = now;
  begin(its, 0);
  return its.lane;
}

void LanePlan::begin(Slot& slot, int lane) {
  if (slot.under_way++ == 0) slot.lane = static_cast<std::int16_t>(lane);
  ++lanes_[static_cast<std::size_t>(slot.lane)].under_way;
  ++under_way_;
}

void LanePlan::hold(std::uint32_t slot, std::unique_ptr<HeldRecord> record) {
  groups_[slot % groups_.size()].queue.push_back({slot, std::move(record)});
  ++held_;
}

void LanePlan::send(Held held, int lane, std::vector<Departure>& departures) {
  Slot& its = slots_[held.slot];
  begin(its, lane);
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
  for (std::size_t index = 0; index < groups_.size(); ++index) {
    Group& group = groups_[index];
    if (group.queue.empty() || now - group.last < pace) continue;
    const auto lane = free_lane(index, now);
    if (!lane || !depart_on(group, *lane, departures)) continue;
    group.last = lanes_[static_cast<std::size_t>(*lane)].left = now;
    group.turn = (group.turn + 1) % lanes_of_group();
  }
}

std::optional<MonotonicTime> LanePlan::next_departure(MonotonicTime now) const {
  if (held_ == 0) return std::nullopt;
  if (!far_ || hurried_) return now;
  std::optional<MonotonicTime> next;
  const Nanoseconds pace = interval(now);
  for (const Group& group : groups_) {
    if (group.queue.empty()) continue;
    // Where it is due and cannot leave, it waits for a report; this only looks again.
    const MonotonicTime due = std::max(group.last + pace, now + kLookAgain);
    if (!next || due < *next) next = due;
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
  Slot& its = slots_[slot];
  --its.under_way;
  --lanes_[static_cast<std::size_t>(its.lane)].under_way;
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

// The fewest groups of which each has no more partitions than a connection has requests under way.
void LanePlan::regroup() {
  if (config_.far_lanes == 0) return;
  std::size_t count = 1;
  for (std::int32_t groups = 1; groups <= config_.far_lanes; ++groups) {
    if (partitions_ % groups != 0 || config_.far_lanes % groups != 0) continue;
    count = static_cast<std::size_t>(groups);
    if (partitions_ / groups <= kRequests) break;
  }
  if (count == groups_.size()) return;
  std::vector<Group> before = std::exchange(groups_, std::vector<Group>(count));
  for (Group& group : before) {
    for (Held& held : group.queue) groups_[held.slot % count].queue.push_back(std::move(held));
  }
}

}  // namespace stormlog::kafka

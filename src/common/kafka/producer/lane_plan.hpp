#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "common/base/clock.hpp"
#include "common/kafka/producer/near_gate.hpp"

namespace stormlog::kafka {

struct LanePlanConfig {
  int far_lanes = 12;  // 0: there is the near lane alone
  Nanoseconds far = std::chrono::milliseconds(50);
  Nanoseconds near = std::chrono::milliseconds(25);
};

// Over which of a producer's connections ("lanes") a record goes to Kafka, and when.
//
// An idempotent connection of librdkafka sends a partition's next batch when fewer than five of its
// messages are under way, and has five requests under way at the most, one partition in each. With
// a Kafka that answers in a millisecond nobody notices, and lane 0 takes everything at once. Over a
// link of 500 ms it means a batch in 500 ms, and what comes meanwhile waits for nearly a whole
// round trip. So while Kafka is far, lanes 1 to `far_lanes` take turns: what comes is held until
// the next departure, these are spaced evenly over the round trip, and a lane leaves again when it
// is back. Lanes share the partitions out so that none has more than five, where their numbers
// allow it.
//
// Order: keys are in slots. A slot's records are under way on one lane only, and leave in the order
// in which they came; it changes lanes when nothing of it is under way.
//
// How far Kafka is: the least latency of the last reports, or, while there are none, how long it
// has been silent. The least, because records that waited behind others do not show the way alone;
// the last, that is, those that came after the newest one's departure.
//
// Threads: caller synchronises.
// Source:  librdkafka CONFIGURATION.md, max.in.flight.requests.per.connection, enable.idempotence.
class LanePlan {
 public:
  static constexpr std::uint32_t kSlots = NearGate::kSlots;

  struct Departure {
    int lane;
    std::uint32_t slot;
    std::unique_ptr<HeldRecord> record;
  };

  explicit LanePlan(const LanePlanConfig& config);

  // `hash` is the one that gives the partition.
  static std::uint32_t slot_of(std::uint32_t hash) { return hash % kSlots; }

  // The lane of a record that may leave at once, which is then under way; none: hold() it.
  std::optional<int> lane_now(std::uint32_t slot, MonotonicTime now);
  void hold(std::uint32_t slot, std::unique_ptr<HeldRecord> record);
  // Adds what leaves now, which is then under way.
  void depart(MonotonicTime now, std::vector<Departure>& departures);
  // When depart() is due; none while nothing is held.
  std::optional<MonotonicTime> next_departure(MonotonicTime now) const;
  // Everything leaves at the next depart(), whatever the pace. Until something is held again.
  void hurry() { hurried_ = true; }
  // Takes what is held, without sending it.
  std::vector<std::unique_ptr<HeldRecord>> take_held();

  // What was under way is not any more: it was reported, or not taken by the client.
  void settled(std::uint32_t slot);
  // An acknowledgement came, so long after the departure of its record.
  void reported(Nanoseconds latency, MonotonicTime now);
  void seen_partition(std::int32_t partition);

  bool is_far(MonotonicTime now);
  std::size_t held() const { return held_; }
  std::int32_t partitions() const { return partitions_; }

 private:
  struct Slot {
    std::uint32_t under_way = 0;
    std::int16_t lane = 0;
  };
  struct Held {
    std::uint32_t slot;
    std::unique_ptr<HeldRecord> record;
  };
  struct Lane {
    std::uint32_t under_way = 0;
    MonotonicTime left{};
  };
  // Lanes that serve the same partitions, and what waits for them.
  struct Group {
    std::deque<Held> queue;
    MonotonicTime last{};  // departure
    int turn = 0;
  };

  Nanoseconds least() const;
  Nanoseconds silence(MonotonicTime now) const;
  Nanoseconds distance(MonotonicTime now) const;
  Nanoseconds interval(MonotonicTime now) const;
  void regroup();
  std::optional<int> free_lane(std::size_t group, MonotonicTime now) const;
  bool depart_on(Group& group, int lane, std::vector<Departure>& departures);
  void send(Held held, int lane, std::vector<Departure>& departures);
  void begin(Slot& slot, int lane);
  int lanes_of_group() const { return config_.far_lanes / static_cast<int>(groups_.size()); }

  const LanePlanConfig config_;
  std::array<Slot, kSlots> slots_{};
  std::vector<Lane> lanes_;
  std::vector<Group> groups_;
  std::size_t held_ = 0;
  bool far_ = false;
  bool hurried_ = false;

  std::int32_t partitions_ = 1;  // as many as were seen
  std::uint64_t under_way_ = 0;
  MonotonicTime silent_since_{};
  struct Sample {
    MonotonicTime at;
    Nanoseconds latency;
  };
  std::deque<Sample> samples_;  // each later one has a higher latency: the first is the least
};

}  // namespace stormlog::kafka

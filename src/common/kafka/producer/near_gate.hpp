#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "common/kafka/producer/held_record.hpp"

namespace stormlog::kafka {

// Keeps back what an idempotent connection of librdkafka would not send yet.
//
// Once five messages of a partition are under way, librdkafka keeps the next until fewer are. While
// some wait for that longer than the linger time, its thread does not sleep: it asks poll() without
// a pause until Kafka has answered, which costs a core the other programs of the machine could use.
// So they wait here instead, and go on together when the partition's window is open again. What
// librdkafka would send at once is never kept.
//
// Records are told apart by their slot (see LanePlan). A partition's slots are those with the same
// remainder, where the number of partitions divides kSlots: where it does not, the gate is a
// partition's only roughly, and librdkafka waits the rest itself.
//
// Threads: caller synchronises.
// Source:  librdkafka CONFIGURATION.md, enable.idempotence; rdkafka_broker.c of 2.0.2 and of 2.6.
class NearGate {
 public:
  static constexpr std::uint32_t kSlots = 4096;

  struct Held {
    std::uint32_t slot;
    std::unique_ptr<HeldRecord> record;
  };

  // Records that come together leave together: who found the window open keeps it for this batch.
  void begin_batch() { ++batch_; }
  // Whether a record may leave now; begin() it then, else hold() it.
  bool admits(std::uint32_t slot);
  void begin(std::uint32_t slot);
  void hold(std::uint32_t slot, std::unique_ptr<HeldRecord> record);
  // One that has begun was reported, or not taken.
  void settled(std::uint32_t slot);

  // Adds what may leave now; the caller begins it.
  void open(std::vector<Held>& leaving);
  // Adds all that is held, in order.
  void open_all(std::vector<Held>& leaving);

  void set_partitions(std::uint32_t partitions);
  std::uint32_t group_of(std::uint32_t slot) const {
    return slot % static_cast<std::uint32_t>(groups_.size());
  }
  std::size_t held() const { return held_; }

 private:
  static constexpr std::uint32_t kWindow = 5;  // of librdkafka, in messages

  struct Group {
    std::uint32_t under_way = 0;
    std::uint64_t open_for = 0;  // the batch that found it open
    std::deque<Held> queue;
  };

  void take(Group& group, std::vector<Held>& leaving);

  std::vector<Group> groups_ = std::vector<Group>(1);
  std::array<std::uint32_t, kSlots> under_way_{};  // of each slot
  std::uint64_t batch_ = 0;
  std::size_t held_ = 0;
};

}  // namespace stormlog::kafka

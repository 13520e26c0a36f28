#include "common/kafka/producer/near_gate.hpp"

#include <utility>

namespace stormlog::kafka {

bool NearGate::admits(std::uint32_t slot) {
  Group& group = groups_[group_of(slot)];
  if (!group.queue.empty()) return false;
  if (group.under_way < kWindow) group.open_for = batch_;
  return group.open_for == batch_;
}

void NearGate::begin(std::uint32_t slot) {
  ++under_way_[slot];
  ++groups_[group_of(slot)].under_way;
}

void NearGate::hold(std::uint32_t slot, std::unique_ptr<HeldRecord> record) {
  groups_[group_of(slot)].queue.push_back({slot, std::move(record)});
  ++held_;
}

void NearGate::settled(std::uint32_t slot) {
  --under_way_[slot];
  --groups_[group_of(slot)].under_way;
}

void NearGate::take(Group& group, std::vector<Held>& leaving) {
  held_ -= group.queue.size();
  for (Held& held : group.queue) leaving.push_back(std::move(held));
  group.queue.clear();
}

void NearGate::open(std::vector<Held>& leaving) {
  if (held_ == 0) return;
  for (Group& group : groups_) {
    if (group.under_way < kWindow) take(group, leaving);
  }
}

void NearGate::open_all(std::vector<Held>& leaving) {
  for (Group& group : groups_) take(group, leaving);
}

void NearGate::set_partitions(std::uint32_t partitions) {
  if (partitions == groups_.size()) return;
  std::vector<Group> before = std::exchange(groups_, std::vector<Group>(partitions));
  for (std::uint32_t slot = 0; slot < kSlots; ++slot) {
    groups_[group_of(slot)].under_way += under_way_[slot];
  }
  for (Group& group : before) {
    for (Held& held : group.queue) groups_[group_of(held.slot)].queue.push_back(std::move(held));
  }
}

}  // namespace stormlog::kafka

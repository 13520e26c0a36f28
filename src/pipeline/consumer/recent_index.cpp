#include "pipeline/consumer/recent_index.hpp"

#include <algorithm>
#include <functional>

namespace stormlog::pipeline {
namespace recent {
namespace {

constexpr std::size_t kTimeBytes = 8;
constexpr std::uint64_t kSign = 1ULL << 63;  // flipped, so that times before 1970 come first

std::chrono::milliseconds slot_length(std::chrono::milliseconds ttl) {
  return std::max(std::chrono::milliseconds{1}, ttl / 2);
}

}  // namespace

std::string member(const Cursor& place) {
  std::string out;
  const std::uint64_t time = static_cast<std::uint64_t>(place.ts_ns) ^ kSign;
  for (std::size_t i = 0; i < kTimeBytes; ++i) {
    out += static_cast<char>(time >> (56 - 8 * i) & 0xFF);
  }
  for (const std::uint8_t byte : place.id.bytes) out += static_cast<char>(byte);
  return out;
}

std::optional<Cursor> place(std::string_view member) {
  Cursor found;
  if (member.size() != kTimeBytes + found.id.bytes.size()) return std::nullopt;
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(member[i]); };
  std::uint64_t time = 0;
  for (std::size_t i = 0; i < kTimeBytes; ++i) time = time << 8 | byte(i);
  found.ts_ns = static_cast<std::int64_t>(time ^ kSign);
  for (std::size_t i = 0; i < found.id.bytes.size(); ++i) {
    found.id.bytes[i] = byte(kTimeBytes + i);
  }
  return found;
}

std::int64_t slot(WallTime now, std::chrono::milliseconds ttl) {
  return now.time_since_epoch() / Nanoseconds{slot_length(ttl)};
}

std::string key(std::int64_t slot, std::string_view service) {
  std::string key = "stormlog:recent:" + std::to_string(slot);
  if (!service.empty()) key.append(":").append(service);
  return key;
}

std::vector<std::string> live_keys(WallTime now, std::chrono::milliseconds ttl,
                                   std::string_view service) {
  const std::int64_t newest = slot(now, ttl);
  // A slot's own length and a time-to-live, which is two more.
  return {key(newest, service), key(newest - 1, service), key(newest - 2, service)};
}

}  // namespace recent

void RecentIndex::note(const std::string& service, const Cursor& place) {
  std::string member = recent::member(place);
  if (!service.empty()) noted_[service].push_back(member);
  noted_[""].push_back(std::move(member));
}

std::vector<RecentIndex::Update> RecentIndex::take(WallTime now) {
  const std::int64_t slot = recent::slot(now, ttl_);
  if (slot != slot_) {
    slot_ = slot;
    held_.clear();
  }
  const auto end = recent::slot_length(ttl_) * (slot + 1) + ttl_;
  std::vector<Update> updates;
  for (auto& [service, members] : noted_) {
    if (members.size() > kKeep) {
      std::nth_element(members.begin(), members.begin() + kKeep, members.end(), std::greater<>());
      members.resize(kKeep);
    }
    std::size_t& held = held_[service];
    const std::size_t before = held;
    held = std::min(kKeep, held + members.size());

    const std::string key = recent::key(slot, service);
    redis::Command add = {"ZADD", key};
    for (std::string& member : members) {
      add.emplace_back("0");
      add.push_back(std::move(member));
    }
    Update update;
    update.bytes = (held - before) * kMemberBytes + (before == 0 ? kMemberBytes + key.size() : 0);
    update.commands.push_back(std::move(add));
    update.commands.push_back(
        {"ZREMRANGEBYRANK", key, "0", std::to_string(-1 - static_cast<std::int64_t>(kKeep))});
    update.commands.push_back({"PEXPIREAT", key, std::to_string(end.count())});
    updates.push_back(std::move(update));
  }
  noted_.clear();
  return updates;
}

}  // namespace stormlog::pipeline

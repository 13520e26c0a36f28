#include "pipeline/consumer/redis_durability.hpp"

namespace stormlog::pipeline {
namespace {

// Source: redis.io, "Redis persistence" and "Key eviction".
struct Setting {
  const char* name;
  bool (*good)(const std::string& value);
  const char* advice;
};

const Setting kSettings[] = {
    {"appendonly", [](const std::string& value) { return value == "yes"; },
     "set appendonly yes: a killed Redis loses what it has not written"},
    {"appendfsync", [](const std::string& value) { return value == "always"; },
     "set appendfsync always: a power cut loses what was not synced"},
    // Streams have no time to live, so volatile-* passes them by.
    {"maxmemory-policy",
     [](const std::string& value) {
       return value == "noeviction" || value.starts_with("volatile-");
     },
     "set maxmemory-policy noeviction: a full Redis throws them away"},
};

}  // namespace

const std::vector<redis::Command>& ask_durability() {
  static const std::vector<redis::Command> kCommands = [] {
    std::vector<redis::Command> commands;
    for (const Setting& setting : kSettings) commands.push_back({"CONFIG", "GET", setting.name});
    return commands;
  }();
  return kCommands;
}

RedisDurability judge_durability(std::span<const redis::Reply> replies) {
  RedisDurability found{true, ""};
  std::size_t at = 0;
  for (const Setting& setting : kSettings) {
    const redis::Reply* reply = at < replies.size() ? &replies[at] : nullptr;
    ++at;
    if (reply == nullptr || reply->elements.size() != 2) {
      // A managed Redis may refuse CONFIG. What is known to be wrong stays wrong.
      if (found.durable.value_or(false)) found.durable.reset();
      continue;
    }
    const std::string& value = reply->elements[1].text;
    if (setting.good(value)) continue;
    found.durable = false;
    if (!found.why.empty()) found.why += "; ";
    found.why += std::string(setting.name) + " is " + value + ", " + setting.advice;
  }
  if (!found.durable) found.why = "CONFIG GET is refused; see that appendfsync is always";
  return found;
}

}  // namespace stormlog::pipeline

#include "pipeline/consumer/redis_spill_log.hpp"

#include <algorithm>

#include "common/base/units.hpp"

namespace stormlog::pipeline {
namespace {

using redis::Command;
using redis::Reply;

constexpr std::size_t kStateCommands = 4;

// Deleting what is empty must not race with an append.
constexpr const char* kTrim =
    "redis.call('XTRIM', KEYS[1], 'MINID', '=', ARGV[1]) "
    "if redis.call('XLEN', KEYS[1]) == 0 then redis.call('DEL', KEYS[1]) end return 0";

std::string entry_id(std::int64_t offset) {
  return std::to_string(offset + 1) + "-0";
}

std::int64_t number(std::string_view text) {
  const Result<std::int64_t> parsed = units::parse_int(text);
  return parsed.ok() ? *parsed : -1;
}

// One record of a batch, row or dead letter.
struct Item {
  std::int64_t offset;
  WallTime produced;
  const std::string* key;
  const std::string* id;
  const std::string* payload;
  const TraceHeaders* trace;
};

std::vector<Item> items_of(const PartitionBatch& batch) {
  static const std::string kNone;
  std::vector<Item> items;
  items.reserve(batch.rows.size() + batch.dead.size());
  for (const LogRow& row : batch.rows) {
    items.push_back({row.offset, row.produced, &row.key, &kNone, &row.payload, &row.trace});
  }
  for (const DeadLetter& letter : batch.dead) {
    items.push_back(
        {letter.offset, WallTime{}, &letter.key, &letter.id, &letter.payload, &letter.trace});
  }
  std::sort(items.begin(), items.end(),
            [](const Item& a, const Item& b) { return a.offset < b.offset; });
  return items;
}

std::string milliseconds_of(WallTime time) {
  if (time == WallTime{}) return "";
  return std::to_string(
      std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count());
}

void ask_state(std::vector<Command>& commands, const std::string& key) {
  commands.push_back({"XLEN", key});
  commands.push_back({"MEMORY", "USAGE", key});
  commands.push_back({"XREVRANGE", key, "+", "-", "COUNT", "1"});
  commands.push_back({"XRANGE", key, "-", "+", "COUNT", "1"});
}

Result<SpillState> read_state(std::span<const Reply> replies) {
  for (const Reply& reply : replies) {
    if (reply.type == Reply::Type::error) return reply.as_error();
  }
  SpillState state;
  state.records = replies[0].integer;
  state.bytes = static_cast<std::uint64_t>(std::max<std::int64_t>(0, replies[1].integer));
  if (!replies[2].elements.empty() && !replies[2].elements[0].elements.empty()) {
    const std::string& id = replies[2].elements[0].elements[0].text;
    state.end = number(id.substr(0, id.find('-')));
    if (state.end < 0) return Error::permanent("Redis: a stream's id is not an offset: " + id);
  }
  if (!replies[3].elements.empty() && !replies[3].elements[0].elements.empty()) {
    const std::string& id = replies[3].elements[0].elements[0].text;
    state.begin = number(id.substr(0, id.find('-'))) - 1;
  }
  return state;
}

// What EXEC answered: how many entries are new.
Result<std::int64_t> read_exec(std::span<const Reply> queued, const Reply& exec) {
  for (const Reply& reply : queued) {
    // Out of memory is told where the command is queued; EXEC then runs nothing.
    if (reply.type == Reply::Type::error) return reply.as_error();
  }
  if (exec.type == Reply::Type::error) return exec.as_error();
  std::int64_t added = 0;
  for (const Reply& reply : exec.elements) {
    if (reply.type != Reply::Type::error) {
      ++added;
    } else if (reply.text.find("equal or smaller") == std::string::npos) {
      return reply.as_error();
    }
  }
  return added;
}

Result<SpilledRecord> read_entry(const Reply& entry) {
  const auto broken = [] { return Error::permanent("Redis: an entry is not a spilled record"); };
  if (entry.elements.size() != 2) return broken();
  const std::string& id = entry.elements[0].text;
  SpilledRecord record;
  record.offset = number(id.substr(0, id.find('-'))) - 1;
  record.after = -1;
  const std::vector<Reply>& flat = entry.elements[1].elements;
  for (std::size_t i = 0; i + 1 < flat.size(); i += 2) {
    const std::string& name = flat[i].text;
    const std::string& value = flat[i + 1].text;
    if (name == "after") {
      record.after = number(value);
    } else if (name == "ts" && !value.empty()) {
      record.produced = WallTime{std::chrono::milliseconds{number(value)}};
    } else if (name == "key") {
      record.key = value;
    } else if (name == "id") {
      record.id = value;
    } else if (name == "payload") {
      record.payload = value;
    } else if (name == "traceparent") {
      record.trace.traceparent = value;
    } else if (name == "tracestate") {
      record.trace.tracestate = value;
    }
  }
  if (record.offset < 0 || record.after < 0) return broken();
  return record;
}

}  // namespace

std::string spill_stream(const std::string& topic, int partition) {
  return "stormlog:spill:" + topic + ":" + std::to_string(partition);
}

Result<std::map<int, SpillState>> RedisSpillLog::states(const std::vector<int>& partitions) {
  std::vector<Command> commands;
  for (const int partition : partitions) ask_state(commands, spill_stream(topic_, partition));
  const Result<std::vector<Reply>> replies = redis_.pipeline(commands);
  if (!replies) return replies.error();
  std::map<int, SpillState> found;
  std::size_t at = 0;
  for (const int partition : partitions) {
    const Result<SpillState> state = read_state(std::span(*replies).subspan(at, kStateCommands));
    if (!state) return state.error();
    found[partition] = *state;
    at += kStateCommands;
  }
  return found;
}

Result<SpillLog::Appended> RedisSpillLog::append(std::span<const PartitionBatch> batches) {
  std::vector<Command> commands;
  std::vector<std::size_t> counts;
  for (const PartitionBatch& batch : batches) {
    const std::string key = spill_stream(topic_, batch.partition);
    const std::vector<Item> items = items_of(batch);
    counts.push_back(items.size());
    commands.push_back({"MULTI"});
    std::int64_t after = batch.expected;
    for (const Item& item : items) {
      commands.push_back({"XADD", key, entry_id(item.offset), "after", std::to_string(after), "ts",
                          milliseconds_of(item.produced), "key", *item.key, "id", *item.id,
                          "payload", *item.payload});
      // Most have none: a field without a value would cost each record some bytes of Redis.
      for (const auto& [name, value] : {std::pair{"traceparent", &item.trace->traceparent},
                                        std::pair{"tracestate", &item.trace->tracestate}}) {
        if (value->empty()) continue;
        commands.back().emplace_back(name);
        commands.back().push_back(*value);
      }
      after = item.offset + 1;
    }
    commands.push_back({"EXEC"});
    ask_state(commands, key);
  }
  const Result<std::vector<Reply>> replies = redis_.pipeline(commands);
  if (!replies) return replies.error();
  Appended appended;
  std::size_t at = 0;
  for (std::size_t i = 0; i < batches.size(); ++i) {
    const std::span<const Reply> all(*replies);
    const Result<std::int64_t> added =
        read_exec(all.subspan(at, counts[i] + 1), all[at + counts[i] + 1]);
    if (!added) return added.error();
    at += counts[i] + 2;
    const Result<SpillState> state = read_state(all.subspan(at, kStateCommands));
    if (!state) return state.error();
    at += kStateCommands;
    appended.states[batches[i].partition] = *state;
    appended.added += *added;
  }
  return appended;
}

Result<std::vector<SpilledRecord>> RedisSpillLog::read(int partition, std::int64_t from,
                                                       std::size_t max_records) {
  const Result<Reply> reply =
      redis_.command({"XRANGE", spill_stream(topic_, partition), entry_id(from), "+", "COUNT",
                      std::to_string(max_records)});
  if (!reply) return reply.error();
  std::vector<SpilledRecord> records;
  records.reserve(reply->elements.size());
  for (const Reply& entry : reply->elements) {
    Result<SpilledRecord> record = read_entry(entry);
    if (!record) return record.error();
    records.push_back(std::move(*record));
  }
  return records;
}

Result<std::map<int, SpillState>> RedisSpillLog::trim(const std::map<int, std::int64_t>& below) {
  std::vector<Command> commands;
  std::vector<int> partitions;
  for (const auto& [partition, offset] : below) {
    partitions.push_back(partition);
    commands.push_back({"EVAL", kTrim, "1", spill_stream(topic_, partition), entry_id(offset)});
  }
  const Result<std::vector<Reply>> replies = redis_.pipeline(commands);
  if (!replies) return replies.error();
  for (const Reply& reply : *replies) {
    if (reply.type == Reply::Type::error) return reply.as_error();
  }
  return states(partitions);
}

}  // namespace stormlog::pipeline

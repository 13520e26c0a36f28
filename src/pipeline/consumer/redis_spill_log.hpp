#pragma once

#include <string>

#include "common/redis/connection.hpp"
#include "pipeline/consumer/spill_log.hpp"

namespace stormlog::pipeline {

// "stormlog:spill:<topic>:<partition>".
std::string spill_stream(const std::string& topic, int partition);

// SpillLog as one Redis stream for each partition. An entry's id is <offset + 1>-0, so Redis itself
// refuses what is not behind the newest one; its fields are after, ts (Kafka's, in ms; "" without),
// key, id, payload. A batch is one MULTI … EXEC: Redis runs it whole or, out of memory, not at all,
// and a half-written one at the end of the append-only file is dropped when it is loaded. A stream
// that is empty is deleted.
//
// It is as durable as Redis is told to be: with `appendfsync always` an answer means on disk.
//
// Blocking: ConnectOptions' times.
class RedisSpillLog final : public SpillLog {
 public:
  RedisSpillLog(redis::Url url, redis::ConnectOptions options, std::string topic)
      : redis_(std::move(url), options), topic_(std::move(topic)) {}

  Result<std::map<int, SpillState>> states(const std::vector<int>& partitions) override;
  Result<Appended> append(std::span<const PartitionBatch> batches) override;
  Result<std::vector<SpilledRecord>> read(int partition, std::int64_t from,
                                          std::size_t max_records) override;
  Result<std::map<int, SpillState>> trim(const std::map<int, std::int64_t>& below) override;

 private:
  redis::Client redis_;
  std::string topic_;
};

}  // namespace stormlog::pipeline

#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "common/base/clock.hpp"
#include "common/base/result.hpp"
#include "common/kafka/consumer/consumer.hpp"

namespace stormlog::pipeline {

// One record as it was read. Views live until the next poll.
struct SourceRecord {
  int partition = 0;
  std::int64_t offset = 0;
  std::optional<WallTime> timestamp;
  std::string_view key;
  std::string_view payload;
  // The headers of these names, or "".
  std::string_view id;
  std::string_view traceparent;
  std::string_view tracestate;
};

// Where records are read from, as a member of a group: kafka::Consumer, or what a test makes of it.
// The contracts are kafka::Consumer's.
//
// Threads: caller synchronises.
class RecordSource {
 public:
  virtual ~RecordSource() = default;
  virtual Result<std::optional<SourceRecord>> poll(std::chrono::milliseconds timeout) = 0;
  virtual Result<void> start(const kafka::Offsets& offsets) = 0;
  virtual Result<void> pause(const std::vector<int>& partitions) = 0;
  virtual Result<void> pause_all() = 0;
  virtual bool started(int partition) const = 0;
  virtual Result<void> commit(const kafka::Offsets& next_offsets,
                              std::chrono::milliseconds wait) = 0;
  virtual Result<kafka::Offsets> committed(const std::vector<int>& partitions,
                                           std::chrono::milliseconds timeout) const = 0;
  virtual Result<std::map<int, kafka::Watermarks>> watermarks(
      const std::vector<int>& partitions, std::chrono::milliseconds timeout) const = 0;
};

// A kafka::Consumer as a RecordSource.
class KafkaSource final : public RecordSource {
 public:
  explicit KafkaSource(kafka::Consumer& client) : client_(client) {}

  Result<std::optional<SourceRecord>> poll(std::chrono::milliseconds timeout) override;
  Result<void> start(const kafka::Offsets& offsets) override { return client_.start(offsets); }
  Result<void> pause(const std::vector<int>& partitions) override {
    return client_.pause(partitions);
  }
  Result<void> pause_all() override { return client_.pause_all(); }
  bool started(int partition) const override { return client_.started(partition); }
  Result<void> commit(const kafka::Offsets& offsets, std::chrono::milliseconds wait) override {
    return client_.commit(offsets, wait);
  }
  Result<kafka::Offsets> committed(const std::vector<int>& partitions,
                                   std::chrono::milliseconds timeout) const override {
    return client_.committed(partitions, timeout);
  }
  Result<std::map<int, kafka::Watermarks>> watermarks(
      const std::vector<int>& partitions, std::chrono::milliseconds timeout) const override {
    return client_.watermarks(partitions, timeout);
  }

 private:
  kafka::Consumer& client_;
  std::optional<kafka::Message> current_;
};

}  // namespace stormlog::pipeline

#pragma once

#include <string>

#include "common/base/uuid.hpp"

struct rd_kafka_s;
struct rd_kafka_mock_cluster_s;

namespace stormlog::test {

// librdkafka's mock cluster of one broker, with one topic `logs`: groups and offsets as Kafka does
// them, in memory. It outlives the consumers under test, so it can show what they make of being
// killed; it proves nothing about Kafka itself. At most 5 MiB a partition.
//
// Threads: thread-safe.
class MockKafka {
 public:
  explicit MockKafka(int partitions);
  ~MockKafka();
  MockKafka(const MockKafka&) = delete;
  MockKafka& operator=(const MockKafka&) = delete;

  std::string brokers() const;
  // Returns when the record is in the log. Header `id` when given.
  void produce(int partition, const std::string& payload, const std::string& id = "");
  // With the headers of a trace.
  void produce_traced(int partition, const std::string& payload, const std::string& traceparent,
                      const std::string& tracestate);
  void flush();
  // As a broker that does not create topics.
  void topic_missing(bool missing);

 private:
  rd_kafka_s* producer_;
  rd_kafka_mock_cluster_s* cluster_;
};

}  // namespace stormlog::test

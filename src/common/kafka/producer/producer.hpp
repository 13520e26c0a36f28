#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/clock.hpp"
#include "common/base/result.hpp"

namespace stormlog::kafka {

struct ProducerConfig {
  std::string brokers;  // "127.0.0.1:9092,…"
  std::string topic;
  std::string client_id = "stormlog";
  // Waits this long for more records before a request is sent. Raising it makes larger requests
  // and costs as much latency. At 0 requests still grow: while five are under way, records gather.
  std::chrono::microseconds linger{0};
  std::string compression = "lz4";  // none, gzip, snappy, lz4, zstd
  // While Kafka takes long to answer (50 ms and more), records leave over so many connections more,
  // which take turns: see lane_plan.hpp. They wait for a turn, the round trip divided by this
  // number; at 0 for the whole round trip. Each costs four threads that sleep.
  std::int64_t far_connections = 12;
  // How long a record is retried before it is given up. With idempotence a record that is given up
  // leaves a gap in the sequence: keep it large and enforce deadlines outside.
  std::chrono::milliseconds message_timeout{300'000};
  // A request to a broker that is not answered for this long breaks the connection; then it is
  // sent again.
  std::chrono::milliseconds socket_timeout{10'000};
  // More of librdkafka's properties; they win over what is set here.
  std::vector<std::pair<std::string, std::string>> properties;
};

struct RecordHeader {
  std::string_view name;
  std::string_view value;
};

struct Record {
  std::string_view key;  // "" = no key: any partition
  std::string_view value;
  std::span<const RecordHeader> headers;
};

enum class DeliveryStatus {
  acked,    // in Kafka, on as many replicas as the topic demands
  failed,   // not in Kafka
  unknown,  // may be in Kafka; send it again only where a consumer drops doubles
};

// What became of one record.
struct Delivery {
  std::uint64_t token = 0;  // the caller's
  DeliveryStatus status = DeliveryStatus::unknown;
  bool permanent = false;  // failed for what it is: the same record will fail again
  int code = 0;            // of librdkafka; 0 when acked
  Nanoseconds latency{};   // since the hand-over to librdkafka
  std::int32_t partition = -1;
};

// "NOT_LEADER_FOR_PARTITION", "_TIMED_OUT": librdkafka's name of a code.
std::string error_name(int code);

enum class ProduceStatus {
  queued,
  full,         // librdkafka's own queue: put a smaller bound in front of it
  too_large,    // permanent
  unavailable,  // no client at the moment, or the topic is not there: retriable
};

struct ProducerCallbacks {
  // Each record that produce() queued is told once. In batches, on a thread of the producer: hand
  // over and return.
  std::function<void(std::span<const Delivery>)> on_deliveries;
  // No broker is connected. On a thread of the producer.
  std::function<void()> on_brokers_down = [] {};
  // librdkafka failed for good and was replaced by a new client. On a thread of the producer.
  std::function<void(const std::string& reason)> on_rebuilt = [](const std::string&) {};
};

// An idempotent producer (acks=all) to one topic over librdkafka. Records of one key arrive in the
// order of produce(). Starts and stays up without brokers. A fatal error of librdkafka rebuilds the
// client inside: what was under way is reported failed or unknown, what comes next goes to the new
// client.
//
// Threads:  thread-safe.
// Blocking: produce() never. The destructor gives up what is under way, telling each record, and
//           waits for librdkafka's threads (about a second at worst); flush() before to lose
//           nothing.
// Lifetime: the callbacks may be called until the destructor returns.
// Errors:   create() is permanent for a property that librdkafka refuses.
// Source:   librdkafka INTRODUCTION.md, "Idempotent Producer" and "Fatal errors".
class Producer {
 public:
  static Result<std::unique_ptr<Producer>> create(ProducerConfig config,
                                                  ProducerCallbacks callbacks,
                                                  const Clock& clock = SystemClock::instance());
  ~Producer();
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  // Copies the record. Told to on_deliveries when, and only when, the answer is `queued`.
  ProduceStatus produce(const Record& record, std::uint64_t token);
  // The same for records that come together; token and answer of each have its index. Told at once
  // they make fewer and larger requests to Kafka. The order of those with the same key is kept.
  void produce(std::span<const Record> records, std::span<const std::uint64_t> tokens,
               std::span<ProduceStatus> statuses);

  struct InFlight {
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;  // keys and values
    // Age of the record that has waited longest, 0 without records.
    Nanoseconds oldest{};
  };
  InFlight in_flight() const;
  // How often a fatal error made a new client.
  std::uint64_t rebuilds() const;

  // Sends what is held at once and waits until nothing is under way; false at the time-out.
  bool flush(std::chrono::milliseconds timeout);

  // The rd_kafka_t* of the first connection, for librdkafka's test functions; null between two.
  void* native_handle() const;

 private:
  struct Impl;
  explicit Producer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace stormlog::kafka

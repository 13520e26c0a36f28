#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/clock.hpp"
#include "common/base/result.hpp"

struct rd_kafka_message_s;
struct rd_kafka_s;
struct rd_kafka_topic_partition_list_s;

namespace stormlog::kafka {

struct ConsumerConfig {
  std::string brokers;  // "127.0.0.1:9092,127.0.0.1:9093"
  std::string topic;
  std::string group;
  std::string client_id = "stormlog";
  // Static membership: a member that comes back under the same id within session_timeout gets its
  // partitions at once and nobody is rebalanced, but it does not give them up when it ends. Two
  // live members with one id fence each other. Empty = dynamic.  Source: KIP-345.
  std::string instance_id;
  std::chrono::milliseconds session_timeout{6'000};  // the broker's default minimum
  std::chrono::milliseconds heartbeat{1'000};
  std::chrono::milliseconds max_poll_interval{300'000};
  std::string assignor = "range";  // or roundrobin; cooperative-sticky loops in librdkafka 2.0.2
  std::chrono::milliseconds fetch_wait{100};  // the broker's wait for new records
  // Of a partition, in one answer. Records are given in the order of their answers, so that small
  // ones mix the partitions of a backlog; those who work on several at once need that. librdkafka's
  // own default is 1 MiB. A larger batch of records comes whole all the same (KIP-74).
  std::uint64_t fetch_bytes = 64 * 1024;
  std::uint64_t queue_bytes = 32 * 1024 * 1024;
  // How often a missing topic is looked for, and new partitions are noticed.
  std::chrono::milliseconds metadata_refresh{2'000};
  std::vector<std::pair<std::string, std::string>> extra;  // librdkafka's own words; they win
};

// Offsets by partition.
using Offsets = std::map<int, std::int64_t>;

struct Watermarks {
  std::int64_t low = 0;   // the oldest record that is still there
  std::int64_t high = 0;  // where the next record goes
};

// One record. Views live as long as it does.
class Message {
 public:
  explicit Message(rd_kafka_message_s* message) : message_(message) {}
  int partition() const;
  std::int64_t offset() const;
  std::string_view key() const;
  std::string_view payload() const;
  // When the producer (or the broker, as the topic says) stamped it; empty when unknown.
  std::optional<WallTime> timestamp() const;
  std::string_view header(const char* name) const;  // the last of that name, or ""

 private:
  friend class Consumer;
  struct Destroy {
    void operator()(rd_kafka_message_s* message) const;
  };
  std::unique_ptr<rd_kafka_message_s, Destroy> message_;
};

// Told what partitions come and go, within poll() and close().
class RebalanceListener {
 public:
  virtual ~RebalanceListener() = default;
  // Nothing is read from them until start(), which may be called later.
  virtual void on_assigned(const std::vector<int>& partitions) = 0;
  // The last chance to commit. `lost`: somebody else may own them already, so commit nothing.
  virtual void on_revoked(const std::vector<int>& partitions, bool lost) = 0;
};

// A member of a consumer group whose positions its owner keeps: offsets committed to Kafka are
// only a hint for tools.
//
// Partitions are read only between start() and pause(). Both replace the client's assignment with
// explicit offsets. librdkafka's own pause, seek and resume are not used: in 2.0.2 a resume can
// rewind, and a pause drops prefetched records whose position it then has to guess.
//
// Threads:  one thread for all calls, but watermarks(), which any thread may call.
// Blocking: poll(), commit(), committed() and watermarks() at most their time-out; close() at most
//           session_timeout and 4 s, the destructor 2 s more.
// Lifetime: the listener must outlive it; the destructor closes. Messages must not outlive it.
// Errors:   retriable while Kafka or the topic is away, the client goes on by itself; fatal when
//           the client must be closed and made anew; permanent for a bad configuration.
// Source:   librdkafka 2.0.2.
class Consumer {
 public:
  static Result<std::unique_ptr<Consumer>> create(const ConsumerConfig& config,
                                                  RebalanceListener& listener);
  ~Consumer();
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

  // The next record, nothing, or an error. An offset that Kafka does not have is an error with the
  // code _AUTO_OFFSET_RESET and pauses the partition: started() tells.
  Result<std::optional<Message>> poll(std::chrono::milliseconds timeout);

  // Reads these partitions from these offsets on; those already started go on where they were.
  Result<void> start(const Offsets& offsets);
  Result<void> pause(const std::vector<int>& partitions);
  Result<void> pause_all();

  const std::vector<int>& assigned() const { return assigned_; }
  bool started(int partition) const { return positions_.contains(partition); }

  // Tells the group where this member is. Waits for the answer at most `wait`; 0 = does not wait.
  Result<void> commit(const Offsets& next_offsets, std::chrono::milliseconds wait);

  // What the group has committed; a partition of which it never did is left out.
  Result<Offsets> committed(const std::vector<int>& partitions,
                            std::chrono::milliseconds timeout) const;

  Result<std::map<int, Watermarks>> watermarks(const std::vector<int>& partitions,
                                               std::chrono::milliseconds timeout) const;
  Result<Offsets> high_watermarks(const std::vector<int>& partitions,
                                  std::chrono::milliseconds timeout) const;

  // Gives up the partitions, through on_revoked(), and leaves the group.
  void close();

  // A consumer that answers a rebalance; for librdkafka's C callback alone.
  void handle_rebalance(int code, const rd_kafka_topic_partition_list_s* partitions);

 private:
  Consumer(const ConsumerConfig& config, RebalanceListener& listener)
      : config_(config), listener_(listener) {}
  Result<void> apply();
  void unassign();
  Result<Offsets> list_offsets(const std::vector<int>& partitions, std::int64_t which,
                               std::chrono::milliseconds timeout) const;

  struct Destroy {
    void operator()(rd_kafka_s* client) const;
  };

  ConsumerConfig config_;
  RebalanceListener& listener_;
  std::unique_ptr<rd_kafka_s, Destroy> client_;
  std::vector<int> assigned_;
  Offsets positions_;  // started partitions: the next offset that poll() will return
  bool closed_ = false;
  bool left_behind_ = false;  // librdkafka still works on a call: the client is never destroyed
};

}  // namespace stormlog::kafka

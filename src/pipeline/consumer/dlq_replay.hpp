#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/base/clock.hpp"
#include "common/kafka/producer/producer.hpp"
#include "pipeline/consumer/dead_letter_entry.hpp"

namespace stormlog::pipeline {

// What POST /admin/dlq/replay asks for.
struct ReplayRequest {
  static constexpr std::int64_t kMaxLimit = 10'000;

  DeadLetterFilter filter;
  std::string id;  // that letter alone
  bool dry_run = false;
  std::int64_t limit = 1'000;  // letters
  std::int64_t rate_per_second = 1'000;
  std::string after;  // where an earlier call ended
  std::string last;   // and the letter that was the last when the first call began

  // A JSON object of filter, id, dry_run, limit, rate_per_second, cursor; all may be left out.
  // Permanent error that names the member.
  static Result<ReplayRequest> parse(const std::string& body);
  std::string cursor() const { return after + "_" + last; }
};

struct ReplayCounts {
  std::int64_t matched = 0;
  std::int64_t replayed = 0;    // acknowledged by Kafka and gone from the stream
  std::int64_t unreadable = 0;  // no stored form: it would fail again, and has no id to be known by
  std::int64_t failed = 0;      // not in Kafka; still a dead letter
  std::int64_t unknown = 0;     // perhaps in Kafka; still a dead letter, and may be replayed again
};

// Where replayed letters go.
class LetterSender {
 public:
  virtual ~LetterSender() = default;
  // Queues it; `token` comes back from await(). Retriable when no more is taken now.
  virtual Result<void> send(const DeadLetterEntry& letter, std::uint64_t token) = 0;
  // Waits for what was sent, at most so long, and tells what became of it. What is not told is
  // unknown.
  virtual std::map<std::uint64_t, kafka::DeliveryStatus> await(std::chrono::milliseconds most) = 0;
};

// Back to their topic, over a producer that is made when it is first needed. A letter goes through
// the write path again as the event that it was: same key, same payload, same id.
//
// Threads:  one call at a time.
// Blocking: send() never; await() as it is told.
class KafkaLetterSender final : public LetterSender {
 public:
  explicit KafkaLetterSender(kafka::ProducerConfig config) : config_(std::move(config)) {}
  Result<void> send(const DeadLetterEntry& letter, std::uint64_t token) override;
  std::map<std::uint64_t, kafka::DeliveryStatus> await(std::chrono::milliseconds most) override;

 private:
  Result<void> ensure();

  kafka::ProducerConfig config_;
  std::mutex mutex_;
  std::condition_variable told_;
  std::uint64_t round_ = 0;  // outcomes of an earlier one, that come late, are not this one's
  std::size_t waiting_ = 0;
  std::map<std::uint64_t, kafka::DeliveryStatus> outcomes_;
  std::unique_ptr<kafka::Producer> producer_;  // last: its callbacks use what stands above
};

struct ReplayResult {
  ReplayCounts counts;
  bool done = false;  // everything up to request.last was looked at
};

using RedisRoundTrip =
    std::function<Result<std::vector<redis::Reply>>(const std::vector<redis::Command>&)>;

// Replays until `limit` letters have matched, the stream ends, or `time` has passed; moves
// request.after on. A letter leaves the stream only after Kafka has acknowledged it, so nothing is
// lost when anything dies in between; sent twice it is stored once, by its id. What PostgreSQL
// refuses again becomes a new dead letter, behind request.last.
//
// Ends early at the first letter whose outcome is bad or unknown: more would not help it.
// Blocking: about `time`, and kReplayWait for the last acknowledgements.
// Errors:   of Redis. What was sent until then stays a dead letter and may be sent again.
inline constexpr std::chrono::milliseconds kReplayWait{2'000};
Result<ReplayResult> replay(ReplayRequest& request, const std::string& stream,
                            const RedisRoundTrip& redis, LetterSender& sender, const Clock& clock,
                            std::chrono::milliseconds time,
                            const std::function<void(Nanoseconds)>& sleep);

}  // namespace stormlog::pipeline

#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "common/base/clock.hpp"
#include "pipeline/consumer/dead_letter_entry.hpp"
#include "pipeline/consumer/letter_sender.hpp"

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

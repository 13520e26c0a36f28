#include "pipeline/consumer/dlq_replay.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "pipeline/consumer/log_filter.hpp"
#include "pipeline/event/event.hpp"

namespace stormlog::pipeline {
namespace {

using nlohmann::json;

constexpr const char* kPage = "50";  // letters may be a megabyte each

Result<std::int64_t> read_integer(const std::string& name, const json& value, std::int64_t least,
                                  std::int64_t most) {
  // 5.0 is a whole number, too. Source: JSON Schema, "integer".
  if (value.is_number() && value >= least && value <= most &&
      value.get<double>() == std::floor(value.get<double>())) {
    return value.get<std::int64_t>();
  }
  return Error::permanent(name + " must be a whole number from " + std::to_string(least) + " to " +
                          std::to_string(most));
}

Result<void> read_filter(const json& value, DeadLetterFilter& filter) {
  if (!value.is_object()) return Error::permanent("filter must be an object");
  for (const auto& [name, member] : value.items()) {
    std::string text;
    if (name == "partition") {
      const Result<std::int64_t> number =
          read_integer("filter.partition", member, 0, std::numeric_limits<int>::max());
      if (!number) return number.error();
      text = std::to_string(*number);
    } else if (member.is_string()) {
      text = member.get<std::string>();
    } else {
      return Error::permanent("filter." + name + " must be text");
    }
    const Result<bool> known = filter.read(name, text);
    if (!known) return known.error().in("filter");
    if (!*known) {
      return Error::permanent("unknown member filter." + name + "; there are " +
                              DeadLetterFilter::kNames);
    }
  }
  return {};
}

Result<void> read_cursor(const json& value, ReplayRequest& request) {
  const std::string text = value.is_string() ? value.get<std::string>() : "";
  const std::size_t bar = text.find('_');
  if (bar != std::string::npos) {
    request.after = text.substr(0, bar);
    request.last = text.substr(bar + 1);
  }
  if (!is_stream_id(request.after) || !is_stream_id(request.last)) {
    return Error::permanent("cursor is not one that next_cursor gave; leave it out to begin anew");
  }
  return {};
}

Result<void> read_member(const std::string& name, const json& value, ReplayRequest& request) {
  if (name == "filter") return read_filter(value, request.filter);
  if (name == "cursor") return read_cursor(value, request);
  if (name == "dry_run") {
    if (!value.is_boolean()) return Error::permanent("dry_run must be true or false");
    request.dry_run = value.get<bool>();
    return {};
  }
  if (name == "id") {
    request.id = value.is_string() ? value.get<std::string>() : "";
    if (!is_stream_id(request.id)) {
      return Error::permanent("id must be a letter's id like \"1769860800500-0\"");
    }
    return {};
  }
  if (name == "limit" || name == "rate_per_second") {
    const bool limit = name == "limit";
    const Result<std::int64_t> number =
        read_integer(name, value, 1, limit ? ReplayRequest::kMaxLimit : 100'000);
    if (!number) return number.error();
    (limit ? request.limit : request.rate_per_second) = *number;
    return {};
  }
  return Error::permanent("unknown member \"" + name +
                          "\"; there are filter, id, dry_run, limit, rate_per_second, cursor");
}

}  // namespace

Result<ReplayRequest> ReplayRequest::parse(const std::string& body) {
  const json document = json::parse(body, nullptr, false);
  if (!document.is_object()) {
    return Error::permanent("the body must be a JSON object; {} means all letters");
  }
  ReplayRequest request;
  for (const auto& [name, value] : document.items()) {
    if (Result<void> read = read_member(name, value, request); !read) return read.error();
  }
  return request;
}

namespace {

class Replay {
 public:
  Replay(ReplayRequest& request, const std::string& stream, const RedisRoundTrip& redis,
         LetterSender& sender)
      : request_(request), stream_(stream), redis_(redis), sender_(sender) {}

  // The letters that come next.
  Result<std::vector<DeadLetterEntry>> page() {
    if (request_.last.empty()) {
      const Result<redis::Reply> newest = call({"XREVRANGE", stream_, "+", "-", "COUNT", "1"});
      if (!newest) return newest.error();
      if (newest->elements.empty()) return std::vector<DeadLetterEntry>();
      request_.last = DeadLetterEntry::from(newest->elements[0]).stream_id;
    }
    std::string from = request_.after.empty() ? "-" : "(" + request_.after;
    std::string to = request_.last;
    if (!request_.id.empty()) {
      if (!request_.after.empty()) return std::vector<DeadLetterEntry>();
      from = to = request_.id;
    }
    const Result<redis::Reply> found = call({"XRANGE", stream_, from, to, "COUNT", kPage});
    if (!found) return found.error();
    std::vector<DeadLetterEntry> letters;
    for (const redis::Reply& entry : found->elements)
      letters.push_back(DeadLetterEntry::from(entry));
    return letters;
  }

  // False where it has to end.
  bool send(DeadLetterEntry&& letter) {
    if (!decode_stored(letter.payload).ok()) {
      ++counts_.unreadable;
      return true;
    }
    const Result<void> sent = sender_.send(letter, sent_.size());
    if (!sent) {
      ++counts_.failed;
      return sent.error().kind == ErrorKind::permanent;
    }
    sent_.push_back(std::move(letter.stream_id));
    return true;
  }

  // Removes what Kafka has acknowledged. False where it has to end.
  Result<bool> settle() {
    if (sent_.empty()) return true;
    const auto outcomes = sender_.await(kReplayWait);
    redis::Command remove = {"XDEL", stream_};
    bool good = true;
    for (std::size_t i = 0; i < sent_.size(); ++i) {
      const auto outcome = outcomes.find(i);
      if (outcome != outcomes.end() && outcome->second == kafka::DeliveryStatus::acked) {
        remove.push_back(sent_[i]);
        continue;
      }
      good = false;
      const bool failed =
          outcome != outcomes.end() && outcome->second == kafka::DeliveryStatus::failed;
      ++(failed ? counts_.failed : counts_.unknown);
    }
    sent_.clear();
    if (remove.size() == 2) return good;
    const Result<redis::Reply> removed = call(remove);
    if (!removed) return removed.error();
    counts_.replayed += static_cast<std::int64_t>(remove.size()) - 2;
    return good;
  }

  ReplayCounts& counts() { return counts_; }

 private:
  Result<redis::Reply> call(const redis::Command& command) {
    Result<std::vector<redis::Reply>> replies = redis_({command});
    if (!replies) return replies.error();
    if (replies->front().type == redis::Reply::Type::error) return replies->front().as_error();
    return std::move(replies->front());
  }

  ReplayRequest& request_;
  const std::string& stream_;
  const RedisRoundTrip& redis_;
  LetterSender& sender_;
  std::vector<std::string> sent_;  // by token
  ReplayCounts counts_;
};

}  // namespace

Result<ReplayResult> replay(ReplayRequest& request, const std::string& stream,
                            const RedisRoundTrip& redis, LetterSender& sender, const Clock& clock,
                            std::chrono::milliseconds time,
                            const std::function<void(Nanoseconds)>& sleep) {
  Replay work(request, stream, redis, sender);
  const MonotonicTime deadline = clock.now() + time;
  const Nanoseconds pause = Nanoseconds{std::chrono::seconds{1}} / request.rate_per_second;
  MonotonicTime next_send = clock.now();
  for (bool go_on = true; go_on && work.counts().matched < request.limit;) {
    Result<std::vector<DeadLetterEntry>> letters = work.page();
    if (!letters) return letters.error();
    if (letters->empty()) return ReplayResult{work.counts(), true};
    for (DeadLetterEntry& letter : *letters) {
      go_on = clock.now() < deadline && work.counts().matched < request.limit;
      if (!go_on) break;
      const std::string id = letter.stream_id;
      if (request.filter.matches(letter)) {
        ++work.counts().matched;
        if (!request.dry_run) {
          if (clock.now() < next_send) sleep(next_send - clock.now());
          next_send = std::max(next_send, clock.now()) + pause;
          go_on = work.send(std::move(letter));
        }
      }
      request.after = id;
      if (!go_on) break;
    }
    const Result<bool> settled = work.settle();
    if (!settled) return settled.error();
    go_on = go_on && *settled;
  }
  return ReplayResult{work.counts(), false};
}

}  // namespace stormlog::pipeline

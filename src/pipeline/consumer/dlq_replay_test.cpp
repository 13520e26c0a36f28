#include "pipeline/consumer/dlq_replay.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace stormlog::pipeline {
namespace {

using namespace std::chrono_literals;
using kafka::DeliveryStatus;
using testing::ElementsAre;
using testing::HasSubstr;

std::string stored(int n) {
  return R"({"v":1,"id":"018f2f0e-7a3b-7c4d-8e5f-00000000000)" + std::to_string(n % 10) +
         R"(","timestamp":1,"observed_timestamp":1,"service":"s","body":"b"})";
}

// A stream of Redis, as far as it is used.
class FakeStream {
 public:
  void add(const std::string& id, const std::string& payload, const std::string& code = "23514",
           int partition = 0) {
    entries_.emplace_back(id, std::vector<std::string>{
                                  "id", "e" + id, "code", code, "reason", "because of " + code,
                                  "partition", std::to_string(partition), "offset", "7", "key", "k",
                                  "failed_at", "2026-01-31T12:00:00.000Z", "payload", payload});
  }
  std::vector<std::string> ids() const {
    std::vector<std::string> ids;
    for (const auto& [id, fields] : entries_) ids.push_back(id);
    return ids;
  }
  Result<std::vector<redis::Reply>> ask(const std::vector<redis::Command>& commands) {
    if (away) return Error::retriable("away", std::string(redis::kConnectionCode));
    const redis::Command& command = commands.at(0);
    redis::Reply reply;
    if (command[0] == "XDEL") {
      for (std::size_t i = 2; i < command.size(); ++i) {
        std::erase_if(entries_, [&](const auto& entry) { return entry.first == command[i]; });
      }
    } else if (command[0] == "XREVRANGE") {
      if (!entries_.empty()) reply.elements.push_back(element(entries_.back()));
    } else {
      for (const auto& entry : entries_) {
        const std::string& from = command[2];
        const bool above =
            from == "-" || (from[0] == '(' ? number(entry.first) > number(from.substr(1))
                                           : number(entry.first) >= number(from));
        if (above && number(entry.first) <= number(command[3]) &&
            reply.elements.size() < std::stoul(command[5])) {
          reply.elements.push_back(element(entry));
        }
      }
    }
    return std::vector<redis::Reply>{reply};
  }
  bool away = false;

 private:
  static int number(const std::string& id) { return std::stoi(id); }
  static redis::Reply element(const std::pair<std::string, std::vector<std::string>>& entry) {
    const auto text = [](const std::string& value) {
      return redis::Reply{redis::Reply::Type::text, 0, value, {}};
    };
    redis::Reply fields;
    for (const std::string& field : entry.second) fields.elements.push_back(text(field));
    return {redis::Reply::Type::array, 0, "", {text(entry.first), fields}};
  }
  std::vector<std::pair<std::string, std::vector<std::string>>> entries_;
};

class FakeSender final : public LetterSender {
 public:
  Result<void> send(const DeadLetterEntry& letter, std::uint64_t token) override {
    if (full) return Error::retriable("full");
    sent.push_back(letter.stream_id);
    const auto fate = fates.find(letter.stream_id);
    if (fate == fates.end()) {
      outcomes[token] = DeliveryStatus::acked;
    } else if (fate->second) {
      outcomes[token] = *fate->second;
    }
    return {};
  }
  std::map<std::uint64_t, DeliveryStatus> await(std::chrono::milliseconds) override {
    if (on_await) on_await();
    return std::exchange(outcomes, {});
  }
  std::vector<std::string> sent;
  std::map<std::string, std::optional<DeliveryStatus>> fates;  // empty: never told
  std::map<std::uint64_t, DeliveryStatus> outcomes;
  std::function<void()> on_await;
  bool full = false;
};

class ReplayTest : public testing::Test {
 protected:
  ReplayTest() {
    for (int i = 1; i <= 5; ++i) stream.add(std::to_string(i) + "-0", stored(i));
  }
  Result<ReplayResult> run() {
    return replay(
        request, "dlq", [this](const std::vector<redis::Command>& c) { return stream.ask(c); },
        sender, clock, 5s, [this](Nanoseconds pause) { clock.advance(pause); });
  }
  FakeStream stream;
  FakeSender sender;
  ManualClock clock;
  ReplayRequest request;
};

TEST_F(ReplayTest, WhatKafkaHasLeavesTheStream) {
  const auto result = run();
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result->done);
  EXPECT_EQ(result->counts.matched, 5);
  EXPECT_EQ(result->counts.replayed, 5);
  EXPECT_TRUE(stream.ids().empty());
}

TEST_F(ReplayTest, WhatIsNotAcknowledgedStaysAndEndsTheReplay) {
  sender.fates = {{"2-0", DeliveryStatus::failed}, {"4-0", std::nullopt}};
  const auto result = run();
  EXPECT_EQ(result->counts.replayed, 3);
  EXPECT_EQ(result->counts.failed, 1);
  EXPECT_EQ(result->counts.unknown, 1);
  EXPECT_FALSE(result->done);
  EXPECT_THAT(stream.ids(), ElementsAre("2-0", "4-0"));
}

TEST_F(ReplayTest, RedisGoneAfterTheAcknowledgementLosesNothing) {
  sender.on_await = [this] { stream.away = true; };
  EXPECT_FALSE(run().ok());
  stream.away = false;
  EXPECT_EQ(stream.ids().size(), 5u);  // sent again they are the same events
}

TEST_F(ReplayTest, ADryRunSendsNothing) {
  request.dry_run = true;
  request.filter.code = "23514";
  EXPECT_EQ(run()->counts.matched, 5);
  EXPECT_TRUE(sender.sent.empty());
  EXPECT_EQ(stream.ids().size(), 5u);
}

TEST_F(ReplayTest, TakesOnlyWhatTheFilterMeans) {
  stream.add("6-0", stored(6), "22P05", 3);
  stream.add("7-0", "not an event", "decode");
  request.filter.partition = 3;
  EXPECT_EQ(run()->counts.replayed, 1);
  EXPECT_THAT(sender.sent, ElementsAre("6-0"));
  request = {};
  request.filter.reason = "of decode";
  const auto unreadable = run();
  EXPECT_EQ(unreadable->counts.unreadable, 1);
  EXPECT_THAT(stream.ids(), testing::Contains("7-0"));
  request = {};
  request.id = "3-0";
  EXPECT_EQ(run()->counts.replayed, 1);
  EXPECT_THAT(sender.sent, ElementsAre("6-0", "3-0"));
}

TEST_F(ReplayTest, LettersThatComeBackAreNotSentRoundAndRound) {
  request.limit = 2;
  sender.on_await = [this] { stream.add("9-0", stored(9)); };
  EXPECT_FALSE(run()->done);
  sender.on_await = nullptr;
  const auto again = ReplayRequest::parse(R"({"cursor":")" + request.cursor() + R"("})");
  ASSERT_TRUE(again.ok()) << again.error().message;
  request = *again;
  const auto rest = run();
  EXPECT_TRUE(rest->done);
  EXPECT_EQ(rest->counts.replayed, 3);
  EXPECT_THAT(stream.ids(), ElementsAre("9-0"));
}

TEST_F(ReplayTest, TheRateIsKeptAndTheTimeBounded) {
  request.rate_per_second = 2;
  const MonotonicTime begin = clock.now();
  EXPECT_EQ(run()->counts.replayed, 5);
  EXPECT_EQ(clock.now() - begin, 2s);
  for (int i = 20; i < 40; ++i) stream.add(std::to_string(i) + "-0", stored(i));
  request = {};
  request.rate_per_second = 1;
  const auto result = run();
  EXPECT_FALSE(result->done);
  EXPECT_EQ(result->counts.replayed, 6);
}

TEST_F(ReplayTest, AFullQueueEndsIt) {
  sender.full = true;
  const auto result = run();
  EXPECT_EQ(result->counts.failed, 1);
  EXPECT_EQ(stream.ids().size(), 5u);
}

TEST(ReplayRequest, NamesWhatIsWrong) {
  const auto error = [](const std::string& body) {
    const auto parsed = ReplayRequest::parse(body);
    EXPECT_FALSE(parsed.ok()) << body;
    return parsed.ok() ? "" : parsed.error().message;
  };
  EXPECT_THAT(error(""), HasSubstr("JSON object"));
  EXPECT_THAT(error("[]"), HasSubstr("JSON object"));
  EXPECT_THAT(error(R"({"limit":0})"), HasSubstr("limit must be"));
  EXPECT_THAT(error(R"({"limit":18446744073709551615})"), HasSubstr("limit must be"));
  EXPECT_THAT(error(R"({"rate_per_second":1.5})"), HasSubstr("rate_per_second must be"));
  EXPECT_THAT(error(R"({"dry_run":"yes"})"), HasSubstr("dry_run must be"));
  EXPECT_THAT(error(R"({"cursor":"1-0"})"), HasSubstr("cursor"));
  EXPECT_THAT(error(R"({"id":"x"})"), HasSubstr("id must be"));
  EXPECT_THAT(error(R"({"filter":{"partition":-1}})"), HasSubstr("partition must be"));
  EXPECT_THAT(error(R"({"filter":{"partition":"3"}})"), HasSubstr("partition must be"));
  EXPECT_THAT(error(R"({"filter":{"reason":3}})"), HasSubstr("filter.reason must be text"));
  EXPECT_THAT(error(R"({"filter":{"colour":"red"}})"), HasSubstr("filter.colour"));
  EXPECT_THAT(error(R"({"filter":{"reason":"\u0000"}})"), HasSubstr("reason must not hold a NUL"));
  EXPECT_THAT(error(R"({"filter":{"since":"now"}})"), HasSubstr("since must be a time"));
  EXPECT_THAT(error(R"({"all":true})"), HasSubstr("unknown member \"all\""));
  const auto good = ReplayRequest::parse(
      R"({"filter":{"code":"22P05","partition":3,"since":"2026-01-31T12:00:00Z"},"limit":5.0})");
  ASSERT_TRUE(good.ok());
  EXPECT_EQ(good->filter.partition, 3);
  EXPECT_EQ(good->limit, 5);
}

TEST(DeadLetterEntry, BytesThatAreNoTextAreToldAsBase64) {
  DeadLetterEntry letter;
  letter.stream_id = "1-0";
  letter.payload = std::string("\xFF\x00z", 3);
  letter.key = "ü";
  const auto json = nlohmann::json::parse(letter.to_json(true));
  EXPECT_EQ(json["payload_base64"], "/wB6");
  EXPECT_FALSE(json.contains("payload"));
  EXPECT_EQ(json["key"], "ü");
  EXPECT_TRUE(json["event_id"].is_null());
  EXPECT_FALSE(nlohmann::json::parse(letter.to_json(false)).contains("payload_base64"));
}

TEST(DeadLetterFilter, Times) {
  DeadLetterEntry letter;
  letter.failed_at = "2026-01-31T12:00:00.500Z";
  DeadLetterFilter filter;
  ASSERT_TRUE(filter.read("since", "2026-01-31T12:00:00.5Z").ok());
  EXPECT_TRUE(filter.matches(letter));
  ASSERT_TRUE(filter.read("until", "2026-01-31T12:00:00.5Z").ok());
  EXPECT_FALSE(filter.matches(letter));
}

TEST(StreamId, IsTwoNumbers) {
  EXPECT_TRUE(is_stream_id("1700000000000-0"));
  for (const char* bad :
       {"", "-", "1-", "-1", "1", "1-a", "1-0-0", "+", "12345678901234567890-0"}) {
    EXPECT_FALSE(is_stream_id(bad)) << bad;
  }
}

}  // namespace
}  // namespace stormlog::pipeline

// Whatever is killed, and when: in the end each record is a row once, or a dead letter once.

#include <atomic>
#include <map>
#include <thread>

#include "common/base/random.hpp"
#include "process_fixture.hpp"

namespace stormlog {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::kLong;
using testing::HasSubstr;

class Consumer : public test::ConsumerProcess {};

TEST_F(Consumer, KilledAtAnyMomentItNeitherLosesNorDoubles) {
  constexpr std::uint32_t kEvents = 6'000;
  Random random(20260131);
  std::thread source([&] {
    for (std::uint32_t i = 0; i < kEvents; i += 20) {
      produce(i, i + 20);
      std::this_thread::sleep_for(60ms);  // the records keep coming through all the kills
    }
  });
  Process process = start();
  for (int kill = 0; kill < 4; ++kill) {
    const std::int64_t goal =
        std::max<std::int64_t>(0, rows()) + 1 + static_cast<std::int64_t>(random.below(400));
    EXPECT_TRUE(eventually([&] { return rows() >= goal || rows() == kEvents; }, kLong));
    std::this_thread::sleep_for(std::chrono::microseconds{random.below(30'000)});
    process.child->kill9();
    process = start();
  }
  source.join();
  EXPECT_TRUE(eventually([&] { return rows() == kEvents && lag(process) == 0.0; }, kLong));
  expect_exactly(kEvents);
  stop(process);
}

TEST_F(Consumer, AStoppedOneIsFencedWhenItWakesUp) {
  produce(0, 400);
  Process first = start();
  ASSERT_TRUE(eventually([&] { return rows() == 400; }, kLong));
  first.child->signal(SIGSTOP);
  produce(400, 800);
  Process second = start();
  ASSERT_TRUE(eventually([&] { return rows() == 800; }, kLong));
  first.child->signal(SIGCONT);
  produce(800, 1'200);
  EXPECT_TRUE(eventually([&] { return rows() == 1'200; }, kLong));
  expect_exactly(1'200);
  stop(first);
  stop(second);
}

TEST_F(Consumer, PostgresqlKilledInTheMiddleCostsTimeAndNothingElse) {
  produce(0, 500);
  Process process = start();
  ASSERT_TRUE(eventually([&] { return lag(process) == 0.0; }, kLong));
  const std::string one = process.url("/api/v1/logs/" + test::event_id(7).to_string());
  ASSERT_TRUE(eventually([&] { return get(one).body.find("\"redis\"") != std::string::npos; }));

  postgres_->kill9();
  produce(500, 1'000);
  EXPECT_TRUE(eventually([&] { return breaker_is(process, "postgresql", "open"); }));
  EXPECT_EQ(get(process.url("/livez")).status, 200);
  EXPECT_EQ(get(process.url("/readyz")).status, 200);
  // Reads: from Redis, saying so.
  EXPECT_TRUE(eventually([&] {
    const auto answer = nlohmann::json::parse(get(one).body, nullptr, false);
    return answer.is_object() && answer.value("degraded", false) && answer["source"] == "redis";
  }));
  const auto page = nlohmann::json::parse(get(process.url("/api/v1/logs?limit=5")).body);
  ASSERT_EQ(page["logs"].size(), 5u);
  EXPECT_EQ(page["degraded"], true);
  EXPECT_EQ(page["source"], "redis");
  EXPECT_EQ(page["logs"][0]["attributes"]["seq"], 499);
  const auto second = nlohmann::json::parse(
      get(process.url("/api/v1/logs?limit=5&cursor=" + std::string(page["next_cursor"]))).body);
  EXPECT_EQ(second["logs"][0]["attributes"]["seq"], 494);
  const auto found =
      nlohmann::json::parse(get(process.url("/api/v1/logs?service=test&attr.seq=123")).body);
  ASSERT_EQ(found["logs"].size(), 1u);
  EXPECT_EQ(found["logs"][0]["attributes"]["seq"], 123);
  EXPECT_THAT(metrics(process), HasSubstr("log_reads_degraded_total"));
  // What the cache does not have is not known now; an empty list would say that it is not there.
  const http::FetchResponse list = get(process.url("/api/v1/logs?service=other"));
  EXPECT_EQ(list.status, 503);
  EXPECT_TRUE(list.headers.has("Retry-After"));
  EXPECT_THAT(std::string(list.headers.get("Content-Type")), HasSubstr("application/problem+json"));
  EXPECT_TRUE(eventually([&] { return lag(process) == 500.0; }));

  postgres_->start();
  EXPECT_TRUE(eventually([&] { return lag(process) == 0.0; }, kLong));
  EXPECT_TRUE(eventually([&] { return breaker_is(process, "postgresql", "closed"); }));
  expect_exactly(1'000);
  stop(process);
}

TEST_F(Consumer, WhatIsSpilledSurvivesWhoeverIsKilled) {
  produce(0, 400);
  Process process = start();
  ASSERT_TRUE(eventually([&] { return lag(process) == 0.0; }, kLong));
  EXPECT_TRUE(mode_is(process, "normal"));

  postgres_->kill9();
  produce(400, 800);
  ASSERT_TRUE(eventually([&] { return spilled() == 400; }, kLong));
  EXPECT_TRUE(eventually([&] { return mode_is(process, "cache_only"); }));
  // Safe, but not stored: it is still lag.
  EXPECT_TRUE(eventually([&] { return lag(process) == 400.0; }));
  // Known by id before PostgreSQL has it.
  const std::string one = process.url("/api/v1/logs/" + test::event_id(500).to_string());
  EXPECT_TRUE(eventually([&] { return get(one).body.find("\"redis\"") != std::string::npos; }));

  process.child->kill9();
  produce(800, 1'000);
  process = start();
  ASSERT_TRUE(eventually([&] { return spilled() == 600; }, kLong));
  EXPECT_EQ(lag(process), std::nullopt);  // nobody can tell it what is stored

  redis_.kill9();
  produce(1'000, 1'100);
  EXPECT_TRUE(eventually([&] { return mode_is(process, "paused"); }));
  redis_.start();
  ASSERT_TRUE(eventually([&] { return spilled() == 700; }, kLong));

  redis_.kill9();
  process.child->kill9();
  produce(1'100, 1'200);
  redis_.start();
  process = start();
  ASSERT_TRUE(eventually([&] { return spilled() == 800; }, kLong));

  postgres_->start();
  EXPECT_TRUE(eventually([&] { return lag(process) == 0.0; }, kLong));
  EXPECT_TRUE(eventually([&] { return mode_is(process, "normal"); }));
  EXPECT_TRUE(breaker_is(process, "postgresql", "closed"));
  EXPECT_TRUE(eventually([&] { return spilled() == 0; }));
  expect_exactly(1'200);
  stop(process);
}

TEST_F(Consumer, KilledInTheMiddleOfTheDrainAnotherOneGoesOn) {
  produce(0, 400);
  Process process = start({"--drain-rate=400", "--batch-rows=50"});
  ASSERT_TRUE(eventually([&] { return lag(process) == 0.0; }, kLong));
  postgres_->kill9();
  produce(400, 2'000);
  ASSERT_TRUE(eventually([&] { return spilled() == 1'600; }, kLong));
  postgres_->start();
  ASSERT_TRUE(eventually([&] { return rows() > 600; }, kLong));
  EXPECT_TRUE(mode_is(process, "draining"));
  process.child->kill9();
  produce(2'000, 2'100);
  process = start();
  EXPECT_TRUE(eventually([&] { return lag(process) == 0.0; }, kLong));
  EXPECT_TRUE(eventually([&] { return spilled() == 0; }));
  expect_exactly(2'100);
  stop(process);
}

TEST_F(Consumer, ThoseThatJoinLeaveAndDieTakeOverFromEachOther) {
  constexpr std::uint32_t kEvents = 8'000;
  std::thread source([&] {
    for (std::uint32_t i = 0; i < kEvents; i += 20) {
      produce(i, i + 20);
      std::this_thread::sleep_for(60ms);  // the records keep coming through all of it
    }
  });
  const auto has = [](const Process& process, int partitions) {
    return metrics(process).find("consumer_assigned_partitions " + std::to_string(partitions) +
                                 "\n") != std::string::npos;
  };
  Process first = start();
  EXPECT_TRUE(eventually([&] { return rows() > 100; }, kLong));
  Process second = start();
  EXPECT_TRUE(eventually([&] { return has(first, 2) && has(second, 2); }, kLong));
  first.child->kill9();
  EXPECT_TRUE(eventually([&] { return has(second, 4); }, kLong));
  Process third = start();
  EXPECT_TRUE(eventually([&] { return has(second, 2) && has(third, 2); }, kLong));

  // The same while PostgreSQL is away.
  postgres_->kill9();
  EXPECT_TRUE(eventually([&] { return mode_is(second, "cache_only"); }, kLong));
  EXPECT_TRUE(eventually([&] { return mode_is(third, "cache_only"); }, kLong));
  stop(second);
  EXPECT_TRUE(eventually([&] { return has(third, 4); }, kLong));
  const std::int64_t before = spilled();
  EXPECT_TRUE(eventually([&] { return spilled() > before + 100; }, kLong));
  Process fourth = start();
  EXPECT_TRUE(eventually([&] { return has(third, 2) && has(fourth, 2); }, kLong));
  third.child->kill9();
  postgres_->start();
  source.join();
  EXPECT_TRUE(eventually([&] { return rows() == kEvents && lag(fourth) == 0.0; }, kLong));
  EXPECT_TRUE(eventually([&] { return spilled() == 0; }));
  expect_exactly(kEvents);
  stop(fourth);
}

TEST_F(Consumer, BeyondTheBoundKafkaKeepsTheRest) {
  produce(0, 400);
  Process process = start({"--spill-bytes=256KiB", "--batch-rows=100"});
  ASSERT_TRUE(eventually([&] { return lag(process) == 0.0; }, kLong));
  postgres_->kill9();
  produce(400, 3'400);
  ASSERT_TRUE(eventually([&] { return spilled() > 0 && mode_is(process, "paused"); }, kLong));
  const std::int64_t full = spilled();
  EXPECT_LT(full, 3'000);
  EXPECT_THAT(metrics(process), HasSubstr("consumer_spill_refused_total{reason=\"full\"}"));
  postgres_->start();
  EXPECT_TRUE(eventually([&] { return lag(process) == 0.0; }, kLong));
  EXPECT_TRUE(eventually([&] { return spilled() == 0; }));
  expect_exactly(3'400);
  stop(process);
}

TEST_F(Consumer, PoisonGoesToTheDeadLettersEvenWhileRedisIsAway) {
  Process process = start();
  ASSERT_TRUE(eventually([&] { return lag(process) == 0.0; }, kLong));
  ASSERT_TRUE(db().script("ALTER TABLE logs ADD CHECK (body <> 'poison')").ok());
  redis_.kill9();
  produce(0, 100);
  kafka_.produce(0, test::stored_event(100, "poison"));
  kafka_.produce(1, "not an event", "018f2f0e-0000-7000-8000-000000000000");
  produce(101, 201);
  ASSERT_TRUE(eventually([&] { return rows() == 200; }, kLong));
  EXPECT_TRUE(eventually([&] { return lag(process) == 0.0; }));
  EXPECT_EQ(number("SELECT count(*) FROM dead_letters"), 2);
  EXPECT_TRUE(breaker_is(process, "postgresql", "closed"));

  redis_.start();
  EXPECT_TRUE(eventually([&] { return number("SELECT count(*) FROM dead_letters") == 0; }));
  redis::Client client(*redis::Url::parse(redis_.url()));
  const Result<redis::Reply> letters = client.command({"XRANGE", "stormlog:dlq:logs", "-", "+"});
  ASSERT_TRUE(letters.ok());
  ASSERT_EQ(letters->elements.size(), 2u);
  std::map<std::string, std::map<std::string, std::string>> by_code;
  for (const redis::Reply& entry : letters->elements) {
    std::map<std::string, std::string> fields;
    const std::vector<redis::Reply>& flat = entry.elements[1].elements;
    for (std::size_t i = 0; i + 1 < flat.size(); i += 2) fields[flat[i].text] = flat[i + 1].text;
    by_code[fields["code"]] = fields;
  }
  EXPECT_EQ(by_code["23514"]["id"], test::event_id(100).to_string());
  EXPECT_EQ(by_code["23514"]["payload"], test::stored_event(100, "poison"));
  EXPECT_EQ(by_code["23514"]["partition"], "0");
  EXPECT_EQ(by_code["decode"]["payload"], "not an event");
  EXPECT_EQ(by_code["decode"]["id"], "018f2f0e-0000-7000-8000-000000000000");
  EXPECT_THAT(by_code["decode"]["reason"], HasSubstr("stored form"));
  // The marks go after the rows.
  EXPECT_TRUE(eventually([&] {
    return client.command({"EXISTS", "stormlog:dlq-marks:logs"})->integer == 0;
  }));
  stop(process);
}

TEST_F(Consumer, StartsWhileEverythingIsAwayAndKnowsNoLagUntilItHasPartitions) {
  kafka_.topic_missing(true);
  redis_.kill9();
  postgres_->stop();
  Process process = start();
  EXPECT_EQ(lag(process), std::nullopt);
  EXPECT_THAT(metrics(process), HasSubstr("consumer_assigned_partitions 0"));
  EXPECT_EQ(get(process.url("/api/v1/logs")).status, 503);
  EXPECT_TRUE(process.child->running());
  kafka_.topic_missing(false);
  produce(0, 100);
  // Assigned, but what is stored is not known: still no lag.
  EXPECT_TRUE(eventually(
      [&] { return metrics(process).find("consumer_assigned_partitions 4") != std::string::npos; },
      kLong));
  EXPECT_EQ(lag(process), std::nullopt);
  postgres_->start();
  redis_.start();
  EXPECT_TRUE(eventually([&] { return lag(process) == 0.0; }, kLong));
  expect_exactly(100);
  stop(process);
}

TEST_F(Consumer, StoppedItStoresWhatItHolds) {
  produce(0, 100);
  Process process = start({"--batch-linger=1m"});
  // Nothing is due for a minute: what was read waits in memory.
  ASSERT_TRUE(eventually([&] { return lag(process) == 100.0; }, kLong));
  std::this_thread::sleep_for(1s);
  EXPECT_EQ(rows(), 0);
  stop(process);
  expect_exactly(100);
}

TEST_F(Consumer, AnswersQueries) {
  produce(0, 30);
  Process process = start();
  ASSERT_TRUE(eventually([&] { return lag(process) == 0.0; }, kLong));
  EXPECT_EQ(rows(), 30);
  const auto page =
      nlohmann::json::parse(get(process.url("/api/v1/logs?limit=20&service=test")).body);
  ASSERT_EQ(page["logs"].size(), 20u);
  EXPECT_EQ(page["logs"][0]["attributes"]["seq"], 29);
  EXPECT_EQ(page["degraded"], false);
  const std::string next = page["next_cursor"];
  const auto rest = nlohmann::json::parse(
      get(process.url("/api/v1/logs?limit=20&service=test&cursor=" + next)).body);
  ASSERT_EQ(rest["logs"].size(), 10u);
  EXPECT_EQ(rest["logs"][9]["attributes"]["seq"], 0);
  EXPECT_TRUE(rest["next_cursor"].is_null());
  EXPECT_EQ(
      nlohmann::json::parse(get(process.url("/api/v1/logs?severity=ERROR")).body)["logs"].size(),
      0u);
  const http::FetchResponse bad = get(process.url("/api/v1/logs?limit=0"));
  EXPECT_EQ(bad.status, 400);
  EXPECT_THAT(bad.body, HasSubstr("limit must be 1 to 1000"));
  EXPECT_EQ(get(process.url("/api/v1/logs/" + test::event_id(77).to_string())).status, 404);
  EXPECT_EQ(get(process.url("/api/v1/logs/77")).status, 400);

  // The cache does not survive this; the table does.
  redis_.kill9();
  const auto cold =
      nlohmann::json::parse(get(process.url("/api/v1/logs/" + test::event_id(3).to_string())).body);
  EXPECT_EQ(cold["source"], "postgresql");
  EXPECT_EQ(cold["log"]["id"], test::event_id(3).to_string());
  EXPECT_EQ(cold["log"]["body"], "hello");

  const std::string text = metrics(process);
  for (const char* name :
       {"log_events_processed 30", "pg_rows_total{result=\"inserted\"} 30", "rebalances_total",
        "pg_flush_seconds_count", "redis_op_seconds_count{op=\"cache_set\"}", "cache_misses_total",
        "dlq_depth", "event_e2e_seconds_count", "consumer_lag_seconds",
        "resilience4j_circuitbreaker_state{"}) {
    EXPECT_THAT(text, HasSubstr(name));
  }
  stop(process);
}

}  // namespace
}  // namespace stormlog

// The generator against a server that answers as badly as it gets. Its schedule must not bend, its
// ledger must say what is known and no more.
#include "chaos/load/load.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "chaos/ledger/ledger.hpp"
#include "chaos/load/fake_server_test_support.hpp"
#include "chaos/load/schedule.hpp"

namespace stormlog::chaos {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::FakeServer;
using ::testing::HasSubstr;

// Holds the answers of a server back until it is opened. Lives longer than the server.
class Gate {
 public:
  void wait() {
    std::unique_lock lock(mutex_);
    opened_.wait(lock, [&] { return open_; });
  }
  void open() {
    {
      const std::lock_guard lock(mutex_);
      open_ = true;
    }
    opened_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool open_ = false;
};

class Load : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "load.XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    send_.event = R"({"id":"${id}","key":"${key}","seq":${seq}})";
    send_.rejected_list = "/errors";
    send_.headers = {{"content-type", "application/json"}};
    load_.concurrency = 4;
    load_.duration = milliseconds{200};
    load_.timeout = seconds{20};
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<LoadGenerator> generator(const FakeServer& server, std::uint64_t seed = 1) {
    send_.url = server.url();
    ledger_file_ = folder_ / ("ledger" + std::to_string(++ledgers_));
    return std::make_unique<LoadGenerator>(send_, load_, "run-1", seed, ledger_file_,
                                           SystemClock::instance().now());
  }

  // Runs until the load's duration is over.
  void run(LoadGenerator& generator) {
    const Result<void> started = generator.start();
    ASSERT_TRUE(started.ok()) << started.error().message;
    ASSERT_TRUE(wait_for([&] { return generator.finished(); }));
    finish(generator);
  }

  void finish(LoadGenerator& generator) {
    const Result<void> stopped = generator.stop();
    ASSERT_TRUE(stopped.ok()) << stopped.error().message;
    samples_ = generator.take_samples();
    snapshot_ = generator.snapshot();
    errors_ = generator.errors();
    Result<Ledger> ledger = read_ledger(ledger_file_);
    ASSERT_TRUE(ledger.ok()) << ledger.error().message;
    ledger_ = std::move(*ledger);
    EXPECT_FALSE(ledger_.truncated);
    EXPECT_EQ(ledger_.entries.size(), snapshot_.sent);
    EXPECT_EQ(snapshot_.sent,
              snapshot_.acked + snapshot_.rejected + snapshot_.indeterminate + snapshot_.unsent);
    EXPECT_EQ(snapshot_.in_flight, 0U);
    EXPECT_EQ(snapshot_.requests, samples_.size());
    EXPECT_TRUE(std::is_sorted(samples_.begin(), samples_.end(),
                               [](const auto& a, const auto& b) { return a.done < b.done; }));
  }

  template <typename Condition>
  static bool wait_for(Condition condition) {
    const MonotonicTime limit = SystemClock::instance().now() + seconds{60};
    while (!condition()) {
      if (SystemClock::instance().now() > limit) return false;
      std::this_thread::sleep_for(milliseconds{2});
    }
    return true;
  }

  std::size_t in_ledger(Outcome outcome) const {
    return static_cast<std::size_t>(
        std::count_if(ledger_.entries.begin(), ledger_.entries.end(),
                      [&](const LedgerEntry& entry) { return entry.outcome == outcome; }));
  }

  SendSpec send_;
  LoadSpec load_;
  std::filesystem::path folder_;
  std::filesystem::path ledger_file_;
  int ledgers_ = 0;
  std::vector<RequestSample> samples_;
  LoadSnapshot snapshot_;
  std::vector<LoadError> errors_;
  Ledger ledger_;
};

TEST_F(Load, OpenLoopSendsExactlyWhatTheRateAsksFor) {
  FakeServer server([](const std::string&, int) { return FakeServer::answer(202, "{}"); });
  server.listen();
  load_.rate = 1000;
  load_.batch = 5;
  auto load = generator(server);
  run(*load);
  EXPECT_EQ(samples_.size(), 40U);
  EXPECT_EQ(snapshot_.acked, 200U);
  EXPECT_EQ(in_ledger(Outcome::acked), 200U);
  EXPECT_EQ(ledger_.header.run, "run-1");
  EXPECT_EQ(ledger_.header.target, server.url());
  EXPECT_TRUE(errors_.empty());
}

TEST_F(Load, AStallShowsInTheLatencyOfAllThatWasDueMeanwhile) {
  FakeServer server([](const std::string&, int number) {
    if (number == 20) std::this_thread::sleep_for(milliseconds{500});
    return FakeServer::answer(202, "{}");
  });
  server.listen();
  load_.rate = 200;
  load_.concurrency = 1;
  load_.duration = seconds{1};
  auto load = generator(server);
  run(*load);

  ASSERT_EQ(samples_.size(), 200U);
  const Schedule schedule(200, 1);
  for (std::size_t i = 0; i < samples_.size(); ++i) {
    ASSERT_EQ(samples_[i].intended - samples_[0].intended, schedule.due(i)) << i;
  }
  const auto slow = std::count_if(samples_.begin(), samples_.end(), [](const RequestSample& s) {
    return s.latency() >= milliseconds{100};
  });
  // 5 ms apart: 80 requests were due while the stalled one had 100 ms or more to go.
  EXPECT_GE(slow, 80);
  EXPECT_GE(samples_[20].service_time(), milliseconds{500});
}

TEST_F(Load, RefusedConnectionsAreUnsentAndDoNotHoldTheScheduleUp) {
  FakeServer server([](const std::string&, int) { return FakeServer::answer(202); });
  load_.rate = 1000;
  auto load = generator(server);
  run(*load);
  EXPECT_EQ(samples_.size(), 200U);
  EXPECT_EQ(snapshot_.unsent, 200U);
  EXPECT_EQ(in_ledger(Outcome::unsent), 200U);
  EXPECT_TRUE(std::all_of(samples_.begin(), samples_.end(), [](const RequestSample& sample) {
    return sample.status == 0 && sample.sent == sample.done;
  }));
  ASSERT_EQ(errors_.size(), 1U);
  EXPECT_EQ(errors_[0].kind, "no connection");
  EXPECT_EQ(errors_[0].requests, 200U);
  EXPECT_THAT(errors_[0].example, HasSubstr("refused"));
}

TEST_F(Load, ClosedLoopBacksOffFromRefusedConnections) {
  FakeServer server([](const std::string&, int) { return FakeServer::answer(202); });
  auto load = generator(server);
  run(*load);
  EXPECT_GT(snapshot_.unsent, 0U);
  // Waits of 1, 2, 4 … 50 ms: at most ten tries fit into 200 ms on each of four connections.
  EXPECT_LE(snapshot_.unsent, 40U);
}

TEST_F(Load, GoesOnOnceTheServerListens) {
  FakeServer server([](const std::string&, int) { return FakeServer::answer(202); });
  for (const bool open_loop : {true, false}) {
    FakeServer late([](const std::string&, int) { return FakeServer::answer(202); });
    load_.rate = open_loop ? std::optional<double>(500) : std::nullopt;
    load_.duration.reset();
    auto load = generator(late);
    ASSERT_TRUE(load->start());
    ASSERT_TRUE(wait_for([&] { return load->snapshot().unsent > 0; }));
    late.listen();
    ASSERT_TRUE(wait_for([&] { return load->snapshot().acked > 20; }));
    finish(*load);
    EXPECT_EQ(snapshot_.indeterminate, 0U);
  }
}

TEST_F(Load, A503IsIndeterminateAndItsRetryAfterIsNoted) {
  FakeServer server([](const std::string&, int number) {
    return number % 2 == 0 ? FakeServer::answer(503, "", "Retry-After: 1\r\n")
                           : FakeServer::answer(404);
  });
  server.listen();
  load_.rate = 500;
  load_.concurrency = 1;
  auto load = generator(server);
  run(*load);
  EXPECT_EQ(samples_.size(), 100U);
  EXPECT_EQ(in_ledger(Outcome::indeterminate), 50U);
  EXPECT_EQ(in_ledger(Outcome::rejected), 50U);
  for (const RequestSample& sample : samples_) {
    EXPECT_EQ(sample.retry_after, sample.status == 503);
  }
}

TEST_F(Load, ABrokenAnswerIsIndeterminateAndTheNextRequestConnectsAnew) {
  FakeServer server([](const std::string&, int number) {
    if (number % 3 == 0) return FakeServer::Reply{"HTTP/1.1 202 Acc", true};
    return FakeServer::answer(202, "{}");
  });
  server.listen();
  load_.rate = 300;
  load_.concurrency = 1;
  auto load = generator(server);
  run(*load);
  EXPECT_EQ(samples_.size(), 60U);
  EXPECT_EQ(snapshot_.indeterminate, 20U);
  EXPECT_EQ(snapshot_.acked, 40U);
  ASSERT_EQ(errors_.size(), 1U);
  EXPECT_EQ(errors_[0].kind, "broken connection");
}

TEST_F(Load, AnUnansweredRequestTimesOutAsIndeterminate) {
  Gate gate;
  FakeServer server([&](const std::string&, int) {
    gate.wait();
    return FakeServer::answer(202);
  });
  server.listen();
  load_.timeout = milliseconds{50};
  load_.duration = milliseconds{20};
  auto load = generator(server);
  run(*load);
  gate.open();
  EXPECT_EQ(snapshot_.indeterminate, snapshot_.sent);
  EXPECT_GT(snapshot_.sent, 0U);
  ASSERT_EQ(errors_.size(), 1U);
  EXPECT_EQ(errors_[0].kind, "time-out");
}

TEST_F(Load, DueRequestsThatWaitedTooLongForAConnectionAreUnsent) {
  Gate gate;
  FakeServer server([&](const std::string&, int) {
    gate.wait();
    return FakeServer::answer(202);
  });
  server.listen();
  load_.rate = 100;
  load_.concurrency = 1;
  load_.duration.reset();
  auto load = generator(server);
  ASSERT_TRUE(load->start());
  ASSERT_TRUE(wait_for([&] { return load->snapshot().in_flight > 0; }));
  std::this_thread::sleep_for(milliseconds{100});  // ten more are due now
  std::thread stopper([&] { EXPECT_TRUE(load->stop()); });
  // Nothing but the answer ends the request under way.
  std::this_thread::sleep_for(milliseconds{20});
  EXPECT_FALSE(load->finished());
  gate.open();
  stopper.join();
  finish(*load);
  EXPECT_EQ(snapshot_.acked, 1U);
  EXPECT_GE(snapshot_.unsent, 9U);
  EXPECT_EQ(errors_[0].kind, "no free connection");
}

// A slow machine must not look like a system that refuses: where the load ends in order, what was
// due is sent, however long the queue is.
TEST_F(Load, WhatIsDueAtTheEndIsStillSentAndNothingBecomesDueAfterIt) {
  Gate gate;
  FakeServer server([&](const std::string&, int) {
    gate.wait();
    return FakeServer::answer(202);
  });
  server.listen();
  load_.rate = 100;
  load_.concurrency = 1;
  load_.duration.reset();
  auto load = generator(server);
  ASSERT_TRUE(load->start());
  // Ten are due while one is under way.
  ASSERT_TRUE(wait_for([&] { return load->snapshot().behind >= milliseconds{100}; }));
  const Nanoseconds end = load->snapshot().elapsed;
  load->end();
  std::this_thread::sleep_for(milliseconds{20});
  EXPECT_FALSE(load->finished());
  gate.open();
  ASSERT_TRUE(wait_for([&] { return load->finished(); }));
  EXPECT_EQ(load->snapshot().behind, Nanoseconds{0});
  finish(*load);
  EXPECT_GE(snapshot_.acked, 10U);
  EXPECT_EQ(snapshot_.unsent, 0U);
  // The end is some moment after `end`; beyond a second it would be no end.
  EXPECT_LT(samples_.back().intended, end + seconds{1});
}

TEST_F(Load, TheEndOfAClosedLoopSendsNothingMore) {
  FakeServer server([](const std::string&, int) { return FakeServer::answer(202); });
  server.listen();
  load_.duration.reset();
  load_.rate.reset();
  auto closed = generator(server);
  ASSERT_TRUE(closed->start());
  ASSERT_TRUE(wait_for([&] { return closed->snapshot().acked > 3; }));
  closed->end();
  ASSERT_TRUE(wait_for([&] { return closed->finished(); }));
  finish(*closed);
  EXPECT_EQ(snapshot_.unsent, 0U);
}

TEST_F(Load, EventsListedAsRefusedAreRejectedAndTheOthersAcked) {
  FakeServer server([](const std::string& body, int) {
    EXPECT_EQ(nlohmann::json::parse(body).size(), 3U);
    return FakeServer::answer(202, R"({"accepted":2,"errors":[{"index":1,"message":"no"}]})");
  });
  server.listen();
  load_.rate = 300;
  load_.batch = 3;
  auto load = generator(server);
  run(*load);
  EXPECT_EQ(snapshot_.acked, 40U);
  EXPECT_EQ(snapshot_.rejected, 20U);
  for (std::size_t i = 0; i < ledger_.entries.size(); ++i) {
    EXPECT_EQ(ledger_.entries[i].outcome, i % 3 == 1 ? Outcome::rejected : Outcome::acked) << i;
  }
}

TEST_F(Load, SequenceNumbersOfAKeyArriveInOrderAndIdsAreUniqueAcrossRuns) {
  std::mutex mutex;
  std::map<std::string, std::uint64_t> last;
  std::set<std::string> ids;
  std::set<std::string> keys;
  std::size_t events = 0;
  FakeServer server([&](const std::string& body, int) {
    const std::lock_guard lock(mutex);
    for (const auto& event : nlohmann::json::parse(body)) {
      const std::string key = event["key"];
      const std::uint64_t seq = event["seq"];
      EXPECT_EQ(seq, last[key] + 1) << key;
      last[key] = seq;
      keys.insert(key);
      ids.insert(event["id"].get<std::string>());
      ++events;
    }
    return FakeServer::answer(202);
  });
  server.listen();
  load_.keys = 10;
  load_.batch = 4;
  for (int i = 0; i < 2; ++i) {
    last.clear();
    auto load = generator(server, 42);
    run(*load);
    EXPECT_EQ(snapshot_.acked, snapshot_.sent);
  }
  EXPECT_EQ(keys.size(), 10U);
  EXPECT_EQ(ids.size(), events);
}

TEST_F(Load, AConnectionThatTheServerClosedWhileIdleCostsNoRequest) {
  FakeServer server([](const std::string&, int) {
    FakeServer::Reply reply = FakeServer::answer(202);
    reply.close = true;  // without saying so in a header
    return reply;
  });
  server.listen();
  load_.rate = 20;
  load_.concurrency = 1;
  load_.duration = milliseconds{500};
  auto load = generator(server);
  run(*load);
  EXPECT_EQ(snapshot_.acked, 10U);
}

TEST_F(Load, NdjsonAndSingleBodies) {
  std::mutex mutex;
  std::vector<std::string> bodies;
  FakeServer server([&](const std::string& body, int) {
    const std::lock_guard lock(mutex);
    bodies.push_back(body);
    return FakeServer::answer(202);
  });
  server.listen();
  load_.concurrency = 1;
  load_.rate = 10;
  load_.batch = 2;
  send_.batch = SendSpec::Batch::ndjson;
  auto ndjson = generator(server);
  run(*ndjson);
  load_.batch = 1;
  send_.batch = SendSpec::Batch::single;
  auto single = generator(server);
  run(*single);
  ASSERT_EQ(bodies.size(), 3U);
  EXPECT_EQ(std::count(bodies[0].begin(), bodies[0].end(), '\n'), 2);
  EXPECT_EQ(bodies[0].back(), '\n');
  EXPECT_EQ(nlohmann::json::parse(bodies[1])["seq"], 1);
}

TEST_F(Load, RefusesWhatCouldNotWorkBeforeItStarts) {
  FakeServer server([](const std::string&, int) { return FakeServer::answer(202); });
  const auto error_of = [&](auto change) {
    const SendSpec send = send_;
    const LoadSpec load = load_;
    send_.url = server.url();
    change();
    LoadGenerator made(send_, load_, "run", 1, folder_ / "refused", MonotonicTime{});
    const Result<void> started = made.start();
    send_ = send;
    load_ = load;
    return started.ok() ? std::string("started") : started.error().message;
  };
  EXPECT_THAT(error_of([&] { send_.url = "https://localhost/"; }), HasSubstr("http:// only"));
  EXPECT_THAT(error_of([&] { send_.url = "localhost"; }), HasSubstr("is no URL"));
  EXPECT_THAT(error_of([&] { send_.event = "{}"; }), HasSubstr("no ${id}"));
  EXPECT_THAT(error_of([&] { send_.event = "{\"id\":${id}}"; }), HasSubstr("does not give JSON"));
  EXPECT_THAT(error_of([&] { load_.event_bytes = 100; }), HasSubstr("needs a ${pad}"));
  EXPECT_THAT(error_of([&] { send_.rejected_list = "errors"; }), HasSubstr("JSON pointer"));
  EXPECT_THAT(error_of([&] {
                send_.batch = SendSpec::Batch::single;
                load_.batch = 2;
              }),
              HasSubstr("one event a request"));
  EXPECT_THAT(error_of([&] { std::filesystem::create_directory(folder_ / "refused"); }),
              HasSubstr("exists already"));
}

TEST_F(Load, ALedgerThatCannotBeWrittenEndsTheLoadWithItsError) {
  FakeServer server([](const std::string&, int) { return FakeServer::answer(202); });
  server.listen();
  load_.duration.reset();
  // The disk is full after 4 KiB, as far as this process can see.
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  rlimit tight = before;
  tight.rlim_cur = 4096;
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ::setrlimit(RLIMIT_FSIZE, &tight);
  auto load = generator(server);
  const Result<void> started = load->start();
  const bool finished = wait_for([&] { return load->finished(); });
  const Result<void> stopped = load->stop();
  ::setrlimit(RLIMIT_FSIZE, &before);
  static_cast<void>(std::signal(SIGXFSZ, handler));

  ASSERT_TRUE(started.ok()) << started.error().message;
  EXPECT_TRUE(finished);
  ASSERT_FALSE(stopped.ok());
  EXPECT_THAT(stopped.error().message, HasSubstr(ledger_file_.string() + ": cannot write"));
}

}  // namespace
}  // namespace stormlog::chaos

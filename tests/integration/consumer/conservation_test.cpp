// The sum of what became of every record, as instances of the log-consumer tell it, while they,
// Redis and PostgreSQL are killed: at each scrape that has it, it adds up.

#include <atomic>
#include <map>
#include <thread>

#include "process_fixture.hpp"

namespace stormlog {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::kLong;
using test::kPartitions;
using test::kToken;
using testing::HasSubstr;

class Conservation : public test::ConsumerProcess {
 protected:
  struct Figures {
    std::map<std::string, double> terms;
    double worst_gap = 0;  // of any partition
    int partitions = 0;
    double operator[](const std::string& term) const {
      const auto found = terms.find(term);
      return found == terms.end() ? 0 : found->second;
    }
  };
  static void read(const Process& process, Figures& figures) {
    std::istringstream lines(metrics(process));
    for (std::string line; std::getline(lines, line);) {
      const double value = std::strtod(line.c_str() + line.rfind(' ') + 1, nullptr);
      if (line.starts_with("pipeline_conservation_gap{")) {
        figures.worst_gap = std::max(figures.worst_gap, std::abs(value));
        ++figures.partitions;
      } else if (line.starts_with("pipeline_conservation_records{")) {
        const std::size_t begin = line.find("term=\"") + 6;
        figures.terms[line.substr(begin, line.find('"', begin) - begin)] += value;
      }
    }
  }
  // Of all instances; what is told must add up.
  static Figures figures(const std::vector<const Process*>& all) {
    Figures sum;
    for (const Process* process : all) read(*process, sum);
    EXPECT_EQ(sum.worst_gap, 0);
    return sum;
  }
  static testing::AssertionResult become(const std::vector<const Process*>& all,
                                         const std::map<std::string, double>& wanted) {
    Figures last;
    const bool met = eventually(
        [&] {
          last = figures(all);
          if (last.partitions != kPartitions) return false;
          for (const auto& [term, value] : wanted) {
            if (last[term] != value) return false;
          }
          return true;
        },
        kLong);
    if (met) return testing::AssertionSuccess();
    testing::AssertionResult failed = testing::AssertionFailure();
    failed << last.partitions << " partitions";
    for (const auto& [term, value] : last.terms) failed << ", " << term << " " << value;
    return failed;
  }
};

TEST_F(Conservation, HoldsThroughDuplicatesPoisonAnOutageKillsAndAReplay) {
  const std::vector<std::string> options = {std::string("--admin-token=") + kToken};
  Process process = start(options);
  produce(0, 400);
  ASSERT_TRUE(become({&process}, {{"accepted", 400}, {"stored", 400}, {"in_flight", 0}}));
  produce(0, 100);  // again
  kafka_.produce(1, "not an event");
  kafka_.flush();
  ASSERT_TRUE(become({&process}, {{"accepted", 501},
                                  {"stored", 400},
                                  {"duplicate", 100},
                                  {"dead_letter", 1},
                                  {"in_flight", 0}}));

  // PostgreSQL is killed: what comes is spilled, and told apart.
  postgres_->kill9();
  produce(400, 700);
  ASSERT_TRUE(become({&process}, {{"accepted", 801}, {"stored", 400}, {"spilled", 300}}));
  // Redis, too: it is not known for a while, and the same afterwards.
  redis_.kill9();
  produce(700, 750);
  redis_.start();
  ASSERT_TRUE(become({&process}, {{"accepted", 851}, {"spilled", 350}, {"in_flight", 0}}));
  // The consumer: until PostgreSQL is back nobody knows what it has, and nothing is said.
  process.child->kill9();
  process = start(options);
  ASSERT_TRUE(eventually([&] { return breaker_is(process, "postgresql", "open"); }, kLong));
  EXPECT_EQ(figures({&process}).partitions, 0);
  postgres_->start();
  ASSERT_TRUE(become({&process}, {{"accepted", 851},
                                  {"stored", 750},
                                  {"duplicate", 100},
                                  {"dead_letter", 1},
                                  {"spilled", 0},
                                  {"in_flight", 0}}));

  // Replayed letters are accepted anew.
  ASSERT_TRUE(db().script("ALTER TABLE logs ADD CONSTRAINT sound CHECK (body <> 'poison')").ok());
  for (std::uint32_t i = 0; i < 5; ++i) kafka_.produce(2, test::stored_event(2'000 + i, "poison"));
  kafka_.flush();
  ASSERT_TRUE(become({&process}, {{"accepted", 856}, {"stored", 750}, {"dead_letter", 6}}));
  ASSERT_TRUE(eventually(
      [&] { return get(process.url("/admin/dlq")).body.find("\"depth\":6") != std::string::npos; },
      kLong));
  ASSERT_TRUE(db().script("ALTER TABLE logs DROP CONSTRAINT sound").ok());
  EXPECT_EQ(send("POST", process.url("/admin/dlq/replay"), "{}").status, 200);
  ASSERT_TRUE(become({&process}, {{"accepted", 861}, {"stored", 755}, {"dead_letter", 6}}));
  EXPECT_EQ(rows(), 755);
  stop(process);
}

TEST_F(Conservation, HoldsWhileInstancesAreKilledUnderLoad) {
  std::atomic<bool> done = false;
  std::thread load([&] {
    for (std::uint32_t i = 0; i < 3'000; i += 50) {
      produce(i, i + 50);
      std::this_thread::sleep_for(20ms);
    }
    done = true;
  });
  Process one = start();
  Process other = start();
  while (!done) {
    (void)figures({&one, &other});
    one.child->kill9();
    one = start();
    (void)figures({&one, &other});
    std::swap(one, other);
  }
  load.join();
  EXPECT_TRUE(become({&one, &other},
                     {{"accepted", 3'000}, {"stored", 3'000}, {"duplicate", 0}, {"in_flight", 0}}));
  expect_exactly(3'000);
  stop(one);
  stop(other);
}

TEST_F(Conservation, ARowThatIsTakenFromTheBooksIsAGap) {
  Process process = start();
  produce(0, 40);
  ASSERT_TRUE(become({&process}, {{"stored", 40}}));
  stop(process);
  ASSERT_TRUE(
      db().script("UPDATE consumer_offsets SET stored = stored - 3 WHERE partition = 1").ok());
  process = start();
  EXPECT_TRUE(eventually(
      [&] {
        return metrics(process).find("pipeline_conservation_gap{partition=\"1\"} 3\n") !=
               std::string::npos;
      },
      kLong));
  EXPECT_THAT(metrics(process), HasSubstr("pipeline_conservation_gap{partition=\"0\"} 0\n"));
  stop(process);
}

class FrozenStores : public test::ConsumerProcess {};

TEST_F(FrozenStores, APostgresqlThatStandsStillDoesNotHoldUpCacheOnlyMode) {
  Process process = start({"--postgres-timeout=1s"});
  produce(0, 40);
  ASSERT_TRUE(eventually([&] { return lag(process) == 0.0; }, kLong));
  postgres_->pause();
  produce(40, 80);
  ASSERT_TRUE(eventually([&] { return spilled() == 40; }, kLong));
  // Each trial takes as long as a connection that nobody answers, and the ingest goes on meanwhile:
  // what comes in the time of many trials is spilled as it comes.
  const auto begin = std::chrono::steady_clock::now();
  std::uint32_t next = 80;
  std::vector<double> waits;
  for (int i = 0; i < 40; ++i, next += 4) {
    const auto sent = std::chrono::steady_clock::now();
    produce(next, next + 4);
    ASSERT_TRUE(eventually([&] { return spilled() == next + 4 - 40; }, kLong));
    waits.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - sent).count());
    std::this_thread::sleep_for(100ms);
  }
  std::sort(waits.begin(), waits.end());
  RecordProperty("median_s", std::to_string(waits[waits.size() / 2]));
  RecordProperty("longest_s", std::to_string(waits.back()));
  std::printf("%.1f s, %zu waits: median %.3f s, longest %.3f s\n",
              std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(),
              waits.size(), waits[waits.size() / 2], waits.back());
  EXPECT_TRUE(mode_is(process, "cache_only"));
  postgres_->resume();
  EXPECT_TRUE(eventually([&] { return lag(process) == 0.0; }, kLong));
  expect_exactly(next);
  stop(process);
}

TEST_F(FrozenStores, ARedisThatMayLoseWhatItHasIsTold) {
  redis::Client client(*redis::Url::parse(redis_.url()));
  ASSERT_TRUE(client.command({"CONFIG", "SET", "appendfsync", "everysec"}).ok());
  Process process = start();
  EXPECT_TRUE(eventually(
      [&] { return metrics(process).find("\nredis_durable 0\n") != std::string::npos; }, kLong));
  ASSERT_TRUE(client.command({"CONFIG", "SET", "appendfsync", "always"}).ok());
  ASSERT_TRUE(client.command({"CONFIG", "SET", "maxmemory-policy", "noeviction"}).ok());
  EXPECT_TRUE(eventually(
      [&] { return metrics(process).find("\nredis_durable 1\n") != std::string::npos; }, kLong));
  stop(process);
}

}  // namespace
}  // namespace stormlog

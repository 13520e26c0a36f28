// Random programs of failures, crashes and rebalances against the ingest. A crash may come between
// any two effects on the outside. The plain model of what must come out: each record once, in
// order.

#include <gtest/gtest.h>

#include <optional>
#include <sstream>

#include "common/base/random.hpp"
#include "pipeline/consumer/ingest_test_support.hpp"

namespace stormlog::pipeline {
namespace {

using test::Crash;
using test::Member;
using test::World;

constexpr int kPartitions = 3;
constexpr int kMembers = 2;

class Program {
 public:
  Program(std::uint64_t seed, bool short_retention)
      : random_(seed), runners_(seed), short_retention_(short_retention) {
    for (int p = 0; p < kPartitions; ++p) world_.kafka.owner[p] = 0;
    for (int m = 0; m < kMembers; ++m) restart(m);
  }

  void run(int actions) {
    for (int i = 0; i < actions && !testing::Test::HasFailure(); ++i) {
      act();
      check_safe();
    }
    heal();
    finish();
  }

  std::string trace() const { return trace_.str(); }

 private:
  bool one_in(std::uint64_t n) { return random_.below(n) == 0; }

  std::vector<int> owned(int member) const {
    std::vector<int> partitions;
    for (const auto& [partition, owner] : world_.kafka.owner) {
      if (owner == member) partitions.push_back(partition);
    }
    return partitions;
  }

  void restart(int m) {
    members_[m].reset();
    std::unique_ptr<FlushRunner> runner = std::make_unique<InlineFlushRunner>();
    if (runners_.below(2) == 0) runner = std::make_unique<test::LateFlushRunner>();
    members_[m] = std::make_unique<Member>(world_, m, std::move(runner), 1 + runners_.below(3));
    believes_[m] = owned(m);
    if (!believes_[m].empty()) members_[m]->core().assigned(believes_[m]);
  }

  // Whatever happens inside may take the process with it.
  template <typename Action>
  void perilous(int m, Action action) {
    if (one_in(8)) world_.fuse.arm(1 + static_cast<int>(random_.below(12)));
    try {
      action();
    } catch (const Crash&) {
      trace_ << " crash" << m;
      world_.fuse.disarm();
      restart(m);
    }
    world_.fuse.disarm();
  }

  // The group gives a partition to the other member. An orderly one lets go first; one that sleeps
  // is told much later that it has lost it.
  void rebalance() {
    const int partition = static_cast<int>(random_.below(kPartitions));
    const int from = world_.kafka.owner[partition];
    const int to = 1 - from;
    trace_ << " move" << partition;
    if (one_in(2)) {
      perilous(from, [&] { tell(from, false); });
      world_.kafka.owner[partition] = to;
      tell_assignment(from);
    } else {
      trace_ << "z";
      world_.kafka.owner[partition] = to;
    }
    tell(to, false);
    tell_assignment(to);
  }
  void tell(int m, bool lost) {
    if (!believes_[m].empty()) members_[m]->core().revoked(believes_[m], lost);
    believes_[m].clear();
  }
  void tell_assignment(int m) {
    believes_[m] = owned(m);
    if (!believes_[m].empty()) members_[m]->core().assigned(believes_[m]);
  }

  void act() {
    switch (random_.below(16)) {
      case 0:
        world_.store.down = !world_.store.down;
        trace_ << (world_.store.down ? " pg-" : " pg+");
        break;
      case 1:
        if (one_in(2)) {
          world_.spill.down = !world_.spill.down;
          trace_ << (world_.spill.down ? " redis-" : " redis+");
        } else {
          world_.spill.full = !world_.spill.full && one_in(2);
          trace_ << (world_.spill.full ? " full" : " room");
        }
        break;
      case 2:
        if (one_in(3)) world_.kafka.down = !world_.kafka.down;
        if (one_in(3)) world_.store.lose_answers = 1;
        if (one_in(3)) world_.spill.lose_answers = 1;
        break;
      case 3:
        if (one_in(3)) rebalance();
        break;
      case 4:
        // It wakes up and learns what it has lost.
        for (int m = 0; m < kMembers; ++m) {
          if (believes_[m] == owned(m)) continue;
          tell(m, true);
          tell_assignment(m);
        }
        break;
      case 5:
        if (short_retention_) {
          world_.kafka.delete_committed();
          trace_ << " del";
        } else if (one_in(4)) {
          world_.spill.logs.clear();
          trace_ << " wipe";
        }
        break;
      case 6:
      case 7: {
        const int partition = static_cast<int>(random_.below(kPartitions));
        if (one_in(6)) world_.kafka.gaps[partition].insert(world_.kafka.end[partition]);
        world_.kafka.produce(partition, 1 + static_cast<int>(random_.below(40)));
        break;
      }
      case 8:
        world_.clock.advance(std::chrono::milliseconds{random_.below(1'500)});
        break;
      default: {
        const int m = static_cast<int>(random_.below(kMembers));
        const int steps = 1 + static_cast<int>(random_.below(6));
        perilous(m, [&] { members_[m]->run(steps); });
      }
    }
  }

  // At every moment: what Kafka was told, and might forget, is in the store or in Redis.
  void check_safe() {
    if (!short_retention_) return;
    for (int p = 0; p < kPartitions; ++p) {
      for (std::int64_t o = world_.store.next[p]; o < world_.kafka.committed[p]; ++o) {
        if (world_.kafka.gaps[p].contains(o)) continue;
        ASSERT_TRUE(world_.spill.logs[p].contains(o))
            << "partition " << p << " offset " << o << " is nowhere; stored "
            << world_.store.next[p] << ", committed " << world_.kafka.committed[p];
      }
    }
  }

  void heal() {
    world_.store.down = world_.spill.down = world_.spill.full = world_.kafka.down = false;
    world_.store.lose_answers = world_.spill.lose_answers = 0;
    for (int m = 0; m < kMembers; ++m) {
      if (believes_[m] == owned(m)) continue;
      tell(m, true);
      tell_assignment(m);
    }
  }

  bool done() {
    for (int p = 0; p < kPartitions; ++p) {
      std::int64_t end = world_.kafka.end[p];
      while (end > 0 && world_.kafka.gaps[p].contains(end - 1)) --end;
      if (world_.store.next[p] < end) return false;
    }
    for (auto& member : members_) {
      if (member->core().mode() != IngestMode::normal) return false;
    }
    return world_.spill.records() == 0;
  }

  void finish() {
    for (int round = 0; round < 1'000 && !done(); ++round) {
      for (auto& member : members_) member->run(1);
      world_.clock.advance(std::chrono::milliseconds{20});
    }
    EXPECT_TRUE(done()) << "not drained";
    for (int p = 0; p < kPartitions; ++p) {
      std::vector<std::int64_t> expected;
      for (std::int64_t o = 0; o < world_.kafka.end[p]; ++o) {
        if (!world_.kafka.gaps[p].contains(o)) expected.push_back(o);
      }
      EXPECT_EQ(world_.store.stored[p], expected) << "partition " << p;
      const PartitionTally& tally = world_.store.tally[p];
      EXPECT_EQ(world_.store.next[p] - tally.start, tally.stored + tally.dead + tally.no_record)
          << "partition " << p;
    }
    for (auto& member : members_) {
      EXPECT_EQ(member->metric("consumer_missing_records_total"), 0);
    }
  }

  World world_{kPartitions};
  Random random_;
  Random runners_;  // of its own: a program stays the same whatever runs its flushes
  bool short_retention_;
  std::unique_ptr<Member> members_[kMembers];
  std::vector<int> believes_[kMembers];
  std::ostringstream trace_;
};

void run_programs(bool short_retention, std::uint64_t seeds) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    Program program(seed, short_retention);
    program.run(250);
    if (testing::Test::HasFailure()) {
      FAIL() << "seed " << seed << ":" << program.trace();
    }
  }
}

// Kafka forgets what it was told is safe, so only the store and Redis can be relied on.
TEST(IngestProgram, EachRecordIsStoredOnceAndInOrderThoughKafkaForgets) {
  run_programs(true, 400);
}

// Redis forgets all of it now and then, so only the store and Kafka can be relied on.
TEST(IngestProgram, EachRecordIsStoredOnceAndInOrderThoughRedisForgets) {
  run_programs(false, 400);
}

}  // namespace
}  // namespace stormlog::pipeline

#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "common/base/clock.hpp"
#include "common/postgres/sqlstate.hpp"
#include "common/redis/connection.hpp"
#include "common/telemetry/metrics.hpp"
#include "pipeline/consumer/ingest_core.hpp"
#include "pipeline/consumer/log_consumer.hpp"

// Kafka, PostgreSQL and Redis in memory, each of which can be away, lose its answer after the
// effect, or take the process with it: a fuse burns before or after the effect of the n-th call of
// all. What they hold outlives the consumers under test.
namespace stormlog::pipeline::test {

struct Crash {};

class Fuse {
 public:
  void arm(int calls) { left_ = calls; }
  void disarm() { left_ = 0; }
  void tick() {
    if (left_ > 0 && --left_ == 0) throw Crash{};
  }

 private:
  int left_ = 0;
};

// The stored form, or what is none.
inline std::string payload_of(int partition, std::int64_t offset) {
  if (offset % 17 == 5) return "not an event";
  char id[40];
  std::snprintf(id, sizeof id, "018f2f0e-7a3b-7c4d-8e%02x-%012llx", partition & 0xff,
                static_cast<unsigned long long>(offset));
  return R"({"v":1,"id":")" + std::string(id) +
         R"(","timestamp":1,"observed_timestamp":1,"severity_number":9,"severity_text":"INFO",)"
         R"("service":"test","body":"hello","attributes":{}})";
}

struct FakeKafka {
  explicit FakeKafka(int partitions) {
    for (int p = 0; p < partitions; ++p) end[p] = low[p] = 0;
  }
  void produce(int partition, int count) { end[partition] += count; }
  // As a topic with the shortest retention that the committed offsets allow.
  void delete_committed() {
    for (const auto& [partition, offset] : committed) {
      low[partition] = std::max(low[partition], std::min(offset, end[partition]));
    }
  }
  bool down = false;
  std::map<int, std::int64_t> low, end, committed;
  std::map<int, int> owner;                    // the group's member that may commit
  std::map<int, std::set<std::int64_t>> gaps;  // compacted away
};

class FakeSource final : public RecordSource {
 public:
  FakeSource(FakeKafka& kafka, ManualClock& clock, Fuse& fuse, int member)
      : kafka_(kafka), clock_(clock), fuse_(fuse), member_(member) {}

  Result<std::optional<SourceRecord>> poll(std::chrono::milliseconds timeout) override {
    fuse_.tick();
    for (auto& [partition, next] : next_) {
      if (kafka_.down) break;
      if (next < kafka_.low[partition] || next > kafka_.end[partition]) {
        const int gone = partition;
        next_.erase(gone);
        return Error::retriable("out of range", "_AUTO_OFFSET_RESET");
      }
      while (kafka_.gaps[partition].contains(next)) ++next;
      if (next >= kafka_.end[partition]) continue;
      SourceRecord record;
      record.partition = partition;
      record.offset = next++;
      payload_ = payload_of(partition, record.offset);
      record.payload = payload_;
      return std::optional(record);
    }
    clock_.advance(timeout);
    return std::optional<SourceRecord>();
  }
  Result<void> start(const kafka::Offsets& offsets) override {
    for (const auto& [partition, offset] : offsets) next_[partition] = offset;
    return {};
  }
  Result<void> pause(const std::vector<int>& partitions) override {
    for (const int partition : partitions) next_.erase(partition);
    return {};
  }
  Result<void> pause_all() override {
    next_.clear();
    return {};
  }
  bool started(int partition) const override { return next_.contains(partition); }
  Result<void> commit(const kafka::Offsets& offsets, std::chrono::milliseconds) override {
    fuse_.tick();
    if (kafka_.down) return away();
    for (const auto& [partition, offset] : offsets) {
      if (kafka_.owner[partition] == member_) kafka_.committed[partition] = offset;
    }
    fuse_.tick();
    return {};
  }
  Result<kafka::Offsets> committed(const std::vector<int>& partitions,
                                   std::chrono::milliseconds) const override {
    if (kafka_.down) return away();
    kafka::Offsets found;
    for (const int partition : partitions) {
      const auto at = kafka_.committed.find(partition);
      if (at != kafka_.committed.end()) found[partition] = at->second;
    }
    return found;
  }
  Result<std::map<int, kafka::Watermarks>> watermarks(const std::vector<int>& partitions,
                                                      std::chrono::milliseconds) const override {
    fuse_.tick();
    if (kafka_.down) return away();
    std::map<int, kafka::Watermarks> marks;
    for (const int partition : partitions) {
      marks[partition] = {kafka_.low[partition], kafka_.end[partition]};
    }
    return marks;
  }

 private:
  static Error away() { return Error::retriable("no broker", "_TRANSPORT"); }

  FakeKafka& kafka_;
  ManualClock& clock_;
  Fuse& fuse_;
  int member_;
  std::map<int, std::int64_t> next_;
  std::string payload_;
};

class FakeStore final : public LogStore {
 public:
  explicit FakeStore(Fuse& fuse) : fuse_(fuse) {}

  Result<StoredPositions> positions(const std::vector<int>& partitions) override {
    fuse_.tick();
    ++asked;
    if (down) return gone();
    StoredPositions found;
    for (const int partition : partitions) {
      found[partition] = {next[partition], tally[partition]};
    }
    return found;
  }
  bool ready() override { return !connecting; }
  Result<StoredPositions> reset_offset(int partition, std::int64_t from, std::int64_t to) override {
    if (down) return gone();
    if (next[partition] != from) return StoredPositions{};
    next[partition] = to;
    tally[partition].start += to - from;
    return StoredPositions{{partition, {to, tally[partition]}}};
  }
  Result<Written> write(std::span<const PartitionBatch> batches) override {
    fuse_.tick();
    if (down) return gone();
    Written written;
    for (const PartitionBatch& batch : batches) {
      if (next[batch.partition] != batch.expected) written.fenced.push_back(batch.partition);
    }
    if (!written.fenced.empty()) return written;
    for (const PartitionBatch& batch : batches) {
      std::map<std::int64_t, bool> all;  // offset → whether it is a row
      for (const LogRow& row : batch.rows) all[row.offset] = true;
      for (const DeadLetter& letter : batch.dead) all[letter.offset] = false;
      for (const auto& [offset, row] : all) {
        stored[batch.partition].push_back(offset);
        EXPECT_EQ(row, payload_of(batch.partition, offset) != "not an event");
      }
      written.inserted += static_cast<std::int64_t>(batch.rows.size());
      next[batch.partition] = batch.next;
      tally[batch.partition].stored += static_cast<std::int64_t>(batch.rows.size());
      tally[batch.partition].dead += static_cast<std::int64_t>(batch.dead.size());
      for (const auto& [offset, size] : batch.gaps) tally[batch.partition].no_record += size;
    }
    fuse_.tick();
    if (lose_answers > 0) {
      --lose_answers;
      return gone();
    }
    for (const PartitionBatch& batch : batches) {
      written.moved[batch.partition] = {batch.next, tally[batch.partition]};
    }
    return written;
  }

  bool down = false;
  bool connecting = false;  // and no answer yet
  int asked = 0;            // for offsets
  int lose_answers = 0;     // of commits that happen all the same
  std::map<int, std::int64_t> next;
  std::map<int, PartitionTally> tally;
  std::map<int, std::vector<std::int64_t>> stored;  // rows and dead letters, as they came

 private:
  static Error gone() { return postgres::make_error("gone", "57P01"); }
  Fuse& fuse_;
};

class FakeSpillLog final : public SpillLog {
 public:
  static constexpr std::uint64_t kEach = 500;  // bytes

  explicit FakeSpillLog(Fuse& fuse) : fuse_(fuse) {}

  Result<std::map<int, SpillState>> states(const std::vector<int>& partitions) override {
    fuse_.tick();
    if (down) return away();
    std::map<int, SpillState> found;
    for (const int partition : partitions) found[partition] = state(partition);
    return found;
  }
  Result<Appended> append(std::span<const PartitionBatch> batches) override {
    fuse_.tick();
    if (down) return away();
    Appended appended;
    for (const PartitionBatch& batch : batches) {
      if (full) return Error::retriable("out of memory", "OOM");
      append_one(batch, appended);
      fuse_.tick();
    }
    if (lose_answers > 0) {
      --lose_answers;
      return away();
    }
    return appended;
  }
  Result<std::vector<SpilledRecord>> read(int partition, std::int64_t from,
                                          std::size_t max_records) override {
    fuse_.tick();
    if (down) return away();
    std::vector<SpilledRecord> found;
    const auto& log = logs[partition];
    for (auto at = log.lower_bound(from); at != log.end() && found.size() < max_records; ++at) {
      found.push_back(at->second);
    }
    return found;
  }
  Result<std::map<int, SpillState>> trim(const std::map<int, std::int64_t>& below) override {
    fuse_.tick();
    if (down) return away();
    std::map<int, SpillState> left;
    for (const auto& [partition, offset] : below) {
      auto& log = logs[partition];
      log.erase(log.begin(), log.lower_bound(offset));
      left[partition] = state(partition);
    }
    fuse_.tick();
    return left;
  }
  SpillState state(int partition) {
    const auto& log = logs[partition];
    if (log.empty()) return {};
    return {static_cast<std::int64_t>(log.size()), log.size() * kEach, log.rbegin()->first + 1,
            log.begin()->first};
  }
  std::int64_t records() {
    std::int64_t sum = 0;
    for (const auto& [partition, log] : logs) sum += static_cast<std::int64_t>(log.size());
    return sum;
  }

  bool down = false;
  bool full = false;
  int lose_answers = 0;
  std::map<int, std::map<std::int64_t, SpilledRecord>> logs;

 private:
  static Error away() {
    return Error::retriable("connection refused", std::string(redis::kConnectionCode));
  }
  void append_one(const PartitionBatch& batch, Appended& appended) {
    auto& log = logs[batch.partition];
    std::map<std::int64_t, std::string> all;
    for (const LogRow& row : batch.rows) all[row.offset] = row.payload;
    for (const DeadLetter& letter : batch.dead) all[letter.offset] = letter.payload;
    std::int64_t after = batch.expected;
    for (const auto& [offset, payload] : all) {
      SpilledRecord record;
      record.offset = offset;
      record.after = after;
      record.payload = payload;
      after = offset + 1;
      if (!log.empty() && offset <= log.rbegin()->first) continue;
      log[offset] = std::move(record);
      ++appended.added;
    }
    appended.states[batch.partition] = state(batch.partition);
  }
  Fuse& fuse_;
};

// The world, and one process in it.
struct World {
  explicit World(int partitions) : kafka(partitions) {}

  ManualClock clock;
  Fuse fuse;
  FakeKafka kafka;
  FakeStore store{fuse};
  FakeSpillLog spill{fuse};
  std::uint64_t spill_bytes = 1'000'000;
  IngestCoreConfig config{{.max_rows = 10, .max_bytes = 100'000}, 50'000, 4};
};

// Work is done when somebody waits for it, or has asked three times; what nobody asks for never is.
// Whoever waits for any gets the last of them.
class LateFlushRunner final : public FlushRunner {
 public:
  void start(std::size_t writer, Work work) override { pending_[writer] = {std::move(work), 0}; }
  bool done(std::size_t writer) override {
    const auto found = pending_.find(writer);
    if (found != pending_.end() && ++found->second.asked == 3) wait(writer);
    return !pending_.contains(writer);
  }
  void wait(std::size_t writer) override {
    if (const auto node = pending_.extract(writer)) node.mapped().work();
  }
  void wait_any(std::span<const std::size_t> writers) override { wait(writers.back()); }

 private:
  struct Pending {
    Work work;
    int asked = 0;
  };
  std::map<std::size_t, Pending> pending_;
};

class Member {
 public:
  Member(World& world, int number,
         std::unique_ptr<FlushRunner> runner = std::make_unique<InlineFlushRunner>(),
         std::size_t writers = 1)
      : world_(world),
        source_(world.kafka, world.clock, world.fuse, number),
        core_(world.config, std::vector<LogStore*>(writers, &world.store), world.spill,
              world.spill_bytes, breaker, redis_breaker, metrics_, world.clock, {},
              std::move(runner)) {
    core_.attach(&source_);
  }

  IngestCore& core() { return core_; }
  void run(int steps) {
    for (int i = 0; i < steps; ++i) core_.step();
  }
  // False when it never came to hold.
  template <typename Condition>
  bool run_until(Condition holds, int steps = 2'000) {
    for (int i = 0; i < steps; ++i) {
      if (holds()) return true;
      core_.step();
      world_.clock.advance(std::chrono::milliseconds{1});
    }
    return holds();
  }
  // Over all labels; -1 when there is none of that name.
  double metric(const std::string& name) {
    std::string problem;
    std::optional<double> sum;
    for (const telemetry::Sample& sample :
         telemetry::parse_exposition(registry_.expose(), &problem)) {
      if (sample.name == name) sum = sum.value_or(0) + sample.value;
    }
    return sum.value_or(-1);
  }

 private:
  std::shared_ptr<resilience::CircuitBreaker> make(const char* name) {
    return std::make_shared<resilience::CircuitBreaker>(name, LogConsumerConfig{}.breaker,
                                                        world_.clock, Random(1));
  }

  World& world_;
  telemetry::Metrics registry_;
  ConsumerMetrics metrics_{registry_};

 public:
  std::shared_ptr<resilience::CircuitBreaker> breaker = make("postgresql");
  std::shared_ptr<resilience::CircuitBreaker> redis_breaker = make("redis");

 private:
  FakeSource source_;
  IngestCore core_;
};

}  // namespace stormlog::pipeline::test

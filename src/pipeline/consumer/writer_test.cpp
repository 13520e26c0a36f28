// How a flush is cut until only the guilty rows are left out, against a store in memory that
// refuses chosen offsets.

#include "pipeline/consumer/writer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "common/postgres/sqlstate.hpp"

namespace stormlog::pipeline {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class FakeStore final : public LogStore {
 public:
  Result<StoredPositions> positions(const std::vector<int>&) override { return StoredPositions{}; }
  bool ready() override { return true; }
  Result<StoredPositions> reset_offset(int, std::int64_t, std::int64_t) override {
    return StoredPositions{};
  }
  Result<Written> write(std::span<const PartitionBatch> batches) override {
    ++calls;
    if (conflicts > 0) {
      --conflicts;
      return postgres::make_error("deadlock", "40P01");
    }
    if (calls == outage_at_call) return postgres::make_error("gone", "57P01");
    Written written;
    for (const PartitionBatch& batch : batches) {
      if (next[batch.partition] != batch.expected) written.fenced.push_back(batch.partition);
    }
    if (!written.fenced.empty()) return written;
    for (const PartitionBatch& batch : batches) {
      for (const LogRow& row : batch.rows) {
        if (poison.contains(row.offset)) return postgres::make_error("bad JSON", "22P02");
      }
    }
    for (const PartitionBatch& batch : batches) {
      for (const LogRow& row : batch.rows) {
        stored[batch.partition].push_back(row.offset);
        ++written.inserted;
      }
      for (const DeadLetter& letter : batch.dead) dead.push_back(letter.offset);
      next[batch.partition] = batch.next;
      written.moved[batch.partition].next = batch.next;
    }
    return written;
  }

  std::map<int, std::int64_t> next;
  std::set<std::int64_t> poison;
  std::map<int, std::vector<std::int64_t>> stored;
  std::vector<std::int64_t> dead;
  int calls = 0;
  int conflicts = 0;
  int outage_at_call = 0;
};

PartitionBatch batch(int partition, std::int64_t from, std::int64_t to) {
  PartitionBatch batch;
  batch.partition = partition;
  batch.expected = from;
  batch.next = to;
  for (std::int64_t offset = from; offset < to; ++offset) {
    LogRow row;
    row.partition = partition;
    row.offset = offset;
    row.payload = "payload " + std::to_string(offset);
    batch.rows.push_back(std::move(row));
  }
  return batch;
}

std::vector<PartitionBatch> batches(PartitionBatch a) {
  std::vector<PartitionBatch> all;
  all.push_back(std::move(a));
  return all;
}
std::vector<PartitionBatch> batches(PartitionBatch a, PartitionBatch b) {
  std::vector<PartitionBatch> all = batches(std::move(a));
  all.push_back(std::move(b));
  return all;
}

std::size_t rows_of(const FlushOutcome& outcome) {
  std::size_t sum = 0;
  for (const std::vector<LogRow>& rows : outcome.rows) sum += rows.size();
  return sum;
}

TEST(WriteBatches, IsOneTransactionWhenAllIsWell) {
  FakeStore store;
  const FlushOutcome outcome = write_batches(store, batches(batch(0, 0, 5), batch(1, 0, 3)));
  EXPECT_EQ(store.calls, 1);
  EXPECT_EQ(outcome.inserted, 8);
  EXPECT_EQ(rows_of(outcome), 8u);
  EXPECT_EQ(outcome.stored.at(0).next, 5);
  EXPECT_EQ(outcome.stored.at(1).next, 3);
  EXPECT_FALSE(outcome.failure);
}

TEST(WriteBatches, APoisonRowGoesToTheDeadLettersAndItsNeighboursAreStored) {
  FakeStore store;
  store.poison = {2};
  const FlushOutcome outcome = write_batches(store, batches(batch(0, 0, 5), batch(1, 100, 102)));
  EXPECT_THAT(store.stored[0], ElementsAre(0, 1, 3, 4));
  EXPECT_THAT(store.dead, ElementsAre(2));
  EXPECT_EQ(outcome.dead, 1);
  EXPECT_EQ(outcome.inserted, 4);
  EXPECT_EQ(outcome.stored.at(0).next, 5);
  // Partition 1 expected 0, not 100.
  EXPECT_THAT(outcome.fenced, ElementsAre(1));
}

TEST(WriteBatches, EveryRowMayBePoison) {
  FakeStore store;
  for (std::int64_t offset = 0; offset < 17; ++offset) store.poison.insert(offset);
  const FlushOutcome outcome = write_batches(store, batches(batch(0, 0, 17)));
  EXPECT_EQ(outcome.dead, 17);
  EXPECT_THAT(store.stored[0], IsEmpty());
  EXPECT_EQ(store.dead.size(), 17u);
  EXPECT_TRUE(std::is_sorted(store.dead.begin(), store.dead.end()));
  EXPECT_EQ(store.next[0], 17);
  EXPECT_FALSE(outcome.failure);
}

TEST(WriteBatches, DeadLettersOfTheDecoderStayInTheOrderOfOffsets) {
  FakeStore store;
  store.poison = {5};
  PartitionBatch mixed = batch(0, 0, 8);
  mixed.rows.erase(mixed.rows.begin() + 2);
  DeadLetter undecodable;
  undecodable.offset = 2;
  mixed.dead.push_back(undecodable);
  const FlushOutcome outcome = write_batches(store, batches(std::move(mixed)));
  EXPECT_THAT(store.dead, ElementsAre(2, 5));
  EXPECT_THAT(store.stored[0], ElementsAre(0, 1, 3, 4, 6, 7));
  EXPECT_EQ(outcome.stored.at(0).next, 8);
}

TEST(WriteBatches, AFencedPartitionIsLeftOutAndTheOthersAreStored) {
  FakeStore store;
  store.next[0] = 3;  // somebody else has moved it
  const FlushOutcome outcome = write_batches(store, batches(batch(0, 0, 5), batch(1, 0, 2)));
  EXPECT_THAT(outcome.fenced, ElementsAre(0));
  EXPECT_THAT(store.stored[0], IsEmpty());
  EXPECT_THAT(store.stored[1], ElementsAre(0, 1));
  EXPECT_FALSE(outcome.stored.contains(0));
  EXPECT_FALSE(outcome.failure);
}

TEST(WriteBatches, AConflictIsRetried) {
  FakeStore store;
  store.conflicts = 3;
  EXPECT_FALSE(write_batches(store, batches(batch(0, 0, 2))).failure);
  EXPECT_EQ(store.calls, 4);
  store.conflicts = 1'000;
  const FlushOutcome outcome = write_batches(store, batches(batch(0, 2, 4)));
  ASSERT_TRUE(outcome.failure);
  EXPECT_EQ(outcome.failure->code, "40P01");
}

TEST(WriteBatches, AnOutageEndsTheFlushAndBuriesNothing) {
  FakeStore store;
  store.poison = {0};
  store.outage_at_call = 3;  // in the middle of the cutting
  const FlushOutcome outcome = write_batches(store, batches(batch(0, 0, 8)));
  ASSERT_TRUE(outcome.failure);
  EXPECT_EQ(outcome.failure->code, "57P01");
  EXPECT_THAT(store.dead, IsEmpty());
  EXPECT_EQ(outcome.dead, 0);
}

// Rows of each share's partitions.
std::vector<std::vector<std::pair<int, std::size_t>>> shares(
    const std::vector<std::pair<int, std::int64_t>>& sizes, std::size_t writers,
    std::size_t min_rows = 1) {
  std::vector<PartitionBatch> all;
  for (const auto& [partition, rows] : sizes) all.push_back(batch(partition, 0, rows));
  std::vector<std::vector<std::pair<int, std::size_t>>> found;
  for (const auto& share : share_out(std::move(all), writers, min_rows)) {
    found.emplace_back();
    for (const PartitionBatch& one : share)
      found.back().emplace_back(one.partition, one.rows.size());
  }
  return found;
}

TEST(ShareOut, GivesEachWriterAboutAsMuch) {
  using Share = std::vector<std::pair<int, std::size_t>>;
  EXPECT_THAT(shares({{0, 5}, {1, 30}, {2, 20}, {3, 10}, {4, 15}}, 2),
              ElementsAre(Share{{1, 30}, {3, 10}}, Share{{2, 20}, {4, 15}, {0, 5}}));
  EXPECT_THAT(shares({{0, 5}, {1, 6}}, 3), ElementsAre(Share{{1, 6}}, Share{{0, 5}}));
}

TEST(ShareOut, KeepsTogetherWhatIsSmallOrOfOnePartition) {
  using Share = std::vector<std::pair<int, std::size_t>>;
  EXPECT_THAT(shares({{0, 5}, {1, 5}}, 2, 11), ElementsAre(Share{{0, 5}, {1, 5}}));
  EXPECT_THAT(shares({{0, 5}, {1, 6}}, 1), ElementsAre(Share{{0, 5}, {1, 6}}));
  EXPECT_THAT(shares({{7, 5}}, 2), ElementsAre(Share{{7, 5}}));
}

TEST(Merge, OneShareMayFailWhereAnotherIsStored) {
  FakeStore good;
  FakeStore bad;
  bad.outage_at_call = 1;
  good.next[2] = 9;  // somebody else has it
  std::vector<FlushOutcome> outcomes;
  outcomes.push_back(write_batches(bad, batches(batch(0, 0, 4))));
  outcomes.push_back(write_batches(good, batches(batch(1, 0, 3), batch(2, 0, 2))));
  const FlushOutcome all = merge(std::move(outcomes));
  ASSERT_TRUE(all.failure);
  EXPECT_EQ(all.failure->code, "57P01");
  EXPECT_EQ(all.inserted, 3);
  EXPECT_EQ(rows_of(all), 3U);
  EXPECT_THAT(all.fenced, ElementsAre(2));
  ASSERT_EQ(all.stored.size(), 1U);
  EXPECT_EQ(all.stored.at(1).next, 3);
}

TEST(SafeText, KeepsUtf8AndReplacesTheRest) {
  EXPECT_EQ(safe_text("grün \xF0\x9F\x8C\xA9", 100), "grün \xF0\x9F\x8C\xA9");
  EXPECT_EQ(safe_text(std::string_view("a\0b", 3), 100), "a?b");
  EXPECT_EQ(safe_text("a\xFF\xC3", 100), "a??");
  EXPECT_EQ(safe_text("\xED\xA0\x80", 100), "???");  // a surrogate
  EXPECT_EQ(safe_text("\xC0\xAF", 100), "??");       // overlong
  EXPECT_EQ(safe_text("aü", 2), "a");                // never half a character
}

}  // namespace
}  // namespace stormlog::pipeline

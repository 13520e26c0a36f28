#include "pipeline/consumer/writer.hpp"

#include <algorithm>
#include <utility>

#include "common/postgres/sqlstate.hpp"

namespace stormlog::pipeline {
namespace {

constexpr int kConflictRetries = 10;

class Flush {
 public:
  explicit Flush(LogStore& store) : store_(store) {}

  // False when the flush has to end here.
  bool write(std::vector<PartitionBatch> batches) {
    while (!batches.empty()) {
      Result<LogStore::Written> written = attempt(batches);
      if (!written) {
        if (postgres::failure_of(written.error()) == postgres::Failure::data) {
          return isolate(std::move(batches), written.error());
        }
        outcome_.failure = written.error();
        return false;
      }
      if (written->fenced.empty()) {
        keep(std::move(batches), *written);
        return true;
      }
      std::erase_if(batches, [&](const PartitionBatch& batch) {
        return std::find(written->fenced.begin(), written->fenced.end(), batch.partition) !=
               written->fenced.end();
      });
      outcome_.fenced.insert(outcome_.fenced.end(), written->fenced.begin(), written->fenced.end());
    }
    return true;
  }

  FlushOutcome take() { return std::move(outcome_); }

 private:
  Result<LogStore::Written> attempt(const std::vector<PartitionBatch>& batches) {
    for (int tries = 0;; ++tries) {
      Result<LogStore::Written> written = store_.write(batches);
      if (written.ok() || tries == kConflictRetries ||
          postgres::failure_of(written.error()) != postgres::Failure::conflict) {
        return written;
      }
    }
  }

  bool fenced(int partition) const {
    return std::find(outcome_.fenced.begin(), outcome_.fenced.end(), partition) !=
           outcome_.fenced.end();
  }

  // The data of these batches were refused together.
  bool isolate(std::vector<PartitionBatch> batches, const Error& why) {
    if (batches.size() > 1) {
      for (PartitionBatch& batch : batches) {
        if (!write_one(std::move(batch))) return false;
      }
      return true;
    }
    PartitionBatch batch = std::move(batches.front());
    if (batch.rows.empty()) {
      // Only dead letters, and even they are refused: wait rather than lose them.
      outcome_.failure =
          Error::retriable("dead letters cannot be stored: " + why.message, why.code);
      return false;
    }
    if (batch.rows.size() == 1) {
      DeadLetter letter = bury(std::move(batch.rows.front()), why.code, why.message);
      batch.rows.clear();
      const auto place =
          std::lower_bound(batch.dead.begin(), batch.dead.end(), letter.offset,
                           [](const DeadLetter& a, std::int64_t b) { return a.offset < b; });
      batch.dead.insert(place, std::move(letter));
      return write_one(std::move(batch));
    }
    const std::size_t half = batch.rows.size() / 2;
    const int partition = batch.partition;
    auto [first, second] = std::move(batch).split(half);
    if (!write_one(std::move(first))) return false;
    // Fenced in the middle: the second half would be, too.
    return fenced(partition) || write_one(std::move(second));
  }

  bool write_one(PartitionBatch batch) {
    std::vector<PartitionBatch> one;
    one.push_back(std::move(batch));
    return write(std::move(one));
  }

  void keep(std::vector<PartitionBatch> batches, const LogStore::Written& written) {
    outcome_.inserted += written.inserted;
    outcome_.duplicates += written.duplicates;
    for (const auto& [partition, position] : written.moved) outcome_.stored[partition] = position;
    for (PartitionBatch& batch : batches) {
      outcome_.dead += static_cast<std::int64_t>(batch.dead.size());
      if (!batch.rows.empty()) outcome_.rows.push_back(std::move(batch.rows));
    }
  }

  LogStore& store_;
  FlushOutcome outcome_;
};

}  // namespace

FlushOutcome write_batches(LogStore& store, std::vector<PartitionBatch> batches) {
  Flush flush(store);
  flush.write(std::move(batches));
  return flush.take();
}

std::vector<std::vector<PartitionBatch>> share_out(std::vector<PartitionBatch> batches,
                                                   std::size_t writers, std::size_t min_rows) {
  std::size_t rows = 0;
  for (const PartitionBatch& batch : batches) rows += batch.rows.size();
  std::vector<std::vector<PartitionBatch>> shares;
  if (rows < min_rows || writers < 2 || batches.size() < 2) {
    shares.push_back(std::move(batches));
    return shares;
  }
  // The largest first, each to whoever has least: no share is much larger than it must be.
  std::stable_sort(batches.begin(), batches.end(),
                   [](const PartitionBatch& a, const PartitionBatch& b) {
                     return a.rows.size() > b.rows.size();
                   });
  shares.resize(std::min(writers, batches.size()));
  std::vector<std::size_t> load(shares.size(), 0);
  for (PartitionBatch& batch : batches) {
    const auto least =
        static_cast<std::size_t>(std::min_element(load.begin(), load.end()) - load.begin());
    load[least] += batch.rows.size() + 1;  // also for one that has only dead letters
    shares[least].push_back(std::move(batch));
  }
  return shares;
}

FlushOutcome merge(std::vector<FlushOutcome> outcomes) {
  FlushOutcome all = std::move(outcomes.front());
  for (std::size_t i = 1; i < outcomes.size(); ++i) {
    FlushOutcome& one = outcomes[i];
    all.stored.merge(one.stored);
    std::move(one.rows.begin(), one.rows.end(), std::back_inserter(all.rows));
    all.inserted += one.inserted;
    all.duplicates += one.duplicates;
    all.dead += one.dead;
    all.fenced.insert(all.fenced.end(), one.fenced.begin(), one.fenced.end());
    if (one.failure && !all.failure) all.failure = std::move(one.failure);
  }
  return all;
}

}  // namespace stormlog::pipeline

#include "pipeline/consumer/cache_writer.hpp"

#include "pipeline/consumer/log_json.hpp"

namespace stormlog::pipeline {
namespace {

constexpr std::size_t kChunk = 256;
// Redis's own cost of an entry: dictionaries, expiry, headers.
constexpr std::uint64_t kEntryOverhead = 150;

}  // namespace

std::string cache_key(const Uuid& id) {
  return "stormlog:log:" + id.to_string();
}

bool CacheBudget::admit(std::uint64_t bytes, MonotonicTime now) {
  while (!slots_.empty() && slots_.front().begin + ttl_ + std::chrono::seconds{1} <= now) {
    held_ -= slots_.front().bytes;
    slots_.pop_front();
  }
  if (held_ + bytes > max_bytes_) return false;
  if (slots_.empty() || slots_.back().begin + std::chrono::seconds{1} <= now) {
    slots_.push_back({now, 0});
  }
  slots_.back().bytes += bytes;
  held_ += bytes;
  return true;
}

CacheWriter::CacheWriter(CacheConfig config, std::shared_ptr<resilience::CircuitBreaker> breaker,
                         const ConsumerMetrics& metrics, const Clock& clock)
    : config_(std::move(config)),
      breaker_(std::move(breaker)),
      metrics_(metrics),
      clock_(clock),
      budget_(config_.max_bytes, config_.ttl),
      redis_(config_.url, config_.connection),
      thread_([this] { loop(); }) {}

CacheWriter::~CacheWriter() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void CacheWriter::offer(std::vector<LogRow>&& rows) {
  if (rows.empty()) return;
  {
    const std::lock_guard lock(mutex_);
    if (queued_rows_ + rows.size() > config_.queue_rows) {
      metrics_.cache_skipped.add(static_cast<double>(rows.size()));
      return;
    }
    queued_rows_ += rows.size();
    queue_.push_back(std::move(rows));
  }
  wake_.notify_one();
}

void CacheWriter::loop() {
  for (;;) {
    std::vector<LogRow> rows;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stop_ || !queue_.empty(); });
      if (stop_) return;
      rows = std::move(queue_.front());
      queue_.pop_front();
      queued_rows_ -= rows.size();
    }
    write(rows);
  }
}

void CacheWriter::write(const std::vector<LogRow>& rows) {
  const std::string ttl = std::to_string(config_.ttl.count());
  std::vector<redis::Command> commands;
  for (const LogRow& row : rows) {
    std::string json = to_json(row.event, row.partition, row.offset);
    if (!budget_.admit(json.size() + kEntryOverhead, clock_.now())) {
      metrics_.cache_skipped.add();
      continue;
    }
    commands.push_back({"SET", cache_key(row.event.id), std::move(json), "PX", ttl});
    if (commands.size() < kChunk) continue;
    write_chunk(commands);
    commands.clear();
  }
  if (!commands.empty()) write_chunk(commands);
}

void CacheWriter::write_chunk(const std::vector<redis::Command>& commands) {
  const auto count = static_cast<double>(commands.size());
  resilience::Permit permit = breaker_->acquire();
  if (!permit) {
    metrics_.cache_failed.add(count);
    return;
  }
  const MonotonicTime begin = clock_.now();
  const Result<std::vector<redis::Reply>> replies = redis_.pipeline(commands);
  metrics_.redis_set_seconds.observe(clock_.now() - begin);
  if (!replies) {
    permit.failure();
    metrics_.cache_failed.add(count);
    return;
  }
  // An error in an answer (out of memory, say) is Redis being alive.
  permit.success();
  for (const redis::Reply& reply : *replies) {
    (reply.type == redis::Reply::Type::error ? metrics_.cache_failed : metrics_.cache_written)
        .add();
  }
}

}  // namespace stormlog::pipeline

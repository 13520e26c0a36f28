#include "pipeline/consumer/cache_writer.hpp"

#include <iterator>

#include "common/base/thread_name.hpp"
#include "pipeline/consumer/log_json.hpp"
#include "pipeline/consumer/redis_call.hpp"

namespace stormlog::pipeline {
namespace {

constexpr std::size_t kChunk = 256;
// Redis's own cost of an entry: dictionaries, expiry, headers.
constexpr std::uint64_t kEntryOverhead = 150;
// What to_json() writes beyond the members that were sent.
constexpr std::uint64_t kJsonOverhead = 100;

// About what the row will take: known before its JSON is made, which under load is for nothing.
std::uint64_t bytes_of(const LogRow& row) {
  return row.payload.size() + kJsonOverhead + kEntryOverhead;
}

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
      recent_(config_.ttl),
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
  name_thread("cache");
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
    if (!budget_.admit(bytes_of(row), clock_.now())) {
      metrics_.cache_skipped.add();
      continue;
    }
    recent_.note(row.event.service, {row.event.timestamp_ns, row.event.id});
    commands.push_back(
        {"SET", cache_key(row.event.id), to_json(row.event, row.partition, row.offset), "PX", ttl});
    if (commands.size() < kChunk) continue;
    write_chunk(commands);
    commands.clear();
  }
  if (!commands.empty()) write_chunk(commands);
  write_index();
}

void CacheWriter::write_index() {
  std::vector<redis::Command> commands;
  for (RecentIndex::Update& update : recent_.take(clock_.wall_now())) {
    // Without it a list shows fewer events while PostgreSQL is away; by id they are found.
    if (!budget_.admit(update.bytes, clock_.now())) continue;
    std::move(update.commands.begin(), update.commands.end(), std::back_inserter(commands));
    if (commands.size() < kChunk) continue;
    (void)send(commands);
    commands.clear();
  }
  if (!commands.empty()) (void)send(commands);
}

void CacheWriter::write_chunk(const std::vector<redis::Command>& commands) {
  const Result<std::vector<redis::Reply>> replies = send(commands);
  if (!replies) {
    metrics_.cache_failed.add(static_cast<double>(commands.size()));
    return;
  }
  for (const redis::Reply& reply : *replies) {
    (reply.type == redis::Reply::Type::error ? metrics_.cache_failed : metrics_.cache_written)
        .add();
  }
}

Result<std::vector<redis::Reply>> CacheWriter::send(const std::vector<redis::Command>& commands) {
  return call_redis(*breaker_, metrics_.redis_set_seconds, clock_, redis_, commands);
}

}  // namespace stormlog::pipeline

#include "pipeline/consumer/ingest.hpp"

#include "common/base/log.hpp"
#include "common/base/thread_name.hpp"

namespace stormlog::pipeline {
namespace {

using namespace std::chrono_literals;

constexpr auto kIdleWait = 50ms;
constexpr auto kRebuildWait = 1s;

}  // namespace

Ingest::Ingest(kafka::ConsumerConfig config, IngestCore& core, PositionBoard& board,
               const ConsumerMetrics& metrics, const Clock& clock)
    : config_(std::move(config)), core_(core), board_(board), metrics_(metrics), clock_(clock) {}

Ingest::~Ingest() {
  request_stop();
  if (thread_.joinable()) thread_.join();
}

void Ingest::start() {
  thread_ = std::thread([this] { loop(); });
}

void Ingest::loop() {
  name_thread("ingest");
  while (!stop_.load(std::memory_order_acquire)) {
    if (!ensure_client()) {
      std::this_thread::sleep_for(kIdleWait);
      continue;
    }
    core_.step();
    if (!core_.broken()) continue;
    close_client();
    metrics_.client_rebuilds.add();
    make_at_ = clock_.now() + kRebuildWait;
  }
  if (client_) {
    core_.finish();
    close_client();
  }
  finished_.store(true, std::memory_order_release);
}

bool Ingest::ensure_client() {
  if (client_) return true;
  if (clock_.now() < make_at_) return false;
  Result<std::unique_ptr<kafka::Consumer>> made = kafka::Consumer::create(config_, *this);
  if (!made) {
    if (!told_) log::error("kafka client", {{"error", made.error().message}});
    told_ = true;
    make_at_ = clock_.now() + kRebuildWait;
    return false;
  }
  told_ = false;
  client_ = std::move(*made);
  source_ = std::make_unique<KafkaSource>(*client_);
  core_.attach(source_.get());
  return true;
}

void Ingest::close_client() {
  client_->close();
  // A record of the client must not outlive it.
  source_.reset();
  client_.reset();
  core_.attach(nullptr);
}

void Ingest::publish() {
  board_.publish({client_, core_.assignment(), core_.positions(), core_.last_stored_produced(),
                  core_.accounts()});
}

}  // namespace stormlog::pipeline

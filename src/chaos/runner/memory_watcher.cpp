#include "chaos/runner/memory_watcher.hpp"

#include <chrono>
#include <condition_variable>
#include <nlohmann/json.hpp>

#include "chaos/stack/process_tree.hpp"
#include "chaos/target/target.hpp"

namespace stormlog::chaos {
namespace {

// A look reads a few files of each process in /proc: cheap enough not to show in what is measured.
constexpr std::chrono::seconds kInterval{1};

}  // namespace

void MemoryWatcher::start() {
  look();
  thread_ = std::jthread([this](const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any wake;
    std::unique_lock lock(mutex);
    while (!wake.wait_for(lock, stop, kInterval, [&stop] { return stop.stop_requested(); })) {
      look();
    }
  });
}

void MemoryWatcher::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
  look();
}

void MemoryWatcher::look() {
  nlohmann::ordered_json bytes = nlohmann::ordered_json::object();
  const Nanoseconds now = journal_.now();
  for (const ServiceSpec& service : stack_.services) {
    const auto identity = process_of(stack_, service.name);
    if (!identity.ok()) continue;
    const auto resident = resident_bytes(*identity);
    if (!resident) continue;
    bytes[service.name] = *resident;
    const std::lock_guard lock(mutex_);
    samples_.push_back({service.name, now, *resident});
  }
  journal_.write_at("memory", now, {{"bytes", bytes}});
}

std::vector<MemorySample> MemoryWatcher::samples() const {
  const std::lock_guard lock(mutex_);
  return samples_;
}

}  // namespace stormlog::chaos

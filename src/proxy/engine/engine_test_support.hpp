#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "proxy/engine/engine.hpp"
#include "proxy/engine/socket_test_support.hpp"

namespace stormlog::proxy {

using std::chrono::milliseconds;
using std::chrono::seconds;

inline double milliseconds_since(MonotonicTime start) {
  return std::chrono::duration<double, std::milli>(SystemClock::instance().now() - start).count();
}
inline MonotonicTime now() {
  return SystemClock::instance().now();
}

// Looks again and again, for at most half a minute.
template <typename Condition>
bool eventually(Condition holds) {
  for (int look = 0; look < 15'000; ++look) {
    if (holds()) return true;
    std::this_thread::sleep_for(milliseconds(2));
  }
  return false;
}

// `size` bytes that are the same for the same seed, and nowhere alike.
inline std::string pattern(std::size_t size, std::uint64_t seed = 1) {
  Random random(seed);
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; i += 8) {
    const std::uint64_t word = random.next();
    bytes.replace(i, std::min<std::size_t>(8, size - i), reinterpret_cast<const char*>(&word),
                  std::min<std::size_t>(8, size - i));
  }
  return bytes;
}

class EventLog final : public EventSink {
 public:
  bool wanted() const override { return true; }
  void publish(const ConnectionEvent& event) override {
    const std::lock_guard lock(mutex_);
    std::string line(to_string(event.kind));
    line += " " + std::to_string(event.connection);
    if (!event.toxic.empty()) line += " " + event.toxic;
    if (!event.reason.empty()) line += " " + event.reason;
    lines_.push_back(std::move(line));
  }
  std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  bool has(const std::string& line) const {
    const auto all = lines();
    return std::find(all.begin(), all.end(), line) != all.end();
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

// One proxy in front of one server.
class TestProxy {
 public:
  using Values = std::vector<std::pair<std::string, AttributeValue>>;

  explicit TestProxy(const std::string& upstream, const EngineLimits& limits = {},
                     std::uint64_t seed = 1, EventSink* events = nullptr)
      : engine_(std::make_unique<Engine>(2, limits, events)) {
    auto opened = engine_->open({"test", "127.0.0.1:0", upstream, Random(seed),
                                 std::make_shared<const Toxics>(), engine_->new_history()});
    if (!opened.ok()) throw std::runtime_error(opened.error().message);
    running_ = *opened;
    port_ = running_->listener->address().port();
  }

  std::uint16_t port() const { return port_; }
  Engine& engine() { return *engine_; }
  RunningProxy& running() { return *running_; }

  // Each returns when all workers have it.
  void add(const std::string& type, Stream stream, const Values& values = {}, double toxicity = 1,
           const std::string& name = "") {
    const ToxicType* known = find_toxic_type(type);
    ASSERT_NE(known, nullptr) << type;
    Toxic toxic{++last_id_, name.empty() ? type : name,   known, stream,
                toxicity,   Attributes(known->attributes)};
    set(toxic, values);
    toxics_.push_back(std::make_shared<const Toxic>(std::move(toxic)));
    apply();
  }
  void update(const std::string& name, const Values& values) {
    for (auto& one : toxics_) {
      if (one->name != name) continue;
      Toxic changed = *one;
      set(changed, values);
      one = std::make_shared<const Toxic>(std::move(changed));
    }
    apply();
  }
  void remove(const std::string& name) {
    std::erase_if(toxics_, [&](const auto& one) { return one->name == name; });
    apply();
  }
  void clear() {
    toxics_.clear();
    apply();
  }
  void apply() {
    std::promise<void> done;
    const auto set = engine_->set_toxics(running_, std::make_shared<const Toxics>(toxics_),
                                         [&] { done.set_value(); });
    ASSERT_TRUE(set.ok()) << set.error().message;
    done.get_future().wait();
  }
  void close() {
    std::promise<void> done;
    engine_->close(running_, "test", [&] { done.set_value(); });
    done.get_future().wait();
  }

  std::uint64_t received(Stream stream) const {
    std::uint64_t sum = 0;
    for (const auto& counters : running_->core->history->counters) {
      sum += counters.direction[static_cast<std::size_t>(stream)].received.value();
    }
    return sum;
  }

 private:
  static void set(Toxic& toxic, const Values& values) {
    for (const auto& [name, value] : values) {
      const AttributeSpec* spec = toxic.type->attribute(name);
      ASSERT_NE(spec, nullptr) << name;
      ASSERT_TRUE(toxic.attributes.set(*spec, value).ok()) << name;
    }
  }

  std::unique_ptr<Engine> engine_;
  std::shared_ptr<RunningProxy> running_;
  std::uint16_t port_ = 0;
  Toxics toxics_;
  std::uint64_t last_id_ = 0;
};

inline AttributeValue whole(std::int64_t value) {
  return value;
}

}  // namespace stormlog::proxy

#include "pipeline/admin/breakers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <thread>

#include "common/base/units.hpp"
#include "common/http/curl_client.hpp"
#include "common/service/service.hpp"
#include "pipeline/auth/access_control.hpp"
#include "resilience/circuit_breaker.hpp"

namespace stormlog::pipeline {
namespace {

using nlohmann::json;
using resilience::BreakerState;
using resilience::CircuitBreaker;

using ReceivedEvent = std::pair<std::string, json>;

// Follows /admin/breakers/events on a thread of its own and keeps the events.
class Follower {
 public:
  Follower(std::uint16_t port, std::string last_id = {}) {
    http::FetchRequest request;
    request.url = "http://127.0.0.1:" + std::to_string(port) + "/admin/breakers/events";
    request.timeout = std::chrono::milliseconds(0);
    if (!last_id.empty()) request.headers.add("Last-Event-ID", last_id);
    thread_ = std::thread([this, request] {
      const auto result = http::read_event_stream(
          request, stop_, [this](std::string_view event, std::string_view data) {
            const std::lock_guard lock(mutex_);
            events_.emplace_back(event, json::parse(data));
            return true;
          });
      ended_ = true;
    });
  }
  ~Follower() {
    stop_ = true;
    thread_.join();
  }
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  // Waits until so many events have come.
  std::vector<ReceivedEvent> await(std::size_t count) const {
    for (;;) {
      {
        const std::lock_guard lock(mutex_);
        if (events_.size() >= count) return events_;
      }
      if (ended_) return {};
      std::this_thread::yield();
    }
  }
  void await_end() const {
    while (!ended_) std::this_thread::yield();
  }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<bool> ended_{false};
  mutable std::mutex mutex_;
  std::vector<ReceivedEvent> events_;
  std::thread thread_;
};

class BreakersTest : public ::testing::Test {
 protected:
  BreakersTest() : service_(config()), registry_(clock_, std::chrono::milliseconds(20)) {
    producer_ = add("log-producer");
    access_->install(service_);
    registry_.install(service_);
    other_ = add("other");  // after install() is as good
    const auto listening = service_.listen();
    EXPECT_TRUE(listening.ok());
    running_ = std::async(std::launch::async, [this] { return service_.run(); });
  }
  ~BreakersTest() override {
    service_.request_stop();
    running_.wait();
  }

  static service::ServiceConfig config() {
    service::ServiceConfig config("test-service", 0);
    config.log_level = "off";
    config.admin_token = "0123456789abcdef";
    return config;
  }
  std::shared_ptr<CircuitBreaker> add(const std::string& name) {
    auto breaker = std::make_shared<CircuitBreaker>(name, resilience::CircuitBreakerConfig(),
                                                    clock_, Random(1));
    registry_.add(breaker);
    return breaker;
  }
  http::FetchResponse get(const std::string& target) const {
    http::FetchRequest request;
    request.url = "http://127.0.0.1:" + std::to_string(service_.port()) + target;
    const auto response = http::fetch(request);
    EXPECT_TRUE(response.ok());
    return response.ok() ? *response : http::FetchResponse();
  }

  ManualClock clock_;
  std::unique_ptr<AccessControl> access_ = *AccessControl::create(config(), clock_);
  service::Service service_;
  BreakerRegistry registry_;
  std::shared_ptr<CircuitBreaker> producer_;
  std::shared_ptr<CircuitBreaker> other_;
  std::future<int> running_;
};

TEST_F(BreakersTest, ListHasEachBreaker) {
  producer_->acquire().failure();
  ASSERT_TRUE(other_->transition_to(BreakerState::forced_open));
  const auto response = get("/admin/breakers");
  EXPECT_EQ(response.status, 200);
  const json body = json::parse(response.body);
  ASSERT_EQ(body["breakers"].size(), 2U);
  const json& producer = body["breakers"][0];
  EXPECT_EQ(producer["name"], "log-producer");
  EXPECT_EQ(producer["state"], "closed");
  EXPECT_EQ(producer["failure_rate"], 0);  // one call is below the minimum
  EXPECT_EQ(producer["slow_call_rate"], 0);
  EXPECT_EQ(producer["buffered_calls"], 1);
  EXPECT_EQ(producer["failed_calls"], 1);
  EXPECT_EQ(producer["transitions"], 0);
  EXPECT_EQ(body["breakers"][1]["state"], "forced_open");
  EXPECT_EQ(body["breakers"][1]["transitions"], 1);
}

TEST_F(BreakersTest, ChangesByHandNeedTheTokenAndAnAction) {
  const auto post = [&](const std::string& name, const std::string& body,
                        const std::string& token = "0123456789abcdef") {
    http::FetchRequest request;
    request.method = "POST";
    request.url = "http://127.0.0.1:" + std::to_string(service_.port()) + "/admin/breakers/" + name;
    request.body = body;
    if (!token.empty()) request.headers.add("Authorization", "Bearer " + token);
    return *http::fetch(request);
  };
  const auto state_after = [&](const std::string& action) {
    const auto response = post("other", "{\"action\":\"" + action + "\"}");
    EXPECT_EQ(response.status, 200) << response.body;
    return json::parse(response.body).value("state", "");
  };
  EXPECT_EQ(state_after("force_open"), "forced_open");
  EXPECT_EQ(other_->state(), BreakerState::forced_open);
  EXPECT_EQ(state_after("disable"), "disabled");
  EXPECT_EQ(state_after("metrics_only"), "metrics_only");
  EXPECT_EQ(state_after("close"), "closed");
  other_->acquire().failure();
  EXPECT_EQ(state_after("reset"), "closed");
  EXPECT_EQ(other_->metrics().buffered, 0U);

  EXPECT_EQ(post("other", R"({"action":"force_open"})", "").status, 401);
  EXPECT_EQ(post("other", R"({"action":"force_open"})", "0123456789abcdeX").status, 401);
  EXPECT_EQ(post("nobody", R"({"action":"force_open"})").status, 404);
  for (const char* bad : {"", "{}", "[]", R"({"action":"open"})", R"({"action":1})",
                          R"({"action":"close","for":"1m"})"}) {
    const auto refused = post("other", bad);
    EXPECT_EQ(refused.status, 400) << bad;
    EXPECT_THAT(refused.body, ::testing::HasSubstr("force_open, close, disable"));
  }
  EXPECT_EQ(other_->state(), BreakerState::closed);
}

TEST_F(BreakersTest, StreamStartsWithASnapshotThenTellsTransitions) {
  ASSERT_TRUE(other_->transition_to(BreakerState::disabled));
  const Follower follower(service_.port());
  auto events = follower.await(1);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].first, "snapshot");
  EXPECT_EQ(events[0].second["breakers"][0]["state"], "closed");
  EXPECT_EQ(events[0].second["breakers"][1]["state"], "disabled");

  clock_.advance(std::chrono::microseconds(1'234'567));
  ASSERT_TRUE(producer_->transition_to(BreakerState::open));
  ASSERT_TRUE(producer_->transition_to(BreakerState::half_open));
  events = follower.await(3);
  ASSERT_EQ(events.size(), 3U);
  const json& first = events[1].second;
  EXPECT_EQ(events[1].first, "transition");
  EXPECT_EQ(first["breaker"], "log-producer");
  EXPECT_EQ(first["from"], "closed");
  EXPECT_EQ(first["to"], "open");
  EXPECT_EQ(first["at"], units::format_rfc3339(clock_.wall_now(), 9));
  EXPECT_EQ(first["at_unix_ns"], clock_.wall_now().time_since_epoch().count());
  EXPECT_EQ(first["monotonic_ns"], clock_.now().time_since_epoch().count());
  const json& second = events[2].second;
  EXPECT_EQ(second["from"], "open");
  EXPECT_EQ(second["to"], "half_open");
  EXPECT_GT(second["sequence"], first["sequence"]);
}

TEST_F(BreakersTest, ManySubscribersAllHearEverything) {
  std::vector<std::unique_ptr<Follower>> followers;
  for (int i = 0; i < 8; ++i) followers.push_back(std::make_unique<Follower>(service_.port()));
  for (const auto& follower : followers) ASSERT_EQ(follower->await(1).size(), 1U);
  // From threads of their own, as breakers change in production.
  std::thread a([&] { producer_->transition_to(BreakerState::open); });
  std::thread b([&] { other_->transition_to(BreakerState::open); });
  a.join();
  b.join();
  for (const auto& follower : followers) {
    const auto events = follower->await(3);
    ASSERT_EQ(events.size(), 3U);
    EXPECT_NE(events[1].second["breaker"], events[2].second["breaker"]);
  }
}

TEST_F(BreakersTest, ReturningClientGetsWhatItMissed) {
  std::string seen;
  {
    const Follower follower(service_.port());
    ASSERT_EQ(follower.await(1).size(), 1U);
    ASSERT_TRUE(producer_->transition_to(BreakerState::open));
    const auto events = follower.await(2);
    ASSERT_EQ(events.size(), 2U);
    seen = "log-producer:" + events[1].second["sequence"].dump();
  }
  ASSERT_TRUE(producer_->transition_to(BreakerState::half_open));
  ASSERT_TRUE(producer_->transition_to(BreakerState::closed));
  const Follower again(service_.port(), seen);
  const auto events = again.await(3);
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0].first, "snapshot");
  EXPECT_EQ(events[1].second["to"], "half_open");
  EXPECT_EQ(events[2].second["to"], "closed");
}

TEST_F(BreakersTest, DrainEndsTheStreams) {
  const Follower follower(service_.port());
  ASSERT_EQ(follower.await(1).size(), 1U);
  service_.request_stop();
  follower.await_end();
  EXPECT_EQ(running_.get(), 0);
  running_ = std::async(std::launch::deferred, [] { return 0; });
}

TEST_F(BreakersTest, MetricsSpeakTheNamesOfResilience4j) {
  ASSERT_TRUE(producer_->transition_to(BreakerState::open));
  const std::string page = get("/metrics").body;
  EXPECT_THAT(page,
              ::testing::HasSubstr(
                  R"(resilience4j_circuitbreaker_state{name="log-producer",state="open"} 1)"));
  EXPECT_THAT(page, ::testing::HasSubstr(
                        R"(resilience4j_circuitbreaker_state{name="other",state="closed"} 1)"));
}

TEST(BreakerRegistryTest, SameNameTwiceIsABug) {
  const ManualClock clock;
  BreakerRegistry registry(clock);
  const resilience::CircuitBreakerConfig config;
  registry.add(std::make_shared<CircuitBreaker>("a", config, clock, Random(1)));
  EXPECT_THROW(registry.add(std::make_shared<CircuitBreaker>("a", config, clock, Random(1))),
               std::invalid_argument);
  EXPECT_THROW(registry.add(std::make_shared<CircuitBreaker>("b\nc", config, clock, Random(1))),
               std::invalid_argument);
}

TEST(BreakerRegistryTest, BreakerMayOutliveIt) {
  const ManualClock clock;
  const resilience::CircuitBreakerConfig config;
  const auto breaker = std::make_shared<CircuitBreaker>("a", config, clock, Random(1));
  {
    service::ServiceConfig service_config("test-service", 0);
    service::Service service(service_config);
    BreakerRegistry registry(clock);
    registry.add(breaker);
    registry.install(service);
  }
  EXPECT_TRUE(breaker->transition_to(BreakerState::open));
}

}  // namespace
}  // namespace stormlog::pipeline

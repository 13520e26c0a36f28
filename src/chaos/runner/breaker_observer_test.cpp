// Against a service that asks for a token.

#include "chaos/runner/breaker_observer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <memory>
#include <semaphore>
#include <thread>

#include "common/http/server.hpp"

namespace stormlog::chaos {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

http::Response guarded(const http::Request& request, std::string body) {
  if (request.headers.get("Authorization") != "Bearer of-a-test") {
    return http::Response::text(401, "no token");
  }
  return http::Response::text(200, std::move(body));
}

asio::awaitable<http::Response> events(http::Request& request) {
  co_return guarded(request,
                    "event: snapshot\n"
                    "data: {\"breakers\":[{\"name\":\"told\",\"state\":\"closed\"}]}\n\n");
}

asio::awaitable<http::Response> metrics(http::Request& request) {
  co_return guarded(request,
                    "resilience4j_circuitbreaker_state{name=\"scraped\",state=\"closed\"} 1\n");
}

class BreakerObserverTest : public testing::Test {
 protected:
  BreakerObserverTest() {
    http::Router router;
    router.add("GET", "/events", events);
    router.add("GET", "/metrics", metrics);
    server_ = std::make_unique<http::Server>(io_, std::move(router), http::ServerLimits{});
    EXPECT_TRUE(server_->listen("127.0.0.1:0").ok());
    thread_ = std::thread([this] { io_.run(); });
    const std::string url = "http://127.0.0.1:" + std::to_string(server_->port());
    stack_.services.resize(2);
    stack_.services[0].name = "by-events";
    stack_.services[0].breaker_events_url = url + "/events";
    stack_.services[1].name = "by-metrics";
    stack_.services[1].metrics_url = url + "/metrics";
    folder_ = std::filesystem::temp_directory_path() / ("observer-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    const Clock& clock = SystemClock::instance();
    auto journal =
        Journal::create(folder_ / "journal.ndjson", clock, clock.now(), [this](const auto& entry) {
          entries_ += entry.dump() + "\n";
          if (entry["type"] == "breakers_refused") refusals_.release();
        });
    EXPECT_TRUE(journal.ok());
    journal_ = std::move(*journal);
  }
  ~BreakerObserverTest() override {
    io_.stop();
    thread_.join();
    std::filesystem::remove_all(folder_);
  }
  asio::io_context io_;
  std::unique_ptr<http::Server> server_;
  std::thread thread_;
  Stack stack_;
  std::filesystem::path folder_;
  std::string entries_;
  std::counting_semaphore<> refusals_{0};  // entries of them
  std::unique_ptr<Journal> journal_;
};

TEST_F(BreakerObserverTest, SendsTheHeadersOfTheService) {
  for (ServiceSpec& service : stack_.services) {
    service.headers = {{"Authorization", "Bearer of-a-test"}};
  }
  BreakerObserver observer(stack_, *journal_);
  observer.start();
  observer.wait_until_connected(30s);
  observer.stop();
  EXPECT_THAT(observer.breakers(), testing::UnorderedElementsAre("told", "scraped"));
  EXPECT_THAT(observer.refusals(), IsEmpty());
  EXPECT_THAT(entries_, Not(HasSubstr("of-a-test")));
}

TEST_F(BreakerObserverTest, ARefusalIsToldOnce) {
  BreakerObserver observer(stack_, *journal_);
  observer.start();
  refusals_.acquire();
  refusals_.acquire();
  observer.stop();
  EXPECT_FALSE(refusals_.try_acquire());
  EXPECT_THAT(observer.breakers(), IsEmpty());
  EXPECT_THAT(observer.refusals(),
              ElementsAre(AllOf(HasSubstr("by-events"), HasSubstr("status 401")),
                          AllOf(HasSubstr("by-metrics"), HasSubstr("status 401"))));
  EXPECT_THAT(entries_, HasSubstr("breakers_refused"));
}

}  // namespace
}  // namespace stormlog::chaos

#include "common/service/service.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <future>
#include <stdexcept>
#include <thread>

#include "common/http/curl_client.hpp"

namespace stormlog::service {
namespace {

using namespace std::chrono_literals;  // NOLINT: a test
using ::testing::HasSubstr;

ServiceConfig test_config() {
  ServiceConfig config("test-service", 0);
  config.log_level = "off";
  config.limits.idle_timeout = 30s;
  return config;
}

// Holds coroutines of the service's thread until a test lets them go.
class Gate {
 public:
  explicit Gate(asio::io_context& io) : timer_(io, asio::steady_timer::time_point::max()) {}

  asio::awaitable<void> pass() {
    ++waiting_;
    if (!open_) co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  // From any thread.
  void open(asio::io_context& io) {
    asio::post(io, [this] {
      open_ = true;
      timer_.cancel();
    });
  }
  void await_waiting() const {
    while (waiting_ == 0) std::this_thread::yield();
  }

 private:
  asio::steady_timer timer_;
  bool open_ = false;
  std::atomic<int> waiting_{0};
};

class ServiceTest : public ::testing::Test {
 protected:
  ~ServiceTest() override { stop(); }

  void make(ServiceConfig config) { service_ = std::make_unique<Service>(std::move(config)); }
  void start() {
    const auto listening = service_->listen();
    ASSERT_TRUE(listening.ok()) << listening.error().message;
    exit_code_ = std::async(std::launch::async, [this] { return service_->run(); });
  }
  int stop() {
    if (!exit_code_.valid()) return -1;
    service_->request_stop();
    return exit_code_.get();
  }
  http::FetchRequest request(const std::string& target) const {
    http::FetchRequest request;
    request.url = "http://127.0.0.1:" + std::to_string(service_->port()) + target;
    request.timeout = 30s;
    return request;
  }
  http::FetchResponse get(const std::string& target) const {
    const auto response = http::fetch(request(target));
    EXPECT_TRUE(response.ok()) << response.error().message;
    return response.ok() ? *response : http::FetchResponse();
  }

  std::unique_ptr<Service> service_;
  std::future<int> exit_code_;
};

TEST_F(ServiceTest, ServesLivenessReadinessAndMetrics) {
  make(test_config());
  start();
  EXPECT_EQ(get("/livez").status, 200);
  const auto ready = get("/readyz");
  EXPECT_EQ(ready.status, 200);
  EXPECT_EQ(ready.body, R"({"status":"ready","checks":{}})");
  EXPECT_EQ(ready.headers.get("Content-Type"), "application/json");
  const auto metrics = get("/metrics");
  EXPECT_THAT(std::string(metrics.headers.get("content-type")), HasSubstr("version=0.0.4"));
  std::string error;
  EXPECT_FALSE(telemetry::parse_exposition(metrics.body, &error).empty());
  EXPECT_EQ(error, "");
  EXPECT_THAT(metrics.body,
              HasSubstr(R"(http_requests_total{code="200",method="GET",route="/livez"} 1)"));
  EXPECT_THAT(metrics.body, HasSubstr("build_info{service=\"test-service\""));
  EXPECT_THAT(metrics.body, HasSubstr("service_ready 1\n"));
  EXPECT_THAT(metrics.body, HasSubstr("http_inflight_requests 1\n"));
  EXPECT_EQ(stop(), 0);
}

TEST_F(ServiceTest, ReadinessNamesTheChecksThatFail) {
  make(test_config());
  std::atomic<bool> kafka{false};
  service_->add_readiness("kafka", [&] { return kafka.load(); });
  service_->add_readiness("store", []() -> bool { return true; });
  start();
  auto response = get("/readyz");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.body, R"({"status":"not_ready","checks":{"kafka":false,"store":true}})");
  EXPECT_EQ(get("/livez").status, 200);
  kafka = true;
  response = get("/readyz");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, R"({"status":"ready","checks":{"kafka":true,"store":true}})");
}

TEST_F(ServiceTest, CheckThatThrowsDoesNotHold) {
  make(test_config());
  service_->add_readiness("broken", []() -> bool { throw std::runtime_error("no"); });
  start();
  EXPECT_EQ(get("/readyz").status, 503);
  EXPECT_THAT(get("/metrics").body, HasSubstr("service_ready 0\n"));
}

TEST_F(ServiceTest, DrainsInOrderAndAnswersWhatIsUnderWay) {
  make(test_config());
  Gate request_gate(service_->io());
  Gate hook_gate(service_->io());
  std::vector<std::string> order;
  service_->router().add("GET", "/slow", [&](http::Request&) -> asio::awaitable<http::Response> {
    co_await request_gate.pass();
    order.emplace_back("answered");
    co_return http::Response::text(200, "done");
  });
  service_->on_drain([&]() -> asio::awaitable<void> {
    order.emplace_back("drain");
    co_await hook_gate.pass();
  });
  service_->on_drained([&]() -> asio::awaitable<void> {
    order.emplace_back("drained");
    co_return;
  });
  start();
  auto slow = std::async(std::launch::async, [&] { return get("/slow"); });
  request_gate.await_waiting();
  service_->request_stop();
  hook_gate.await_waiting();

  // Not ready first, and still served.
  const auto ready = get("/readyz");
  EXPECT_EQ(ready.status, 503);
  EXPECT_EQ(ready.body, R"({"status":"draining","checks":{}})");
  EXPECT_EQ(get("/livez").status, 200);

  hook_gate.open(service_->io());
  request_gate.open(service_->io());
  const auto answer = slow.get();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "done");
  EXPECT_EQ(exit_code_.get(), 0);
  EXPECT_EQ(order, (std::vector<std::string>{"drain", "answered", "drained"}));
  EXPECT_FALSE(http::fetch(request("/livez")).ok());
}

TEST_F(ServiceTest, StuckHookDelaysTheEndByTheTimeoutOnly) {
  ServiceConfig config = test_config();
  config.drain_timeout = 50ms;
  make(config);
  Gate never(service_->io());
  bool later = false;
  service_->on_drain([&]() -> asio::awaitable<void> { co_await never.pass(); });
  service_->on_drained([&]() -> asio::awaitable<void> {
    later = true;
    co_return;
  });
  start();
  EXPECT_EQ(stop(), 0);
  EXPECT_TRUE(later);
}

TEST_F(ServiceTest, HookThatThrowsDoesNotStopTheOthers) {
  make(test_config());
  bool later = false;
  service_->on_drain([]() -> asio::awaitable<void> {
    throw std::runtime_error("no");
    co_return;
  });
  service_->on_drain([&]() -> asio::awaitable<void> {
    later = true;
    co_return;
  });
  start();
  EXPECT_EQ(stop(), 0);
  EXPECT_TRUE(later);
}

TEST_F(ServiceTest, TakenPortIsAnErrorNotACrash) {
  make(test_config());
  start();
  ServiceConfig second = test_config();
  second.listen = "127.0.0.1:" + std::to_string(service_->port());
  EXPECT_EQ(Service(second).run(), 1);
}

TEST_F(ServiceTest, RemoteAddressIsRefused) {
  ServiceConfig config = test_config();
  config.listen = "0.0.0.0:0";
  Service service(config);
  const auto listening = service.listen();
  ASSERT_FALSE(listening.ok());
  EXPECT_THAT(listening.error().message, HasSubstr("allow-remote"));
}

// Runs a service in a child process; the pipe tells its port.
class ServiceProcess {
 public:
  enum class Flaw { none, hook_stays, thread_stays };

  explicit ServiceProcess(Flaw flaw) {
    int port_pipe[2];
    if (::pipe(port_pipe) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ == 0) ::_exit(serve(flaw, port_pipe[1]));
    ::close(port_pipe[1]);
    if (::read(port_pipe[0], &port_, sizeof port_) != sizeof port_) port_ = 0;
    ::close(port_pipe[0]);
  }
  ~ServiceProcess() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }
  ServiceProcess(const ServiceProcess&) = delete;
  ServiceProcess& operator=(const ServiceProcess&) = delete;

  std::string readiness() const {
    http::FetchRequest request;
    request.url = "http://127.0.0.1:" + std::to_string(port_) + "/readyz";
    const auto response = http::fetch(request);
    return response.ok() ? response->body : "";
  }
  void signal(int number) const { ::kill(pid_, number); }
  int wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = 0;
    return status;
  }

 private:
  static int serve(Flaw flaw, int port_pipe) {
    ServiceConfig config = test_config();
    config.drain_timeout = 60s;
    Service service(config);
    asio::steady_timer never(service.io(), asio::steady_timer::time_point::max());
    if (flaw == Flaw::hook_stays) {
      service.on_drain([&]() -> asio::awaitable<void> {
        co_await never.async_wait(asio::as_tuple(asio::use_awaitable));
      });
    }
    if (!service.listen().ok()) return 9;
    // Written from inside run(): the signal handlers are in place.
    asio::post(service.io(), [&] {
      const std::uint16_t port = service.port();
      if (::write(port_pipe, &port, sizeof port) != sizeof port) std::abort();
    });
    if (flaw != Flaw::thread_stays) return run_program(service);
    const int status = run_program(service, 100ms);
    std::this_thread::sleep_for(60s);
    return status;
  }

  pid_t pid_ = 0;
  std::uint16_t port_ = 0;
};

TEST(ServiceSignalTest, SigtermAndSigintEndWithZero) {
  for (const int number : {SIGTERM, SIGINT}) {
    ServiceProcess process(ServiceProcess::Flaw::none);
    EXPECT_THAT(process.readiness(), HasSubstr("\"ready\""));
    process.signal(number);
    const int status = process.wait();
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }
}

TEST(ServiceSignalTest, EndsAlsoWhereAThreadDoesNot) {
  ServiceProcess process(ServiceProcess::Flaw::thread_stays);
  process.signal(SIGTERM);
  const int status = process.wait();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 1) << status;
}

TEST(ServiceSignalTest, SecondSignalEndsAtOnce) {
  ServiceProcess process(ServiceProcess::Flaw::hook_stays);
  process.signal(SIGTERM);
  std::string readiness = process.readiness();
  while (readiness.find("\"ready\"") != std::string::npos) readiness = process.readiness();
  ASSERT_THAT(readiness, HasSubstr("draining"));
  process.signal(SIGTERM);
  const int status = process.wait();
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM) << status;
}

}  // namespace
}  // namespace stormlog::service

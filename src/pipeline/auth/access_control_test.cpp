#include "pipeline/auth/access_control.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "common/service/service.hpp"
#include "pipeline/auth/token_file.hpp"

namespace stormlog::pipeline {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;  // NOLINT: for tests

constexpr const char* kAdmin = "0123456789abcdef";

// A service that does not serve: its router is asked by hand.
class AccessControlTest : public ::testing::Test {
 protected:
  AccessControlTest() {
    std::string name = (std::filesystem::temp_directory_path() / "access-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    log::init("test", log::Level::off, log::Format::json);
  }
  ~AccessControlTest() override { std::filesystem::remove_all(folder_); }

  std::string file() const { return (folder_ / "tokens.yaml").string(); }
  void write(const std::string& text) const { std::ofstream(file()) << text; }
  static std::string entry(const std::string& name, const std::string& scopes,
                           const std::string& more = "") {
    return "- name: " + name + "\n  sha256: " + to_hex(sha256("token-of-" + name)) +
           "\n  scopes: [" + scopes + "]\n" + more;
  }
  void start(const std::string& admin_token = "", AccessControl::Ways ways = {}) {
    service::ServiceConfig config("test-service", 0);
    config.log_level = "off";
    config.admin_token = admin_token;
    if (std::filesystem::exists(file())) config.tokens_file = file();
    auto access = AccessControl::create(config, clock_);
    ASSERT_TRUE(access.ok()) << access.error().message;
    access_ = *std::move(access);
    service_ = std::make_unique<service::Service>(config);
    access_->install(*service_, std::move(ways));
    for (const auto& [method, path] :
         {std::pair{"GET", "/api/v1/logs"}, std::pair{"POST", "/api/v1/logs"},
          std::pair{"GET", "/admin/dlq"}, std::pair{"DELETE", "/admin/dlq/{id}"},
          std::pair{"PUT", "/new"}}) {
      service_->router().add(method, path,
                             [](http::Request&) -> boost::asio::awaitable<http::Response> {
                               co_return http::Response();
                             });
    }
  }
  // 200 where the handler would be asked.
  http::Response ask(const std::string& method, const std::string& target,
                     const std::string& authorization = "",
                     const std::string& remote = "127.0.0.1:5") {
    last_ = {};
    last_.method = method;
    last_.target = target;
    last_.remote = remote;
    if (!authorization.empty()) last_.headers.add("Authorization", authorization);
    http::Response unmatched;
    const http::Route* route = service_->router().match(last_, unmatched);
    EXPECT_NE(route, nullptr) << method << ' ' << target;
    if (route == nullptr) return unmatched;
    auto refusal = service_->router().refusal(*route, last_);
    return refusal ? *refusal : http::Response();
  }
  int status(const std::string& method, const std::string& target, const std::string& name = "",
             const std::string& remote = "127.0.0.1:5") {
    return ask(method, target, name.empty() ? "" : "Bearer token-of-" + name, remote).status;
  }

  std::filesystem::path folder_;
  ManualClock clock_;
  std::unique_ptr<AccessControl> access_;
  std::unique_ptr<service::Service> service_;
  http::Request last_;
};

TEST_F(AccessControlTest, WithoutTokensEverybodyMayLookAndNobodyMayChange) {
  start();
  EXPECT_EQ(status("GET", "/api/v1/logs"), 200);
  EXPECT_EQ(status("POST", "/api/v1/logs"), 200);
  EXPECT_EQ(status("GET", "/admin/dlq"), 200);
  EXPECT_EQ(status("GET", "/metrics"), 200);
  for (const char* header : {"", "Bearer ", "Bearer x", "Bearer 0123456789abcdef"}) {
    const http::Response refused = ask("DELETE", "/admin/dlq/1-1", header);
    EXPECT_EQ(refused.status, 403) << header;
    EXPECT_THAT(refused.body, HasSubstr("neither an admin-token nor a tokens-file"));
  }
}

TEST_F(AccessControlTest, TheAdminTokenAloneIsForChanges) {
  start(kAdmin);
  EXPECT_EQ(status("GET", "/api/v1/logs"), 200);
  EXPECT_EQ(ask("DELETE", "/admin/dlq/1-1", "Bearer 0123456789abcdef").status, 200);
  EXPECT_EQ(last_.token_name, "admin-token");
  EXPECT_EQ(ask("DELETE", "/admin/dlq/1-1", "bearer 0123456789abcdef").status, 200);
  for (const char* header :
       {"", "Bearer", "Bearer ", "Bearer 0123456789abcdeg", "Bearer 0123456789abcde",
        "Bearer 0123456789abcdef0", "Basic 0123456789abcdef", "Bearer  0123456789abcdef",
        "0123456789abcdef"}) {
    const http::Response refused = ask("DELETE", "/admin/dlq/1-1", header);
    EXPECT_EQ(refused.status, 401) << header;
    EXPECT_THAT(refused.headers.get("WWW-Authenticate"), HasSubstr("Bearer realm=\"stormlog\""));
    EXPECT_THAT(refused.body, Not(HasSubstr(kAdmin)));
    EXPECT_EQ(last_.token_name, "");
  }
}

TEST_F(AccessControlTest, WhatIsPassedOnIsNotAskedTwiceWithoutTokens) {
  start("", {.passed_on = {"/admin/dlq/{id}"}});
  EXPECT_EQ(status("DELETE", "/admin/dlq/1-1"), 200);
  EXPECT_EQ(status("PUT", "/new"), 403);
  write(entry("ops", "admin"));
  start("", {.passed_on = {"/admin/dlq/{id}"}});
  EXPECT_EQ(status("DELETE", "/admin/dlq/1-1"), 401);
  EXPECT_EQ(status("DELETE", "/admin/dlq/1-1", "ops"), 200);
}

TEST_F(AccessControlTest, EachScopeOpensItsOwnRoutesAndNoOthers) {
  write(entry("reader", "read") + entry("writer", "write") + entry("ops", "admin") +
        entry("all", "read, write, admin"));
  start(kAdmin);
  const struct {
    const char* method;
    const char* target;
    const char* holder;
    const char* scope;
  } kTable[] = {
      {"GET", "/api/v1/logs", "reader", "read"},    {"HEAD", "/api/v1/logs", "reader", "read"},
      {"POST", "/api/v1/logs", "writer", "write"},  {"GET", "/admin/dlq", "ops", "admin"},
      {"DELETE", "/admin/dlq/1-1", "ops", "admin"}, {"PUT", "/new", "ops", "admin"},
  };
  for (const auto& [method, target, right, scope] : kTable) {
    for (const std::string holder : {"reader", "writer", "ops"}) {
      EXPECT_EQ(status(method, target, holder), holder == right ? 200 : 403)
          << method << ' ' << target << ' ' << holder;
      EXPECT_EQ(last_.token_name, holder);
    }
    EXPECT_EQ(status(method, target, "all"), 200);
    EXPECT_EQ(status(method, target), 401);
    EXPECT_EQ(status(method, target, "nobody"), 401);
    EXPECT_EQ(ask(method, target, std::string("Bearer ") + kAdmin).status,
              std::string_view(scope) == "admin" ? 200 : 403);
  }
}

TEST_F(AccessControlTest, TheAnswersSayWhatIsMissing) {
  write(entry("reader", "read"));
  start();
  const http::Response missing = ask("POST", "/api/v1/logs");
  EXPECT_EQ(missing.headers.get("WWW-Authenticate"), "Bearer realm=\"stormlog\"");
  EXPECT_EQ(missing.headers.get("Content-Type"), "application/problem+json");
  EXPECT_THAT(missing.body, HasSubstr("the scope write"));
  const http::Response unknown = ask("POST", "/api/v1/logs", "Bearer x");
  EXPECT_THAT(unknown.headers.get("WWW-Authenticate"), HasSubstr("error=\"invalid_token\""));
  const http::Response wrong = ask("POST", "/api/v1/logs", "Bearer token-of-reader");
  EXPECT_EQ(wrong.status, 403);
  EXPECT_THAT(wrong.headers.get("WWW-Authenticate"),
              HasSubstr("error=\"insufficient_scope\", scope=\"write\""));
  EXPECT_THAT(wrong.body, Not(HasSubstr("token-of-reader")));
  // Two of them: it is not clear which one counts.
  http::Request twice;
  twice.method = "GET";
  twice.target = "/api/v1/logs";
  twice.headers.add("Authorization", "Bearer token-of-reader");
  twice.headers.add("authorization", "Bearer token-of-reader");
  http::Response unmatched;
  const http::Route* route = service_->router().match(twice, unmatched);
  ASSERT_NE(route, nullptr);
  EXPECT_EQ(service_->router().refusal(*route, twice)->status, 401);
}

TEST_F(AccessControlTest, HealthIsOpenAndMetricsAreOpenOnThisMachine) {
  write(entry("reader", "read") + entry("writer", "write"));
  start();
  for (const char* remote : {"127.0.0.1:5", "10.1.1.1:5"}) {
    EXPECT_EQ(status("GET", "/livez", "", remote), 200);
    EXPECT_EQ(status("GET", "/readyz", "", remote), 200);
  }
  EXPECT_EQ(status("GET", "/metrics", "", "127.0.0.1:5"), 200);
  EXPECT_EQ(status("GET", "/metrics", "", "10.1.1.1:5"), 401);
  EXPECT_EQ(status("GET", "/metrics", "writer", "10.1.1.1:5"), 403);
  EXPECT_EQ(status("GET", "/metrics", "reader", "10.1.1.1:5"), 200);
}

TEST_F(AccessControlTest, ATokenEndsWhenItsTimeHasCome) {
  write(
      entry("guest", "read", "  expires: 2023-11-14T22:13:30Z\n"));  // 10 s from the clock's start
  start();
  EXPECT_EQ(status("GET", "/api/v1/logs", "guest"), 200);
  clock_.step_wall(10s);
  const http::Response refused = ask("GET", "/api/v1/logs", "Bearer token-of-guest");
  EXPECT_EQ(refused.status, 401);
  EXPECT_THAT(refused.body, HasSubstr("expired"));
  EXPECT_EQ(last_.token_name, "");
}

TEST_F(AccessControlTest, AQuotaIsABucketOfEvents) {
  write(entry("shop", "write", "  rate: 10/s\n  burst: 100\n") + entry("free", "write"));
  start();
  ASSERT_EQ(status("POST", "/api/v1/logs", "shop"), 200);
  EXPECT_FALSE(access_->charge(last_, 0));
  EXPECT_FALSE(access_->charge(last_, 60));
  const auto denied = access_->charge(last_, 60);  // 20 are missing: 2 s
  ASSERT_TRUE(denied);
  EXPECT_EQ(denied->status, 429);
  EXPECT_EQ(denied->reason, "quota");
  EXPECT_EQ(denied->headers.get("Retry-After"), "2");
  EXPECT_FALSE(access_->charge(last_, 40));  // what was refused has cost nothing
  const auto empty = access_->charge(last_, 0);
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->headers.get("Retry-After"), "1");
  clock_.advance(2s);
  EXPECT_FALSE(access_->charge(last_, 20));
  EXPECT_TRUE(access_->charge(last_, 1));
  const auto never = access_->charge(last_, 101);
  ASSERT_TRUE(never);
  EXPECT_EQ(never->status, 413);
  ASSERT_EQ(status("POST", "/api/v1/logs", "free"), 200);
  EXPECT_FALSE(access_->charge(last_, 1'000'000));
}

TEST_F(AccessControlTest, AChangedFileTakesEffectAndABadOneKeepsTheOld) {
  write(entry("old", "read"));
  start();
  write(entry("new", "read"));
  EXPECT_EQ(status("GET", "/api/v1/logs", "old"), 200);  // nobody has looked yet
  access_->reload();
  EXPECT_EQ(status("GET", "/api/v1/logs", "old"), 401);
  EXPECT_EQ(status("GET", "/api/v1/logs", "new"), 200);
  write("- name: new\n");
  access_->reload();
  access_->reload();  // the same bad file is told once
  EXPECT_EQ(status("GET", "/api/v1/logs", "new"), 200);
  EXPECT_THAT(service_->metrics().expose(), HasSubstr("tokens_reloads_total{result=\"failed\"} 1"));
  std::filesystem::remove(file());
  access_->reload();
  EXPECT_EQ(status("GET", "/api/v1/logs", "new"), 200);
  write(entry("newest", "read"));
  access_->reload();
  EXPECT_EQ(status("GET", "/api/v1/logs", "new"), 401);
  EXPECT_EQ(status("GET", "/api/v1/logs", "newest"), 200);
  const std::string metrics = service_->metrics().expose();
  EXPECT_THAT(metrics, HasSubstr("tokens_reloads_total{result=\"ok\"} 2"));
  EXPECT_THAT(metrics, HasSubstr("tokens_reloads_total{result=\"failed\"} 2"));
}

TEST_F(AccessControlTest, ABadConfigurationIsRefusedAtTheStart) {
  service::ServiceConfig config("test-service", 0);
  config.admin_token = "secret";
  EXPECT_THAT(AccessControl::create(config, clock_).error().message, HasSubstr("at least 16"));
  config.admin_token = "0123456789 abcdef";
  EXPECT_FALSE(AccessControl::create(config, clock_).ok());
  config.admin_token = "";
  config.tokens_file = file();
  EXPECT_THAT(AccessControl::create(config, clock_).error().message, HasSubstr(file()));
  write("- name: x\n");
  EXPECT_THAT(AccessControl::create(config, clock_).error().message, HasSubstr(file() + ":1"));
  write(entry("x", "read"));
  EXPECT_TRUE(AccessControl::create(config, clock_).ok());
  config.admin_token = "token-of-x-is-long-enough";
  write("- name: x\n  sha256: " + to_hex(sha256(config.admin_token)) + "\n  scopes: [read]\n");
  EXPECT_THAT(AccessControl::create(config, clock_).error().message,
              HasSubstr("is the admin-token"));
}

}  // namespace
}  // namespace stormlog::pipeline

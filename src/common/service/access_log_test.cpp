#include "common/service/access_log.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/base/log.hpp"

namespace stormlog::service {
namespace {

using nlohmann::json;

// The line that is written, or null.
json line_of(AccessLog which, int status, const std::string& traceparent) {
  http::Request request;
  request.method = "GET";
  request.target = "/api/v1/logs?text=secret";
  request.remote = "127.0.0.1:5";
  if (!traceparent.empty()) request.headers.add("traceparent", traceparent);
  log::init("test", log::Level::info, log::Format::json);
  testing::internal::CaptureStderr();
  log_access(which, {"/api/v1/logs", "GET", status, std::chrono::microseconds(1'500), &request});
  const std::string written = testing::internal::GetCapturedStderr();
  return written.empty() ? json() : json::parse(written);
}

constexpr const char* kParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(AccessLog, ALineSaysWhatWasAskedAndAnsweredButNotWhatWasSearchedFor) {
  const json line = line_of(AccessLog::all, 200, kParent);
  EXPECT_EQ(line["msg"], "access");
  EXPECT_EQ(line["method"], "GET");
  EXPECT_EQ(line["path"], "/api/v1/logs");
  EXPECT_EQ(line["status"], 200);
  EXPECT_EQ(line["duration_ms"], 1.5);
  EXPECT_EQ(line["remote"], "127.0.0.1:5");
  EXPECT_EQ(line["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(line["span_id"], "00f067aa0ba902b7");
  EXPECT_EQ(line.dump().find("secret"), std::string::npos);
}

TEST(AccessLog, ATraceparentThatIsNoneIsIgnored) {
  for (const std::string bad : {"", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
                                "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                                "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}) {
    EXPECT_EQ(line_of(AccessLog::all, 200, bad)["trace_id"], "") << bad;
  }
}

TEST(AccessLog, TakesWhatWasAskedFor) {
  EXPECT_TRUE(line_of(AccessLog::off, 500, "").is_null());
  EXPECT_TRUE(line_of(AccessLog::errors, 404, "").is_null());
  EXPECT_EQ(line_of(AccessLog::errors, 503, "")["status"], 503);
  EXPECT_EQ(access_log("all"), AccessLog::all);
  EXPECT_EQ(access_log("errors"), AccessLog::errors);
  EXPECT_EQ(access_log("off"), AccessLog::off);
}

// A request that could not be read has no target.
TEST(AccessLog, WithoutARequest) {
  log::init("test", log::Level::info, log::Format::json);
  testing::internal::CaptureStderr();
  log_access(AccessLog::all, {"", "", 400, Nanoseconds{0}});
  EXPECT_EQ(json::parse(testing::internal::GetCapturedStderr())["path"], "");
}

}  // namespace
}  // namespace stormlog::service

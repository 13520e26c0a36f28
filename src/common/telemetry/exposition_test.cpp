#include "common/telemetry/exposition.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace stormlog::telemetry {
namespace {

std::vector<Sample> parse(const std::string& text) {
  std::string error = "stale";
  auto samples = parse_exposition(text, &error);
  EXPECT_EQ(error, "") << text;
  return samples;
}

std::string error_of(const std::string& text) {
  std::string error;
  EXPECT_TRUE(parse_exposition(text, &error).empty()) << text;
  return error;
}

TEST(ExpositionTest, ReadsThePageOfTheFormatsDocumentation) {
  const auto samples = parse(R"(# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400"}    3 1395066363000

# Escaping in label values:
msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""} 1.458255915e9

# Minimalistic line:
metric_without_timestamp_and_labels 12.47

# A weird metric from before the epoch:
something_weird{problem="division by zero"} +Inf -3982045

http_request_duration_seconds_bucket{le="+Inf"} 144320
http_request_duration_seconds_sum 53423
)");
  ASSERT_EQ(samples.size(), 7U);
  EXPECT_EQ(samples[0],
            (Sample{"http_requests_total", {{"method", "post"}, {"code", "200"}}, 1027}));
  EXPECT_EQ(samples[1].value, 3);
  EXPECT_EQ(samples[2].labels.at("path"), "C:\\DIR\\FILE.TXT");
  EXPECT_EQ(samples[2].labels.at("error"), "Cannot find file:\n\"FILE.TXT\"");
  EXPECT_EQ(samples[2].value, 1.458255915e9);
  EXPECT_EQ(samples[3], (Sample{"metric_without_timestamp_and_labels", {}, 12.47}));
  EXPECT_TRUE(std::isinf(samples[4].value));
  EXPECT_EQ(samples[5].labels.at("le"), "+Inf");
}

TEST(ExpositionTest, ReadsOpenMetrics) {
  const auto samples = parse(
      "# TYPE foo counter\n# UNIT foo seconds\n"
      "foo_total 17.0 1520879607.789 # {trace_id=\"KOO5S4vxi0o\"} 0.67 1520879607.789\n"
      "foo_bucket{le=\"0.1\"} 8 # {} 0.054\n"
      "foo_created 1.0\n# EOF\n");
  ASSERT_EQ(samples.size(), 3U);
  EXPECT_EQ(samples[0], (Sample{"foo_total", {}, 17}));
  EXPECT_EQ(samples[1].value, 8);
}

TEST(ExpositionTest, ReadsQuotedNames) {
  const auto samples = parse("{\"my.metric\",\"a.b\"=\"x\",c=\"y\"} 1\n");
  ASSERT_EQ(samples.size(), 1U);
  EXPECT_EQ(samples[0], (Sample{"my.metric", {{"a.b", "x"}, {"c", "y"}}, 1}));
}

TEST(ExpositionTest, ReadsSpecialNumbers) {
  const auto samples = parse("a NaN\nb Nan\nc +Inf\nd -Inf\ne inf\nf 1e3\ng -2.5E-1\nh +4\n");
  ASSERT_EQ(samples.size(), 8U);
  EXPECT_TRUE(std::isnan(samples[0].value));
  EXPECT_TRUE(std::isnan(samples[1].value));
  EXPECT_EQ(samples[2].value, HUGE_VAL);
  EXPECT_EQ(samples[3].value, -HUGE_VAL);
  EXPECT_EQ(samples[4].value, HUGE_VAL);
  EXPECT_EQ(samples[5].value, 1000);
  EXPECT_EQ(samples[6].value, -0.25);
  EXPECT_EQ(samples[7].value, 4);
}

TEST(ExpositionTest, ToleratesBlanksCommasAndLineEnds) {
  const auto samples =
      parse("\r\n  a { x = \"1\" , y=\"}\" , } 5\r\n\tb\t6\t\r\nc{} 7\n#comment\n#\nlast 8");
  ASSERT_EQ(samples.size(), 4U);
  EXPECT_EQ(samples[0], (Sample{"a", {{"x", "1"}, {"y", "}"}}, 5}));
  EXPECT_EQ(samples[1].value, 6);
  EXPECT_EQ(samples[2], (Sample{"c", {}, 7}));
  EXPECT_EQ(samples[3], (Sample{"last", {}, 8}));
}

TEST(ExpositionTest, EmptyPageHasNoSamples) {
  EXPECT_TRUE(parse("").empty());
}

TEST(ExpositionTest, ErrorsNameLineAndReason) {
  EXPECT_EQ(error_of("a 1\n<html>\n"), "line 2: expected a metric's name");
  EXPECT_EQ(error_of("a\n"), "line 1: the value is missing");
  EXPECT_EQ(error_of("\na one\n"), "line 2: bad value \"one\"");
  EXPECT_EQ(error_of("a 1e999\n"), "line 1: bad value \"1e999\"");
  EXPECT_EQ(error_of("a --1\n"), "line 1: bad value \"--1\"");
  EXPECT_EQ(error_of("a 1 soon\n"), "line 1: bad timestamp \"soon\"");
  EXPECT_EQ(error_of("a 1 2 3\n"), "line 1: unexpected \"3\" behind the value");
  EXPECT_EQ(error_of("a{x=1} 1\n"), "line 1: expected a text in quotes");
  EXPECT_EQ(error_of("a{x} 1\n"), "line 1: expected = behind label \"x\"");
  EXPECT_EQ(error_of("a{x=\"1} 1\n"), "line 1: the closing quote is missing");
  EXPECT_EQ(error_of("a{x=\"1\\t\"} 1\n"),
            "line 1: a backslash may only stand before \\, \" and n");
  EXPECT_EQ(error_of("a{x=\"1\" y=\"2\"} 1\n"), "line 1: expected , or } behind label \"x\"");
  EXPECT_EQ(error_of("a{x=\"1\",x=\"2\"} 1\n"), "line 1: label \"x\" is given twice");
  EXPECT_EQ(error_of("a{x=\"1\",\n"), "line 1: expected a label's name");
  EXPECT_EQ(error_of("{x=\"1\"} 1\n"), "line 1: the metric's name is missing");
  EXPECT_EQ(error_of("a 1 # 5\n"), "line 1: bad exemplar");
  EXPECT_EQ(error_of("a 1\n# EOF\nb 2\n"), "line 3: text behind # EOF");
}

TEST(ExpositionTest, ErrorMayBeLeftOut) {
  EXPECT_TRUE(parse_exposition("a", nullptr).empty());
  EXPECT_EQ(parse_exposition("a 1", nullptr).size(), 1U);
}

}  // namespace
}  // namespace stormlog::telemetry

// What probes make of answers, and which parameters they refuse before anything runs. Their I/O is
// tested against real servers in tests/integration/probe.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "chaos/probe/probe.hpp"
#include "chaos/probe/prometheus_answer.hpp"

namespace stormlog::chaos {
namespace {

using testing::HasSubstr;

struct Answer {
  const char* name;
  const char* body;
  double value;  // NaN: no data
  const char* no_data = "";
};

void PrintTo(const Answer& one, std::ostream* out) {
  *out << one.name;
}

class PrometheusAnswers : public testing::TestWithParam<Answer> {};

TEST_P(PrometheusAnswers, read) {
  const ProbeResult result = read_prometheus_answer(GetParam().body);
  ASSERT_EQ(result.has_data, !std::isnan(GetParam().value)) << result.no_data;
  if (result.has_data) {
    EXPECT_EQ(result.value["value"].get<double>(), GetParam().value);
  } else {
    EXPECT_THAT(result.no_data, HasSubstr(GetParam().no_data));
  }
}

INSTANTIATE_TEST_SUITE_P(
    table, PrometheusAnswers,
    testing::Values(
        Answer{
            "vector",
            R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1.5,"12.5"]}]}})",
            12.5},
        Answer{"scalar",
               R"({"status":"success","data":{"resultType":"scalar","result":[1.5,"3"]}})", 3},
        Answer{"infinity",
               R"({"status":"success","data":{"resultType":"scalar","result":[1.5,"+Inf"]}})",
               HUGE_VAL},
        Answer{"nan", R"({"status":"success","data":{"resultType":"scalar","result":[1.5,"NaN"]}})",
               NAN, "the query gives NaN"},
        Answer{"empty", R"({"status":"success","data":{"resultType":"vector","result":[]}})", NAN,
               "no sample"},
        Answer{
            "several",
            R"({"status":"success","data":{"resultType":"vector","result":[{"value":[1,"1"]},{"value":[1,"2"]}]}})",
            NAN, "2 series: aggregate them"},
        Answer{"matrix", R"({"status":"success","data":{"resultType":"matrix","result":[]}})", NAN,
               "gives a matrix"},
        Answer{"refused", R"({"status":"error","error":"parse error at 3"})", NAN,
               "parse error at 3"},
        Answer{"not_json", "<html>", NAN, "not a JSON object"},
        Answer{"a_list", "[]", NAN, "not a JSON object"},
        Answer{"wrong_types", R"({"status":5,"error":{}})", NAN, "no reason given"},
        Answer{"result_of_texts",
               R"({"status":"success","data":{"resultType":"vector","result":["x"]}})", NAN,
               "no sample"},
        Answer{"data_is_a_list", R"({"status":"success","data":[]})", NAN, "no sample"}),
    [](const auto& one) { return std::string(one.param.name); });

Result<std::unique_ptr<Probe>> make(const std::string& kind, const std::vector<std::string>& words,
                                    const document::Variables& variables = {}) {
  const ProbeKind* found = find_probe_kind(kind);
  static Stack stack;  // probes keep a reference
  stack = {};
  stack.variables = variables;
  stack.services.resize(1);
  stack.services[0].name = "log-producer";
  const auto params = document::parse_params(words, found->params, kind);
  if (!params.ok()) return params.error();
  return found->make(stack, *params);
}

TEST(Probes, AreFoundByTheirNames) {
  for (const ProbeKind* kind : probe_kinds()) EXPECT_EQ(find_probe_kind(kind->name), kind);
  EXPECT_EQ(find_probe_kind("htp"), nullptr);
}

TEST(Probes, RefuseWhatCannotWork) {
  EXPECT_THAT(make("http", {"url=gateway/readyz"}).error().message, HasSubstr("http://"));
  EXPECT_THAT(make("http", {"url=http://127.0.0.1:1/", "timeout=0s"}).error().message,
              HasSubstr("timeout"));
  EXPECT_THAT(make("process", {"service=log-produce"}).error().message,
              HasSubstr("did you mean \"log-producer\""));
  EXPECT_THAT(make("prometheus", {"query=up"}).error().message, HasSubstr("no server to ask"));
  EXPECT_THAT(
      make("prometheus", {"query=up", "server=http://a", "metrics=http://b"}).error().message,
      HasSubstr("not both"));
  EXPECT_THAT(make("prometheus", {"query=rate(up[1m])", "metrics=http://b"}).error().message,
              HasSubstr("needs a Prometheus server"));
  EXPECT_TRUE(make("prometheus", {"query=up"}, {{"prometheus", "http://127.0.0.1:9090/"}}).ok());
}

// Port 1 of the loopback: nobody listens there.
TEST(Probes, ThatGetNoAnswerHaveNoData) {
  for (const auto& [kind, words] : std::vector<std::pair<std::string, std::vector<std::string>>>{
           {"http", {"url=http://127.0.0.1:1/"}},
           {"prometheus", {"query=up", "server=http://127.0.0.1:1"}},
           {"prometheus", {"query=up", "metrics=http://127.0.0.1:1/metrics"}},
           {"sql", {"connection=host=127.0.0.1 port=1 dbname=x", "query=SELECT 1"}}}) {
    const auto probe = make(kind, words);
    ASSERT_TRUE(probe.ok()) << probe.error().message;
    const ProbeResult result = (*probe)->measure();
    EXPECT_FALSE(result.has_data) << kind;
    EXPECT_FALSE(result.no_data.empty()) << kind;
  }
}

TEST(Probes, AServiceWithoutAProcessIsDataAndNotRunning) {
  const auto probe = make("process", {"service=log-producer"});
  ASSERT_TRUE(probe.ok()) << probe.error().message;
  const ProbeResult result = (*probe)->measure();
  EXPECT_TRUE(result.has_data);
  EXPECT_EQ(result.value["running"], false);
}

}  // namespace
}  // namespace stormlog::chaos

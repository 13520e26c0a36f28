#include "chaos/experiment/experiment.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace stormlog::chaos {
namespace {

using document::ParamType;
using std::chrono::seconds;
using testing::HasSubstr;

Vocabulary words() {
  Vocabulary vocabulary;
  vocabulary.faults = {{.name = "service_kill",
                        .params = {},
                        .duration = Word::Duration::optional,
                        .target_kind = "service",
                        .default_expect = {}},
                       {.name = "service_pause",
                        .params = {},
                        .duration = Word::Duration::required,
                        .target_kind = "service",
                        .default_expect = {}},
                       {.name = "service_restart",
                        .params = {{.name = "grace", .type = ParamType::duration}},
                        .duration = Word::Duration::refused,
                        .target_kind = "service",
                        .default_expect = {}}};
  vocabulary.probes = {{.name = "http",
                        .params = {{.name = "url", .required = true}},
                        .default_expect = "{status: 200}"},
                       {.name = "prometheus",
                        .params = {{.name = "query", .required = true}},
                        .default_expect = ""}};
  vocabulary.checks = {
      {.name = "no_loss", .params = {}, .default_expect = {}},
      {.name = "exactly_once", .params = {}, .default_expect = {}},
      {.name = "breaker",
       .params = {{.name = "name", .required = true},
                  {.name = "opens_within", .type = ParamType::duration},
                  {.name = "passes", .choices = {"half_open"}},
                  {.name = "closes_within", .type = ParamType::duration}},
       .default_expect = {}},
      {.name = "recovered",
       .params = {{.name = "within", .type = ParamType::duration, .default_text = "30s"}},
       .default_expect = {}}};
  vocabulary.load = {{.name = "rate", .type = ParamType::rate},
                     {.name = "concurrency", .type = ParamType::integer, .default_text = "100"},
                     {.name = "batch", .type = ParamType::integer, .default_text = "1"}};
  return vocabulary;
}

Result<Experiment> parse(const std::string& text) {
  const auto root = document::parse_yaml(text, "e.yaml");
  if (!root.ok()) return root.error();
  return parse_experiment(
      *root, words(), {{"gateway", "http://127.0.0.1:8080"}},
      {{"service", {"postgresql", "log-producer"}}, {"link", {"producer-kafka"}}});
}

// The file of the documentation.
constexpr const char* kGood = R"yaml(title: PostgreSQL fails under load
hypothesis: The consumer goes on in cache-only mode and loses nothing.
load: {rate: 2000/s, concurrency: 100, batch: 10}
steady_state:
  - {probe: http, url: "${gateway}/readyz", expect: {status: 200}}
  - {probe: prometheus, query: "sum(kafka_consumer_lag)", expect: {max: 5000}}
method:
  - {at: 10s, fault: service_kill, target: postgresql, for: 20s}
expect:
  - no_loss
  - exactly_once
  - {check: breaker, name: postgresql, opens_within: 3s, passes: half_open, closes_within: 10s}
  - {check: recovered, within: 30s}
stop_when: [{probe: http, url: "${gateway}/livez", expect: {status: 200}, for: 15s}]
limits: {max_targets: 1, ttl: 60s}
)yaml";

TEST(Experiment, OfTheDocumentationParses) {
  const auto experiment = parse(kGood);
  ASSERT_TRUE(experiment.ok()) << experiment.error().message;
  EXPECT_EQ(experiment->title, "PostgreSQL fails under load");
  ASSERT_TRUE(experiment->load);
  EXPECT_EQ(experiment->load->rate("rate"), 2000.0);
  ASSERT_EQ(experiment->steady_state.size(), 2U);
  EXPECT_EQ(experiment->steady_state[0].params.text("url"), "http://127.0.0.1:8080/readyz");
  EXPECT_EQ(experiment->steady_state[0].label, "http http://127.0.0.1:8080/readyz");
  EXPECT_EQ(experiment->steady_state[1].expect.text(), "{max: 5000}");
  ASSERT_EQ(experiment->method.size(), 1U);
  const FaultStep& fault = experiment->method[0];
  EXPECT_EQ(fault.fault, "service_kill");
  EXPECT_EQ(fault.target, "postgresql");
  EXPECT_EQ(fault.at, Nanoseconds{seconds{10}});
  EXPECT_EQ(fault.duration, Nanoseconds{seconds{20}});
  EXPECT_EQ(fault.place, "e.yaml:8");
  ASSERT_EQ(experiment->expect.size(), 4U);
  EXPECT_EQ(experiment->expect[0].check, "no_loss");
  EXPECT_EQ(experiment->expect[2].params.duration("opens_within"), Nanoseconds{seconds{3}});
  ASSERT_EQ(experiment->stop_when.size(), 1U);
  EXPECT_EQ(experiment->stop_when[0].for_, Nanoseconds{seconds{15}});
  EXPECT_EQ(experiment->limits.max_targets, 1);
  EXPECT_EQ(experiment->limits.ttl, Nanoseconds{seconds{60}});
}

TEST(Experiment, WithoutAFaultIsABaseline) {
  const auto experiment = parse("title: t\nmethod: []\nexpect: [no_loss]\nseed: 7\ntags: [a, b]\n");
  ASSERT_TRUE(experiment.ok()) << experiment.error().message;
  EXPECT_TRUE(experiment->method.empty());
  EXPECT_FALSE(experiment->load);
  EXPECT_EQ(experiment->seed, 7U);
  EXPECT_THAT(experiment->tags, testing::ElementsAre("a", "b"));
}

TEST(Experiment, ProbeHasADefaultExpectationAndAName) {
  const auto experiment = parse(
      "title: t\nmethod: []\nexpect: [no_loss]\nsteady_state: [{probe: http, url: x, name: up}]\n");
  ASSERT_TRUE(experiment.ok()) << experiment.error().message;
  EXPECT_EQ(experiment->steady_state[0].expect.text(), "{status: 200}");
  EXPECT_EQ(experiment->steady_state[0].label, "up");
}

TEST(Experiment, TellsAllMistakesAtOnce) {
  const auto experiment =
      parse("title: t\nmetod: []\nexpect:\n  - no_los\nsteady_state:\n  - {probe: htp, url: x}\n");
  ASSERT_FALSE(experiment.ok());
  const std::string& message = experiment.error().message;
  EXPECT_THAT(message, HasSubstr("e.yaml:2"));
  EXPECT_THAT(message, HasSubstr("unknown key \"metod\" (did you mean \"method\"?)"));
  EXPECT_THAT(message, HasSubstr("e.yaml:4"));
  EXPECT_THAT(message, HasSubstr("unknown check \"no_los\" (did you mean \"no_loss\"?)"));
  EXPECT_THAT(message, HasSubstr("e.yaml:6"));
  EXPECT_THAT(message, HasSubstr("unknown probe \"htp\" (did you mean \"http\"?)"));
  EXPECT_THAT(message, HasSubstr("method is missing"));
}

struct Mistake {
  const char* name;
  const char* section;  // stands on line 4, after a good title, method and expect
  const char* place;
  const char* message;
};

void PrintTo(const Mistake& one, std::ostream* out) {
  *out << one.section;
}

class ExperimentMistakes : public testing::TestWithParam<Mistake> {};

TEST_P(ExperimentMistakes, AreToldWithTheirPlace) {
  std::string text = GetParam().section;
  if (text.find("title:") == std::string::npos) text = "title: t\n" + text;
  if (text.find("method:") == std::string::npos) text += "\nmethod: []";
  if (text.find("expect:") != 0 && text.find("\nexpect:") == std::string::npos) {
    text += "\nexpect: [no_loss]";
  }
  const auto experiment = parse(text + "\n");
  ASSERT_FALSE(experiment.ok());
  EXPECT_THAT(experiment.error().message, HasSubstr(GetParam().place));
  EXPECT_THAT(experiment.error().message, HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    table, ExperimentMistakes,
    testing::Values(
        Mistake{"unknown_fault", "method: [{fault: service_kil, target: postgresql}]", "e.yaml:2",
                "did you mean \"service_kill\""},
        Mistake{"unknown_target", "method: [{fault: service_kill, target: postgres}]", "e.yaml:2",
                "\"postgres\" is no service of the stack (did you mean \"postgresql\"?)"},
        Mistake{"link_for_a_service", "method: [{fault: service_kill, target: producer-kafka}]",
                "e.yaml:2", "\"producer-kafka\" is no service of the stack"},
        Mistake{"no_target", "method: [{fault: service_kill}]", "e.yaml:2", "needs a target"},
        Mistake{"no_fault", "method: [{target: postgresql}]", "e.yaml:2", "a step of the method"},
        Mistake{"step_is_text", "method: [service_kill]", "e.yaml:2", "a step of the method"},
        Mistake{"method_is_map", "method: {fault: service_kill}", "e.yaml:2", "must be a list"},
        Mistake{"for_missing", "method: [{fault: service_pause, target: postgresql}]", "e.yaml:2",
                "as in for: 10s"},
        Mistake{"for_refused", "method: [{fault: service_restart, target: postgresql, for: 5s}]",
                "e.yaml:2", "takes no for"},
        Mistake{"for_zero", "method: [{fault: service_pause, target: postgresql, for: 0s}]",
                "e.yaml:2", "longer than 0"},
        Mistake{"for_without_unit", "method: [{fault: service_pause, target: postgresql, for: 10}]",
                "e.yaml:2", "for must be a duration such as 10s or 250ms, not \"10\""},
        Mistake{"at_negative", "method: [{at: -1s, fault: service_kill, target: postgresql}]",
                "e.yaml:2", "at "},
        Mistake{"unknown_parameter",
                "method: [{fault: service_restart, target: postgresql, grac: 5s}]", "e.yaml:2",
                "did you mean \"grace\""},
        Mistake{"for_beyond_ttl",
                "limits: {ttl: 5s}\nmethod: [{fault: service_pause, target: postgresql, for: 10s}]",
                "e.yaml:3", "for: 10s is longer than limits.ttl 5s"},
        Mistake{"expect_empty", "expect: []", "e.yaml:2", "proves nothing"},
        Mistake{"expect_map", "expect: {check: no_loss}", "e.yaml:2", "must be a list"},
        Mistake{"check_without_name", "expect:\n  - {within: 30s}", "e.yaml:3",
                "a check is a name or a map"},
        Mistake{"check_parameter_missing", "expect:\n  - breaker", "e.yaml:3", "name"},
        Mistake{"check_choice", "expect:\n  - {check: breaker, name: x, passes: half_opn}",
                "e.yaml:3", "did you mean \"half_open\""},
        Mistake{"probe_without_kind", "steady_state:\n  - {url: x}", "e.yaml:3",
                "the probe's kind is missing"},
        Mistake{"probe_is_text", "steady_state:\n  - http", "e.yaml:3", "a probe is a map"},
        Mistake{"probes_are_a_map", "steady_state: {probe: http}", "e.yaml:2", "a list of probes"},
        Mistake{"probe_without_expect", "steady_state:\n  - {probe: prometheus, query: up}",
                "e.yaml:3", "needs expect"},
        Mistake{"probe_for_outside_stop_when", "steady_state:\n  - {probe: http, url: x, for: 5s}",
                "e.yaml:3", "\"for\""},
        Mistake{"expectation", "steady_state:\n  - {probe: http, url: x, expect: {statu: 200}}",
                "e.yaml:3", "did you mean \"status\""},
        Mistake{"load_key", "load: {rat: 5/s}", "e.yaml:2", "did you mean \"rate\""},
        Mistake{"load_unit", "load: {rate: 5}", "e.yaml:2", "rate"},
        Mistake{"limits_key", "limits: {max_target: 1}", "e.yaml:2",
                "did you mean \"max_targets\""},
        Mistake{"limits_bound", "limits: {max_targets: 0}", "e.yaml:2", "at least 1"},
        Mistake{"seed", "seed: -3", "e.yaml:2", "seed must be a whole number from 0"},
        Mistake{"tags", "tags: a", "e.yaml:2", "tags must be a list"},
        Mistake{"unknown_variable", "steady_state:\n  - {probe: http, url: '${gatewa}/x'}",
                "e.yaml:3", "did you mean \"gateway\""},
        Mistake{"title_is_empty", "title: ''", "e.yaml:1", "title must be a text"}),
    [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace stormlog::chaos

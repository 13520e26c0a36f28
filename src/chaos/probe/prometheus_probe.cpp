// One value from a Prometheus server's query API, or straight from a service's own metrics page.
// Source: Prometheus HTTP API, /api/v1/query.

#include <cmath>

#include "chaos/probe/probe.hpp"
#include "chaos/probe/selector.hpp"
#include "common/base/units.hpp"
#include "common/http/curl_client.hpp"

namespace stormlog::chaos {
namespace {

using document::ParamType;
using Json = nlohmann::ordered_json;

class PageProbe final : public Probe {
 public:
  PageProbe(http::FetchRequest request, Selector selector)
      : request_(std::move(request)), selector_(std::move(selector)) {}

  ProbeResult measure() override {
    const auto response = http::fetch(request_);
    if (!response.ok()) return ProbeResult::none(response.error().message);
    if (response->status != 200) {
      return ProbeResult::none(request_.url + ": status " + std::to_string(response->status));
    }
    std::string problem;
    const auto samples = telemetry::parse_exposition(response->body, &problem);
    if (!problem.empty()) return ProbeResult::none(request_.url + ": " + problem);
    const auto value = selector_.evaluate(samples);
    if (!value.ok()) return ProbeResult::none(request_.url + ": " + value.error().message);
    return ProbeResult::of({{"value", *value}});
  }

 private:
  http::FetchRequest request_;
  Selector selector_;
};

// The single number of a query's answer. Several series are no data: which one is meant is not ours
// to guess.
ProbeResult read_answer(const std::string& body) {
  const Json answer = Json::parse(body, nullptr, false);
  if (answer.is_discarded() || !answer.is_object())
    return ProbeResult::none("the answer is not JSON");
  if (answer.value("status", "") != "success") {
    return ProbeResult::none("the server refused the query: " +
                             answer.value("error", std::string("no reason given")));
  }
  const Json data = answer.value("data", Json::object());
  const std::string type = data.value("resultType", "");
  const Json result = data.value("result", Json::array());
  Json sample;
  if (type == "scalar") {
    sample = result;
  } else if (type == "vector" && result.size() == 1) {
    sample = result[0].value("value", Json());
  } else if (type == "vector" && result.size() > 1) {
    return ProbeResult::none("the query gives " + std::to_string(result.size()) +
                             " series: aggregate them, as in sum(…)");
  }
  if (!sample.is_array() || sample.size() != 2 || !sample[1].is_string()) {
    return ProbeResult::none("the query gives no sample");
  }
  const std::string text = sample[1].get<std::string>();
  if (text == "+Inf") return ProbeResult::of({{"value", HUGE_VAL}});
  if (text == "-Inf") return ProbeResult::of({{"value", -HUGE_VAL}});
  const auto number = units::parse_double(text);
  if (!number.ok()) return ProbeResult::none("the query gives " + text);
  return ProbeResult::of({{"value", *number}});
}

class ServerProbe final : public Probe {
 public:
  explicit ServerProbe(http::FetchRequest request) : request_(std::move(request)) {}

  ProbeResult measure() override {
    const auto response = http::fetch(request_);
    if (!response.ok()) return ProbeResult::none(response.error().message);
    return read_answer(response->body);
  }

 private:
  http::FetchRequest request_;
};

Result<std::unique_ptr<Probe>> make(const Stack& stack, const document::Params& params) {
  http::FetchRequest request;
  request.timeout =
      std::chrono::duration_cast<std::chrono::milliseconds>(params.duration("timeout"));
  request.connect_timeout = request.timeout;
  const std::string& query = params.text("query");
  if (params.has("metrics") && params.has("server")) {
    return Error::permanent("give metrics (a page) or server (a Prometheus), not both");
  }
  if (params.has("metrics")) {
    auto selector = Selector::parse(query);
    if (!selector.ok()) return selector.error();
    request.url = params.text("metrics");
    return std::unique_ptr<Probe>(
        std::make_unique<PageProbe>(std::move(request), std::move(*selector)));
  }
  std::string server;
  if (params.has("server")) {
    server = params.text("server");
  } else if (const auto found = stack.variables.find("prometheus");
             found != stack.variables.end()) {
    server = found->second;
  } else {
    return Error::permanent(
        "no server to ask: give server (a Prometheus) or metrics (a page), or set the variable "
        "\"prometheus\" in the stack file");
  }
  while (server.ends_with('/')) server.pop_back();
  request.url = server + "/api/v1/query?query=" + http::percent_encode(query);
  return std::unique_ptr<Probe>(std::make_unique<ServerProbe>(std::move(request)));
}

}  // namespace

extern const ProbeKind kPrometheusProbe;
const ProbeKind kPrometheusProbe = {
    .name = "prometheus",
    .summary = "One number, as value, from a Prometheus server or a service's own metrics page.",
    .params =
        {
            {.name = "query",
             .required = true,
             .description = "PromQL; on a metrics page name{label=\"value\"} inside sum, max, min, "
                            "avg or count."},
            {.name = "server",
             .description =
                 "URL of a Prometheus server; the stack's variable prometheus if absent."},
            {.name = "metrics",
             .description = "URL of a metrics page, read instead of asking a server."},
            {.name = "timeout",
             .type = ParamType::duration,
             .default_text = "2s",
             .description = "No answer within this is no data."},
        },
    .default_expect = "",
    .make = make,
};

}  // namespace stormlog::chaos

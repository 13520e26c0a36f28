// One value from a Prometheus server's query API, or straight from a service's own metrics page.
// Source: Prometheus HTTP API, /api/v1/query.

#include "chaos/probe/probe.hpp"
#include "chaos/probe/prometheus_answer.hpp"
#include "chaos/probe/selector.hpp"
#include "common/http/curl_client.hpp"
#include "common/telemetry/exposition.hpp"

namespace stormlog::chaos {
namespace {

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

class ServerProbe final : public Probe {
 public:
  explicit ServerProbe(http::FetchRequest request) : request_(std::move(request)) {}

  ProbeResult measure() override {
    const auto response = http::fetch(request_);
    if (!response.ok()) return ProbeResult::none(response.error().message);
    return read_prometheus_answer(response->body);
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
            timeout_param(),
        },
    .default_expect = "",
    .make = make,
};

}  // namespace stormlog::chaos

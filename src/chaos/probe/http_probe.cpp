// One HTTP request; judged by status, body and time. Any status is data; no answer is not.

#include "chaos/probe/probe.hpp"
#include "common/base/units.hpp"
#include "common/http/curl_client.hpp"

namespace stormlog::chaos {
namespace {

using document::ParamType;

class HttpProbe final : public Probe {
 public:
  explicit HttpProbe(http::FetchRequest request) : request_(std::move(request)) {}

  ProbeResult measure() override {
    const auto response = http::fetch(request_);
    if (!response.ok()) return ProbeResult::none(response.error().message);
    return ProbeResult::of({{"status", response->status},
                            {"body", response->body},
                            {"value", static_cast<double>(response->duration.count()) / 1e9}});
  }

 private:
  http::FetchRequest request_;
};

Result<std::unique_ptr<Probe>> make(const Stack&, const document::Params& params) {
  http::FetchRequest request;
  request.url = params.text("url");
  request.method = params.text("method");
  const auto url = http::Url::parse(request.url);
  if (!url || (url->scheme != "http" && url->scheme != "https")) {
    return Error::permanent("\"" + request.url + "\" is not an http:// or https:// URL");
  }
  if (params.has("body")) request.body = params.text("body");
  if (params.has("headers")) {
    for (const auto& [name, value] : params.text_map("headers")) request.headers.add(name, value);
  }
  request.timeout =
      std::chrono::duration_cast<std::chrono::milliseconds>(params.duration("timeout"));
  request.connect_timeout = request.timeout;
  return std::unique_ptr<Probe>(std::make_unique<HttpProbe>(std::move(request)));
}

}  // namespace

extern const ProbeKind kHttpProbe;
const ProbeKind kHttpProbe = {
    .name = "http",
    .summary = "Sends one request; judges status, body, json, and value: its time in seconds.",
    .params =
        {
            {.name = "url", .required = true, .description = "http:// or https:// URL."},
            {.name = "method", .default_text = "GET", .description = "Request method."},
            {.name = "headers",
             .type = ParamType::text_map,
             .description = "Map of header fields to send."},
            {.name = "body", .description = "Body to send."},
            timeout_param(),
        },
    .default_expect = "{status: [200, 201, 202, 204]}",
    .make = make,
};

}  // namespace stormlog::chaos

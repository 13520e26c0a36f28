// POST /loki/api/v1/push: 204, or a line of text that Loki's clients log. They repeat after 429 and
// 5xx and drop the batch after any other code, so that entries which were refused for good are told
// with 400 while the others are stored, as Loki itself does.
// Source: Loki HTTP API, "Ingest logs".
#include "pipeline/ingest/apis.hpp"
#include "pipeline/ingest/ingest_tally.hpp"

namespace stormlog::pipeline {
namespace {

class LokiApi final : public IngestApi {
 public:
  std::string_view path() const override { return "/loki/api/v1/push"; }
  Protocol protocol() const override { return Protocol::loki; }
  http::Response answer(const http::Request& request, const ParsedRecords& records,
                        std::span<const EventOutcome> outcomes) const override;
  http::Response refuse(const http::Request& request, const Refusal& refusal) const override;
};

http::Response LokiApi::answer(const http::Request&, const ParsedRecords& records,
                               std::span<const EventOutcome> outcomes) const {
  const IngestTally tally = tally_of(records, outcomes);
  int status = tally.status();
  if (status == 202 && tally.refused == 0) return {204, {}, {}};
  if (status == 202 || status == 422) status = 400;
  http::Response response = http::Response::text(status, describe_errors(records, outcomes) + "\n");
  if (status == 503) response.headers.set("Retry-After", "1");
  return response;
}

http::Response LokiApi::refuse(const http::Request&, const Refusal& refusal) const {
  http::Response response = http::Response::text(refusal.status, refusal.detail + "\n");
  for (const auto& [name, value] : refusal.headers) response.headers.set(name, value);
  return response;
}

}  // namespace

const IngestApi& loki_api() {
  static const LokiApi kApi;
  return kApi;
}

}  // namespace stormlog::pipeline

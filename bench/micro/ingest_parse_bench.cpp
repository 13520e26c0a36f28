// What reading one request costs, for each format that events come in, beside simdjson's bare parse
// of the same bytes: events a second and bytes a second on one thread.
//
//   ingest_parse_bench [--benchmark_filter=json]
#include <benchmark/benchmark.h>
#include <simdjson.h>

#include <string>

#include "common/base/random.hpp"
#include "pipeline/format/formats.hpp"

namespace {

using namespace stormlog;

// Like what services log: a line, a severity, a handful of attributes.
std::string event_json(int number) {
  const std::string n = std::to_string(number);
  return R"({"timestamp":"2026-01-31T12:00:00.5Z","severity_text":"INFO","service":"checkout",)"
         R"("body":"order )" +
         n +
         R"( was placed by a customer in Berlin","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736",)"
         R"("span_id":"00f067aa0ba902b7","attributes":{"order.id":)" +
         n + R"(,"http.route":"/orders/{id}","http.status_code":201,"cart.total":129.95}})";
}

std::string array_of(int count) {
  std::string body = "[";
  for (int i = 0; i < count; ++i) body += (i == 0 ? "" : ",") + event_json(i);
  return body + "]";
}

void set_rates(benchmark::State& state, std::int64_t events, std::size_t bytes) {
  state.SetItemsProcessed(state.iterations() * events);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}

void bare_simdjson(benchmark::State& state) {
  const int events = static_cast<int>(state.range(0));
  const std::string text = events == 1 ? event_json(0) : array_of(events);
  const simdjson::padded_string body(text);
  simdjson::dom::parser parser;
  for (auto _ : state) {
    simdjson::dom::element document;
    if (parser.parse(body).get(document)) state.SkipWithError("not JSON");
    benchmark::DoNotOptimize(document);
  }
  set_rates(state, events, text.size());
}
BENCHMARK(bare_simdjson)->Arg(1)->Arg(100);

void json(benchmark::State& state) {
  const int events = static_cast<int>(state.range(0));
  const std::string text = events == 1 ? event_json(0) : array_of(events);
  UuidV7Generator ids(SystemClock::instance(), Random(1));
  pipeline::IngestContext context;
  context.received_ns = 1'769'860'800'500'000'000;
  context.ids = &ids;
  const auto format = pipeline::json_format();
  std::string body;
  for (auto _ : state) {
    body = text;
    auto records = format->parse(body, context);
    if (!records.ok() || records->count != static_cast<std::uint32_t>(events)) {
      state.SkipWithError("refused");
    }
    benchmark::DoNotOptimize(records);
  }
  set_rates(state, events, text.size());
}
BENCHMARK(json)->Arg(1)->Arg(100);

}  // namespace

BENCHMARK_MAIN();

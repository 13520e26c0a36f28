// What reading one request costs, for each format that events come in, beside simdjson's bare parse
// of the same bytes: events a second and bytes a second on one thread.
//
//   ingest_parse_bench [--benchmark_filter=json]
#include <benchmark/benchmark.h>
#include <simdjson.h>

#include <memory>
#include <protozero/pbf_writer.hpp>
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

std::string lines_of(int count) {
  std::string body;
  for (int i = 0; i < count; ++i) body += event_json(i) + '\n';
  return body;
}

// The same events as OpenTelemetry's exporters send them.
std::string otlp_json(int count) {
  const auto text = [](const std::string& key, const std::string& value) {
    return R"({"key":")" + key + R"(","value":{"stringValue":")" + value + R"("}})";
  };
  std::string body = R"({"resourceLogs":[{"resource":{"attributes":[)" +
                     text("service.name", "checkout") + R"(]},"scopeLogs":[{"logRecords":[)";
  for (int i = 0; i < count; ++i) {
    const std::string n = std::to_string(i);
    body += (i == 0 ? "" : ",") +
            (R"({"timeUnixNano":"1769860800500000000","severityNumber":9,"severityText":"INFO",)"
             R"("body":{"stringValue":"order )" +
             n + R"( was placed by a customer in Berlin"},"attributes":[)") +
            R"({"key":"order.id","value":{"intValue":")" + n + R"("}},)" +
            text("http.route", "/orders/{id}") +
            R"(,{"key":"http.status_code","value":{"intValue":"201"}},)" +
            R"({"key":"cart.total","value":{"doubleValue":129.95}}],)" +
            R"("traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7"})";
  }
  return body + "]}]}]}";
}

std::string otlp_protobuf(int count) {
  using protozero::pbf_writer;
  const auto message = [](auto write) {
    std::string bytes;
    pbf_writer writer(bytes);
    write(writer);
    return bytes;
  };
  const auto pair = [&](const std::string& key, auto write) {
    return message([&](pbf_writer& w) {
      w.add_string(1, key);
      w.add_message(2, message(write));
    });
  };
  std::string records;
  pbf_writer scope_logs(records);
  for (int i = 0; i < count; ++i) {
    scope_logs.add_message(
        2, message([&](pbf_writer& w) {
          w.add_fixed64(1, 1'769'860'800'500'000'000);
          w.add_enum(2, 9);
          w.add_string(3, "INFO");
          w.add_message(5, message([&](pbf_writer& v) {
                          v.add_string(1, "order " + std::to_string(i) +
                                              " was placed by a customer in Berlin");
                        }));
          w.add_message(6, pair("order.id", [&](pbf_writer& v) { v.add_int64(3, i); }));
          w.add_message(6,
                        pair("http.route", [](pbf_writer& v) { v.add_string(1, "/orders/{id}"); }));
          w.add_message(6, pair("http.status_code", [](pbf_writer& v) { v.add_int64(3, 201); }));
          w.add_message(6, pair("cart.total", [](pbf_writer& v) { v.add_double(4, 129.95); }));
          w.add_bytes(9, "0123456789abcdef");
          w.add_bytes(10, "01234567");
        }));
  }
  const std::string resource = message([&](pbf_writer& w) {
    w.add_message(1, pair("service.name", [](pbf_writer& v) { v.add_string(1, "checkout"); }));
  });
  return message([&](pbf_writer& w) {
    w.add_message(1, message([&](pbf_writer& logs) {
                    logs.add_message(1, resource);
                    logs.add_message(2, records);
                  }));
  });
}

std::string loki_json(int count) {
  std::string body = R"({"streams":[{"stream":{"app":"checkout","level":"info"},"values":[)";
  for (int i = 0; i < count; ++i) {
    body += (i == 0 ? "" : ",") + (R"(["1769860800500000000","order )" + std::to_string(i)) +
            R"( was placed by a customer in Berlin",{"order.id":"17","http.route":"/orders"}])";
  }
  return body + "]}]}";
}

void parse(benchmark::State& state, std::unique_ptr<pipeline::Format> (*make)(),
           std::string (*body_of)(int)) {
  const int events = static_cast<int>(state.range(0));
  const std::string text = body_of(events);
  UuidV7Generator ids(SystemClock::instance(), Random(1));
  pipeline::IngestContext context;
  context.received_ns = 1'769'860'800'500'000'000;
  context.ids = &ids;
  const auto format = make();
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

std::string one_or_array(int count) {
  return count == 1 ? event_json(0) : array_of(count);
}

BENCHMARK_CAPTURE(parse, json, pipeline::json_format, one_or_array)->Arg(1)->Arg(100);
BENCHMARK_CAPTURE(parse, ndjson, pipeline::ndjson_format, lines_of)->Arg(100);
BENCHMARK_CAPTURE(parse, otlp_json, pipeline::otlp_json_format, otlp_json)->Arg(100);
BENCHMARK_CAPTURE(parse, otlp_protobuf, pipeline::otlp_protobuf_format, otlp_protobuf)->Arg(100);
BENCHMARK_CAPTURE(parse, loki_json, pipeline::loki_json_format, loki_json)->Arg(100);

}  // namespace

BENCHMARK_MAIN();

#include "pipeline/gateway/api_gateway.hpp"

namespace stormlog::pipeline {

using std::chrono::hours;
using std::chrono::milliseconds;

void add_api_gateway_options(OptionTable& options, ApiGatewayConfig& config) {
  service::add_service_options(options, config.service);
  service::add_tls_options(options, config.service);
  add_ingest_options(options, config.ingest);
  UpstreamConfig& upstream = config.upstream;
  resilience::CircuitBreakerConfig& breaker = config.upstream_breaker;
  options.add("producers", &config.producers, "URL,…",
              "Log producers; each gets a breaker of its own.");
  options.add("queries", &config.queries, "URL", "Log consumer that reads are passed on to.");
  options
      .add("upstream-token", &config.upstream_token, "TEXT",
           "Token that the gateway sends to producers and consumer where they have a tokens-file; "
           "it needs write, read and admin there. Without one, reads carry the client's own. Set "
           "it in the environment or in the file: flags are seen by others.")
      .secret = true;
  options.add("new-token", &config.new_token, "NAME:SCOPE,…",
              "Makes a token and ends: the entry for tokens-file on standard output, the token "
              "itself, once, on standard error. Scopes are read, write, admin.");
  options.add("request-timeout", &config.request_timeout, {milliseconds(10), hours(1)},
              "A request that is not answered by then ends with 504, or 503 where it was not sent "
              "on. Keep it above upstream-timeout.");
  options.add("connections", &upstream.connections, {1, 256},
              "Connections to each producer; each carries one batch at a time. Raising it sends "
              "more and smaller batches.");
  options.add("max-upstream-connections", &upstream.max_connections, {1, 10'000},
              "While all connections to a producer wait for it and requests queue behind, up to "
              "this many are used.");
  options.add(
      "gather", &config.queue.gather, {milliseconds(0), milliseconds(1'000)},
      "A request that comes sooner than this after a batch has left waits for company, until "
      "32 KiB are there or all clients that have lately waited at once, of both halves or of its "
      "own; never for longer than this. Raising it costs as much latency under light load and "
      "saves processor time; 0: nobody waits.");
  options.add_bytes("queue-bytes", &config.queue.queue_bytes, {64 * 1024, 16ULL << 30},
                    "Events that may wait for a connection; beyond it requests are answered 503.");
  options.add("upstream-timeout", &upstream.timeout, {milliseconds(10), hours(1)},
              "A batch that a producer has not answered by then is given up, its outcome unknown. "
              "Keep it above the producer's request-timeout.");
  options.add("connect-timeout", &upstream.connect_timeout, {milliseconds(1), hours(1)},
              "For a connection to a producer.");
  options.add("suspect-after", &upstream.suspect_after, {milliseconds(1), hours(1)},
              "A batch that waits for longer makes the gateway ask whether the producer lives.");
  options.add("probe-timeout", &upstream.probe_timeout, {milliseconds(1), hours(1)},
              "A producer that does not answer that question by then counts as dead.");
  options.add("breaker-open-wait", &breaker.open_wait, {milliseconds(1), hours(1)},
              "First stay of a breaker in open; it grows by half with each that follows.");
  options.add("breaker-open-wait-max", &breaker.open_wait_max, {milliseconds(1), hours(1)},
              "Longest stay of a breaker in open.");
  options.add("query-timeout", &config.query.timeout, {milliseconds(10), hours(1)},
              "A read that the log consumer has not answered by then ends with 504.");
  options.add("query-connections", &config.query.connections, {1, 10'000},
              "Reads under way at once; one more is answered 503.");
  options.add("query-streams", &config.query.streams, {0, 10'000},
              "Readers of the tail at once; one more is answered 503.");
}

}  // namespace stormlog::pipeline

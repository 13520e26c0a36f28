#include "chaos/ledger/sinks.hpp"

namespace stormlog::chaos {
namespace {

struct SinkKind {
  SinkSpec::Kind kind;
  Result<std::unique_ptr<Sink>> (*make)(const SinkSpec& spec);
};

constexpr SinkKind kSinkKinds[] = {
    {SinkSpec::Kind::sql, make_sql_sink},
    {SinkSpec::Kind::redis_stream, make_redis_stream_sink},
    {SinkSpec::Kind::redis_keys, make_redis_keys_sink},
    {SinkSpec::Kind::kafka, make_kafka_sink},
};

}  // namespace

Result<std::unique_ptr<Sink>> make_sink(const SinkSpec& spec) {
  for (const SinkKind& kind : kSinkKinds) {
    if (kind.kind == spec.kind) return kind.make(spec);
  }
  return Error::permanent("sink " + spec.name + ": of a kind that this program does not read");
}

}  // namespace stormlog::chaos

#pragma once

#include <memory>

#include "chaos/ledger/ledger.hpp"

// Makers of the sinks, one file each; registered in sink.cpp.
namespace stormlog::chaos {

Result<std::unique_ptr<Sink>> make_sql_sink(const SinkSpec& spec);
Result<std::unique_ptr<Sink>> make_redis_stream_sink(const SinkSpec& spec);
Result<std::unique_ptr<Sink>> make_redis_keys_sink(const SinkSpec& spec);
Result<std::unique_ptr<Sink>> make_kafka_sink(const SinkSpec& spec);

}  // namespace stormlog::chaos

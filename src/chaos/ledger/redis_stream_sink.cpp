#include <hiredis/hiredis.h>

#include "chaos/ledger/json_fields.hpp"
#include "chaos/ledger/redis_reader.hpp"
#include "chaos/ledger/run_mark.hpp"
#include "chaos/ledger/sinks.hpp"

// Reads all entries of the streams that match a pattern, stream by stream.
namespace stormlog::chaos {
namespace {

constexpr std::size_t kPage = 1000;

std::string_view text_of(const redisReply& reply) {
  return {reply.str, reply.len};
}

class RedisStreamSink final : public Sink {
 public:
  explicit RedisStreamSink(const SinkSpec& spec) : spec_(spec) {}

  const SinkSpec& spec() const override { return spec_; }
  bool only_this_run() const override { return asks_for_run(spec_.source); }

  Result<void> read(const LedgerHeader& run,
                    const std::function<void(SinkEvent&&)>& on_event) override {
    if (Result<void> usable = check_run_mark(run.run); !usable) return usable;
    Result<RedisReader> redis = RedisReader::connect(spec_.connection);
    if (!redis) return redis.error();
    const Result<std::vector<std::string>> streams = redis->keys(with_run(spec_.source, run.run));
    if (!streams) return streams.error();
    for (const std::string& stream : *streams) {
      if (Result<void> done = read_stream(*redis, stream, on_event); !done) {
        return done.error().in(stream);
      }
    }
    return {};
  }

 private:
  Result<void> read_stream(RedisReader& redis, const std::string& stream,
                           const std::function<void(SinkEvent&&)>& on_event) {
    std::string from = "-";
    for (;;) {
      Result<RedisReply> page =
          redis.command({"XRANGE", stream, from, "+", "COUNT", std::to_string(kPage)});
      if (!page) return page.error();
      const redisReply& entries = **page;
      for (std::size_t i = 0; i < entries.elements; ++i) take(*entries.element[i], on_event);
      if (entries.elements < kPage) return {};
      // "(": behind the last one that was read.
      from = "(" + std::string(text_of(*entries.element[entries.elements - 1]->element[0]));
    }
  }

  // An entry is its id and a flat list of fields and values.
  void take(const redisReply& entry, const std::function<void(SinkEvent&&)>& on_event) {
    if (entry.elements != 2) return;
    const redisReply& fields = *entry.element[1];
    std::optional<std::string> id = field(fields, spec_.id_field);
    if (!id) return;  // somebody else's entry
    SinkEvent event;
    event.id = std::move(*id);
    event.key = field(fields, spec_.key_field).value_or("");
    event.seq = parse_seq(field(fields, spec_.seq_field).value_or(""));
    on_event(std::move(event));
  }

  // The field of that name; or, by JSON pointer, from the first value that has it.
  std::optional<std::string> field(const redisReply& fields, const std::string& name) {
    if (name.empty()) return std::nullopt;
    const bool pointer = name.front() == '/';
    for (std::size_t i = 0; i + 1 < fields.elements; i += 2) {
      const std::string_view value = text_of(*fields.element[i + 1]);
      if (!pointer) {
        if (text_of(*fields.element[i]) == name) return std::string(value);
        continue;
      }
      if (!value.starts_with('{') || !json_.parse(value)) continue;
      if (std::optional<std::string> found = json_.text(name)) return found;
    }
    return std::nullopt;
  }

  SinkSpec spec_;
  JsonFields json_;
};

}  // namespace

Result<std::unique_ptr<Sink>> make_redis_stream_sink(const SinkSpec& spec) {
  return std::unique_ptr<Sink>(std::make_unique<RedisStreamSink>(spec));
}

}  // namespace stormlog::chaos

#include "chaos/ledger/json_fields.hpp"
#include "chaos/ledger/redis_reader.hpp"
#include "chaos/ledger/run_mark.hpp"
#include "chaos/ledger/sinks.hpp"
#include "common/redis/scan.hpp"

// Reads all entries of the streams that match a pattern, stream by stream.
namespace stormlog::chaos {
namespace {

constexpr std::size_t kPage = 1000;

class RedisStreamSink final : public Sink {
 public:
  explicit RedisStreamSink(const SinkSpec& spec) : spec_(spec) {}

  const SinkSpec& spec() const override { return spec_; }
  bool only_this_run() const override { return asks_for_run(spec_.source); }

  Result<void> read(const LedgerHeader& run,
                    const std::function<void(SinkEvent&&)>& on_event) override {
    if (Result<void> usable = check_run_mark(run.run); !usable) return usable;
    Result<redis::Connection> redis = connect_to_read(spec_.connection);
    if (!redis) return redis.error();
    const Result<std::vector<std::string>> streams =
        redis::scan_keys(*redis, with_run(spec_.source, run.run));
    if (!streams) return streams.error();
    for (const std::string& stream : *streams) {
      if (Result<void> done = read_stream(*redis, stream, on_event); !done) {
        return done.error().in(stream);
      }
    }
    return {};
  }

 private:
  Result<void> read_stream(redis::Connection& redis, const std::string& stream,
                           const std::function<void(SinkEvent&&)>& on_event) {
    std::string from = "-";
    for (;;) {
      Result<redis::Reply> page =
          redis.command({"XRANGE", stream, from, "+", "COUNT", std::to_string(kPage)});
      if (!page) return page.error();
      for (const redis::Reply& entry : page->elements) take(entry, on_event);
      if (page->elements.size() < kPage) return {};
      // "(": behind the last one that was read.
      from = "(" + page->elements.back().elements.at(0).text;
    }
  }

  // An entry is its id and a flat list of fields and values.
  void take(const redis::Reply& entry, const std::function<void(SinkEvent&&)>& on_event) {
    if (entry.elements.size() != 2) return;
    const std::vector<redis::Reply>& fields = entry.elements[1].elements;
    std::optional<std::string> id = field(fields, spec_.id_field);
    if (!id) return;  // somebody else's entry
    SinkEvent event;
    event.id = std::move(*id);
    event.key = field(fields, spec_.key_field).value_or("");
    event.seq = parse_seq(field(fields, spec_.seq_field).value_or(""));
    on_event(std::move(event));
  }

  // The field of that name; or, by JSON pointer, from the first value that has it.
  std::optional<std::string> field(const std::vector<redis::Reply>& fields,
                                   const std::string& name) {
    if (name.empty()) return std::nullopt;
    const bool pointer = name.front() == '/';
    for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
      const std::string& value = fields[i + 1].text;
      if (!pointer) {
        if (fields[i].text == name) return value;
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

#include <algorithm>

#include "chaos/ledger/json_fields.hpp"
#include "chaos/ledger/redis_reader.hpp"
#include "chaos/ledger/run_mark.hpp"
#include "chaos/ledger/sinks.hpp"
#include "common/redis/scan.hpp"

// Reads the JSON texts under all keys that match a pattern. Keys have no order of storage.
namespace stormlog::chaos {
namespace {

constexpr std::size_t kPage = 500;

class RedisKeysSink final : public Sink {
 public:
  explicit RedisKeysSink(const SinkSpec& spec) : spec_(spec) {}

  const SinkSpec& spec() const override { return spec_; }
  bool only_this_run() const override { return asks_for_run(spec_.source); }
  bool ordered() const override { return false; }

  Result<void> read(const LedgerHeader& run,
                    const std::function<void(SinkEvent&&)>& on_event) override {
    if (Result<void> usable = check_run_mark(run.run); !usable) return usable;
    Result<redis::Connection> redis = connect_to_read(spec_.connection);
    if (!redis) return redis.error();
    const Result<std::vector<std::string>> keys =
        redis::scan_keys(*redis, with_run(spec_.source, run.run));
    if (!keys) return keys.error();
    for (std::size_t at = 0; at < keys->size(); at += kPage) {
      std::vector<std::string> words = {"MGET"};
      const std::size_t end = std::min(at + kPage, keys->size());
      for (std::size_t i = at; i < end; ++i) words.push_back((*keys)[i]);
      const Result<redis::Reply> values = redis->command(words);
      if (!values) return values.error();
      for (const redis::Reply& value : values->elements) take(value, on_event);
    }
    return {};
  }

 private:
  void take(const redis::Reply& value, const std::function<void(SinkEvent&&)>& on_event) {
    // Nil: another type, or gone since.
    if (value.nil() || !json_.parse(value.text)) return;
    std::optional<std::string> id = json_.text(spec_.id_field);
    if (!id) return;  // somebody else's value
    SinkEvent event;
    event.id = std::move(*id);
    event.key = field(spec_.key_field);
    event.seq = parse_seq(field(spec_.seq_field));
    on_event(std::move(event));
  }

  std::string field(const std::string& pointer) const {
    return pointer.empty() ? std::string() : json_.text(pointer).value_or("");
  }

  SinkSpec spec_;
  JsonFields json_;
};

}  // namespace

Result<std::unique_ptr<Sink>> make_redis_keys_sink(const SinkSpec& spec) {
  for (const std::string* field : {&spec.id_field, &spec.key_field, &spec.seq_field}) {
    if (field->starts_with('/') || (field->empty() && field != &spec.id_field)) continue;
    return Error::permanent("sink " + spec.name + ": \"" + *field +
                            "\" is no JSON pointer; write one such as /id");
  }
  return std::unique_ptr<Sink>(std::make_unique<RedisKeysSink>(spec));
}

}  // namespace stormlog::chaos

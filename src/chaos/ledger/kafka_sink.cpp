#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "chaos/ledger/json_fields.hpp"
#include "chaos/ledger/run_mark.hpp"
#include "chaos/ledger/sinks.hpp"

// Reads a topic from a minute before the run up to where it ended when the reading began.
namespace stormlog::chaos {
namespace {

using std::chrono::milliseconds;

constexpr int kRequestTimeoutMs = 10'000;
constexpr milliseconds kStalled{30'000};
// Clocks of clients and brokers differ; a timestamp may be the client's.
constexpr Nanoseconds kClockSkew = std::chrono::minutes{1};
constexpr std::string_view kHeaderPrefix = "header:";

template <auto destroy>
struct Destroy {
  template <typename T>
  void operator()(T* object) const {
    destroy(object);
  }
};
using Conf = std::unique_ptr<rd_kafka_conf_t, Destroy<rd_kafka_conf_destroy>>;
using Client = std::unique_ptr<rd_kafka_t, Destroy<rd_kafka_destroy>>;
using Partitions = std::unique_ptr<rd_kafka_topic_partition_list_t,
                                   Destroy<rd_kafka_topic_partition_list_destroy>>;
using Message = std::unique_ptr<rd_kafka_message_t, Destroy<rd_kafka_message_destroy>>;

struct MetadataDestroy {
  void operator()(const struct rd_kafka_metadata* metadata) const {
    rd_kafka_metadata_destroy(metadata);
  }
};

Error kafka_error(const std::string& doing, rd_kafka_resp_err_t code) {
  return Error::retriable(doing + ": " + rd_kafka_err2str(code), rd_kafka_err2name(code));
}

std::optional<std::string> header_of(const rd_kafka_message_t& message, const char* name) {
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::nullopt;
  }
  const void* value = nullptr;
  std::size_t size = 0;
  if (rd_kafka_header_get_last(headers, name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR ||
      value == nullptr) {
    return std::nullopt;
  }
  return std::string(static_cast<const char*>(value), size);
}

class KafkaSink final : public Sink {
 public:
  explicit KafkaSink(const SinkSpec& spec) : spec_(spec) {
    needs_json_ = spec.id_field.starts_with('/') || spec.key_field.starts_with('/') ||
                  spec.seq_field.starts_with('/');
  }

  const SinkSpec& spec() const override { return spec_; }
  bool only_this_run() const override { return asks_for_run(spec_.source); }

  Result<void> read(const LedgerHeader& run,
                    const std::function<void(SinkEvent&&)>& on_event) override {
    if (Result<void> usable = check_run_mark(run.run); !usable) return usable;
    topic_ = with_run(spec_.source, run.run);
    Result<Client> client = connect();
    if (!client) return client.error();
    Result<std::map<std::int32_t, std::int64_t>> ends = assign(client->get(), run.started);
    if (!ends) return ends.error();
    Result<void> done = consume(client->get(), std::move(*ends), on_event);
    rd_kafka_consumer_close(client->get());
    return done;
  }

 private:
  Result<Client> connect() const {
    Conf conf(rd_kafka_conf_new());
    const std::pair<const char*, std::string> settings[] = {
        {"bootstrap.servers", spec_.connection},
        {"client.id", "stormlog-verify"},
        {"group.id", "stormlog-verify"},  // never joined: partitions are assigned by hand
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"enable.partition.eof", "true"},
        {"auto.offset.reset", "error"},
        {"check.crcs", "true"},
        {"log_level", "0"},
    };
    char reason[512];
    for (const auto& [name, value] : settings) {
      if (rd_kafka_conf_set(conf.get(), name, value.c_str(), reason, sizeof reason) !=
          RD_KAFKA_CONF_OK) {
        return Error::permanent("Kafka at \"" + spec_.connection + "\": " + reason);
      }
    }
    Client client(rd_kafka_new(RD_KAFKA_CONSUMER, conf.get(), reason, sizeof reason));
    if (!client) return Error::permanent("Kafka client: " + std::string(reason));
    static_cast<void>(conf.release());  // the client owns it now
    rd_kafka_poll_set_consumer(client.get());
    return client;
  }

  Result<std::vector<std::int32_t>> partitions(rd_kafka_t* client) const {
    std::unique_ptr<rd_kafka_topic_t, Destroy<rd_kafka_topic_destroy>> topic(
        rd_kafka_topic_new(client, topic_.c_str(), nullptr));
    const struct rd_kafka_metadata* raw = nullptr;
    const rd_kafka_resp_err_t code =
        rd_kafka_metadata(client, 0, topic.get(), &raw, kRequestTimeoutMs);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return kafka_error("Kafka at " + spec_.connection + " did not describe topic " + topic_,
                         code);
    }
    std::unique_ptr<const struct rd_kafka_metadata, MetadataDestroy> metadata(raw);
    if (metadata->topic_cnt != 1) return Error::retriable("topic " + topic_ + ": no metadata");
    const rd_kafka_metadata_topic& found = metadata->topics[0];
    if (found.err != RD_KAFKA_RESP_ERR_NO_ERROR) return kafka_error("topic " + topic_, found.err);
    std::vector<std::int32_t> ids;
    for (int i = 0; i < found.partition_cnt; ++i) ids.push_back(found.partitions[i].id);
    return ids;
  }

  // Assigns the partitions that hold something since `started`; returns where each ends.
  Result<std::map<std::int32_t, std::int64_t>> assign(rd_kafka_t* client, WallTime started) const {
    Result<std::vector<std::int32_t>> ids = partitions(client);
    if (!ids) return ids.error();

    Partitions starts(rd_kafka_topic_partition_list_new(static_cast<int>(ids->size())));
    const std::int64_t from_ms =
        std::chrono::duration_cast<milliseconds>((started - kClockSkew).time_since_epoch()).count();
    for (const std::int32_t id : *ids) {
      rd_kafka_topic_partition_list_add(starts.get(), topic_.c_str(), id)->offset = from_ms;
    }
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(client, starts.get(), kRequestTimeoutMs);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return kafka_error("topic " + topic_ + ": offsets of the run's start", code);
    }

    std::map<std::int32_t, std::int64_t> ends;
    Partitions assigned(rd_kafka_topic_partition_list_new(starts->cnt));
    for (int i = 0; i < starts->cnt; ++i) {
      const rd_kafka_topic_partition_t& start = starts->elems[i];
      if (start.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return kafka_error("topic " + topic_ + ", partition " + std::to_string(start.partition),
                           start.err);
      }
      std::int64_t low = 0;
      std::int64_t high = 0;
      code = rd_kafka_query_watermark_offsets(client, topic_.c_str(), start.partition, &low, &high,
                                              kRequestTimeoutMs);
      if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return kafka_error(
            "topic " + topic_ + ": end of partition " + std::to_string(start.partition), code);
      }
      // No message since then: offsets_for_times answers "end".
      if (start.offset < 0 || start.offset >= high) continue;
      rd_kafka_topic_partition_list_add(assigned.get(), topic_.c_str(), start.partition)->offset =
          start.offset;
      ends[start.partition] = high;
    }
    code = rd_kafka_assign(client, assigned.get());
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return kafka_error("topic " + topic_, code);
    return ends;
  }

  Result<void> consume(rd_kafka_t* client, std::map<std::int32_t, std::int64_t> ends,
                       const std::function<void(SinkEvent&&)>& on_event) {
    MonotonicTime last_progress = SystemClock::instance().now();
    std::string last_error;
    while (!ends.empty()) {
      const Message message(rd_kafka_consumer_poll(client, 200));
      const MonotonicTime now = SystemClock::instance().now();
      if (now - last_progress > kStalled) {
        return Error::retriable("topic " + topic_ + ": nothing came for 30 s before offset " +
                                std::to_string(ends.begin()->second) + " of partition " +
                                std::to_string(ends.begin()->first) +
                                (last_error.empty() ? "" : ": " + last_error));
      }
      if (!message) continue;
      if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        // The end may be a transaction's marker, which is no message.
        ends.erase(message->partition);
        continue;
      }
      if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
          message->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
        return kafka_error("topic " + topic_, message->err);
      }
      if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        last_error = rd_kafka_message_errstr(message.get());
        continue;
      }
      last_progress = now;
      const auto end = ends.find(message->partition);
      if (end == ends.end()) continue;
      if (message->offset < end->second) take(*message, on_event);
      if (message->offset + 1 >= end->second) ends.erase(end);
    }
    return {};
  }

  void take(const rd_kafka_message_t& message, const std::function<void(SinkEvent&&)>& on_event) {
    if (needs_json_) {
      const auto* payload = static_cast<const char*>(message.payload);
      json_.parse(payload == nullptr ? std::string_view() : std::string_view(payload, message.len));
    }
    std::optional<std::string> id = field(message, spec_.id_field);
    if (!id) return;  // somebody else's message
    SinkEvent event;
    event.id = std::move(*id);
    event.key = field(message, spec_.key_field).value_or("");
    event.seq = parse_seq(field(message, spec_.seq_field).value_or(""));
    on_event(std::move(event));
  }

  std::optional<std::string> field(const rd_kafka_message_t& message,
                                   const std::string& name) const {
    if (name.empty()) return std::nullopt;
    if (name.starts_with(kHeaderPrefix)) {
      return header_of(message, name.c_str() + kHeaderPrefix.size());
    }
    return json_.text(name);
  }

  SinkSpec spec_;
  std::string topic_;
  bool needs_json_ = false;
  JsonFields json_;
};

}  // namespace

Result<std::unique_ptr<Sink>> make_kafka_sink(const SinkSpec& spec) {
  for (const std::string* field : {&spec.id_field, &spec.key_field, &spec.seq_field}) {
    const bool optional = field != &spec.id_field;
    if (field->starts_with('/') || field->starts_with(kHeaderPrefix)) continue;
    if (optional && field->empty()) continue;
    return Error::permanent("sink " + spec.name + ": \"" + *field +
                            "\" is no place in a Kafka message; write a JSON pointer such as /id, "
                            "or header:NAME");
  }
  return std::unique_ptr<Sink>(std::make_unique<KafkaSink>(spec));
}

}  // namespace stormlog::chaos

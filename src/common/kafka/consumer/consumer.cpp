#include "common/kafka/consumer/consumer.hpp"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <future>
#include <thread>

#include "common/base/log.hpp"

namespace stormlog::kafka {
namespace {

template <auto destroy>
struct Destroy {
  template <typename T>
  void operator()(T* object) const {
    destroy(object);
  }
};
using Conf = std::unique_ptr<rd_kafka_conf_t, Destroy<rd_kafka_conf_destroy>>;
using List = std::unique_ptr<rd_kafka_topic_partition_list_t,
                             Destroy<rd_kafka_topic_partition_list_destroy>>;
using Queue = std::unique_ptr<rd_kafka_queue_t, Destroy<rd_kafka_queue_destroy>>;
using Event = std::unique_ptr<rd_kafka_event_t, Destroy<rd_kafka_event_destroy>>;

using KafkaError = std::unique_ptr<rd_kafka_error_t, Destroy<rd_kafka_error_destroy>>;

constexpr std::chrono::seconds kEndLimit{2};

// Runs what librdkafka may never return from, on a thread that is left behind then.
bool ends_in_time(std::function<void()> call) {
  auto done = std::make_shared<std::promise<void>>();
  std::future<void> ended = done->get_future();
  std::thread([call = std::move(call), done] {
    call();
    done->set_value();
  }).detach();
  return ended.wait_for(kEndLimit) == std::future_status::ready;
}

int to_ms(std::chrono::milliseconds time) {
  return static_cast<int>(time.count());
}

Error error_of(rd_kafka_resp_err_t code, const std::string& doing, const char* text = nullptr) {
  const std::string message =
      "Kafka: " + doing + ": " + (text != nullptr && *text != '\0' ? text : rd_kafka_err2str(code));
  return {code == RD_KAFKA_RESP_ERR__FATAL ? ErrorKind::fatal : ErrorKind::retriable, message,
          rd_kafka_err2name(code)};
}

List make_list(const std::string& topic, const Offsets& offsets) {
  List list(rd_kafka_topic_partition_list_new(static_cast<int>(offsets.size())));
  for (const auto& [partition, offset] : offsets) {
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition)->offset = offset;
  }
  return list;
}

void on_rebalance(rd_kafka_t*, rd_kafka_resp_err_t code,
                  rd_kafka_topic_partition_list_t* partitions, void* opaque) {
  static_cast<Consumer*>(opaque)->handle_rebalance(code, partitions);
}

void on_error(rd_kafka_t*, int code, const char* reason, void*) {
  // Fatal ones come through poll(); single failed connections are told by _ALL_BROKERS_DOWN.
  if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
    log::warn("kafka: no broker can be reached", {{"reason", std::string_view(reason)}});
  }
}

void on_log(const rd_kafka_t*, int level, const char* facility, const char* text) {
  constexpr int kSyslogError = 3;
  // Each failed attempt to connect is of the facility FAIL.
  const bool repeated = std::strcmp(facility, "FAIL") == 0;
  log::write(level <= kSyslogError && !repeated ? log::Level::warn : log::Level::debug,
             "kafka client", {{"facility", facility}, {"text", std::string_view(text)}});
}

Result<Conf> make_conf(const ConsumerConfig& config, Consumer* consumer) {
  Conf conf(rd_kafka_conf_new());
  std::vector<std::pair<std::string, std::string>> words = {
      {"bootstrap.servers", config.brokers},
      {"group.id", config.group},
      {"client.id", config.client_id},
      {"session.timeout.ms", std::to_string(config.session_timeout.count())},
      {"heartbeat.interval.ms", std::to_string(config.heartbeat.count())},
      {"max.poll.interval.ms", std::to_string(config.max_poll_interval.count())},
      {"partition.assignment.strategy", config.assignor},
      {"enable.auto.commit", "false"},
      {"enable.auto.offset.store", "false"},
      // Where to go on is the owner's decision: a silent jump could lose or repeat records.
      {"auto.offset.reset", "error"},
      {"isolation.level", "read_committed"},
      {"allow.auto.create.topics", "false"},
      {"fetch.wait.max.ms", std::to_string(config.fetch_wait.count())},
      {"fetch.message.max.bytes", std::to_string(config.fetch_bytes)},
      {"queued.max.messages.kbytes",
       std::to_string(std::max<std::uint64_t>(1, config.queue_bytes / 1024))},
      {"topic.metadata.refresh.interval.ms", std::to_string(config.metadata_refresh.count())},
      {"reconnect.backoff.ms", "50"},
      {"reconnect.backoff.max.ms", "1000"},
      {"socket.keepalive.enable", "true"},
      {"socket.connection.setup.timeout.ms", "5000"},
      {"log.connection.close", "false"},
  };
  if (!config.instance_id.empty()) words.emplace_back("group.instance.id", config.instance_id);
  words.insert(words.end(), config.extra.begin(), config.extra.end());
  char why[512];
  for (const auto& [name, value] : words) {
    if (rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), why, sizeof why) !=
        RD_KAFKA_CONF_OK) {
      return Error::permanent("Kafka consumer: " + name + "=" + value + ": " + why);
    }
  }
  rd_kafka_conf_set_opaque(conf.get(), consumer);
  rd_kafka_conf_set_rebalance_cb(conf.get(), on_rebalance);
  rd_kafka_conf_set_error_cb(conf.get(), on_error);
  rd_kafka_conf_set_log_cb(conf.get(), on_log);
  return conf;
}

}  // namespace

void Message::Destroy::operator()(rd_kafka_message_s* message) const {
  rd_kafka_message_destroy(message);
}
int Message::partition() const {
  return message_->partition;
}
std::int64_t Message::offset() const {
  return message_->offset;
}
std::string_view Message::key() const {
  return {static_cast<const char*>(message_->key), message_->key_len};
}
std::string_view Message::payload() const {
  return {static_cast<const char*>(message_->payload), message_->len};
}
std::optional<WallTime> Message::timestamp() const {
  rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
  const std::int64_t ms = rd_kafka_message_timestamp(message_.get(), &type);
  if (type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || ms < 0) return std::nullopt;
  return WallTime{std::chrono::milliseconds{ms}};
}
std::string_view Message::header(const char* name) const {
  rd_kafka_headers_t* headers = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  if (rd_kafka_message_headers(message_.get(), &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
      rd_kafka_header_get_last(headers, name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR ||
      value == nullptr) {
    return {};
  }
  return {static_cast<const char*>(value), size};
}

void Consumer::Destroy::operator()(rd_kafka_s* client) const {
  // close() has left the group already. In 2.0.2 the destruction can wait for ever for a broker's
  // thread, when a topic has gone while it was read: then the client is left behind.
  rd_kafka_set_log_level(client, 0);  // one left behind must not log while the program ends
  if (!ends_in_time(
          [client] { rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE); })) {
    log::warn("kafka: the client does not end; left behind");
  }
}

Result<std::unique_ptr<Consumer>> Consumer::create(const ConsumerConfig& config,
                                                   RebalanceListener& listener) {
  std::unique_ptr<Consumer> consumer(new Consumer(config, listener));
  Result<Conf> conf = make_conf(config, consumer.get());
  if (!conf) return conf.error();
  char why[512];
  consumer->client_.reset(rd_kafka_new(RD_KAFKA_CONSUMER, conf->get(), why, sizeof why));
  if (!consumer->client_) return Error::permanent(std::string("Kafka consumer: ") + why);
  (void)conf->release();
  rd_kafka_poll_set_consumer(consumer->client_.get());
  const List topics(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(topics.get(), config.topic.c_str(), RD_KAFKA_PARTITION_UA);
  if (const auto code = rd_kafka_subscribe(consumer->client_.get(), topics.get());
      code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return error_of(code, "subscribe to " + config.topic);
  }
  return consumer;
}

Consumer::~Consumer() {
  close();
  if (left_behind_) (void)client_.release();
}

void Consumer::close() {
  if (closed_ || !client_) return;
  closed_ = true;
  // Not rd_kafka_consumer_close(), which waits without a limit.
  const Queue queue(rd_kafka_queue_new(client_.get()));
  const MonotonicTime limit =
      std::chrono::steady_clock::now() + config_.session_timeout + kEndLimit;
  const KafkaError refused(rd_kafka_consumer_close_queue(client_.get(), queue.get()));
  while (!refused && rd_kafka_consumer_closed(client_.get()) == 0 &&
         std::chrono::steady_clock::now() < limit) {
    // Records that still arrive are nobody's. rd_kafka_queue_poll_callback() ends the program at
    // one.
    if (rd_kafka_message_t* late = rd_kafka_consume_queue(queue.get(), 50)) {
      rd_kafka_message_destroy(late);
    }
  }
  // After a fatal error librdkafka gives the partitions up without a callback.
  if (!assigned_.empty()) {
    const std::vector<int> lost = std::exchange(assigned_, {});
    positions_.clear();
    listener_.on_revoked(lost, true);
  }
}

// While the group is left, librdkafka can drop the call without an answer, and rd_kafka_assign()
// waits for one without a limit (its issue 4884, open). The client is left behind then, because
// the call still stands on it.
void Consumer::unassign() {
  if (!closed_) {
    rd_kafka_assign(client_.get(), nullptr);
    return;
  }
  if (left_behind_) return;
  if (ends_in_time([client = client_.get()] { rd_kafka_assign(client, nullptr); })) return;
  log::warn("kafka: the client does not let go of its partitions; left behind");
  rd_kafka_set_log_level(client_.get(), 0);
  left_behind_ = true;
}

Result<std::optional<Message>> Consumer::poll(std::chrono::milliseconds timeout) {
  rd_kafka_message_t* raw = rd_kafka_consumer_poll(client_.get(), to_ms(timeout));
  if (raw == nullptr) return std::optional<Message>();
  Message message(raw);
  if (raw->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
    const auto position = positions_.find(raw->partition);
    // Not started any more: what was on its way meanwhile.
    if (position == positions_.end()) return std::optional<Message>();
    position->second = raw->offset + 1;
    return std::optional<Message>(std::move(message));
  }
  if (raw->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
    const Error error = error_of(raw->err, "partition " + std::to_string(raw->partition),
                                 rd_kafka_message_errstr(raw));
    if (Result<void> paused = pause({raw->partition}); !paused) return paused.error();
    return error;
  }
  if (rd_kafka_fatal_error(client_.get(), nullptr, 0) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    char why[512];
    const auto code = rd_kafka_fatal_error(client_.get(), why, sizeof why);
    return Error::fatal(std::string("Kafka: ") + why, rd_kafka_err2name(code));
  }
  return error_of(raw->err, "consume " + config_.topic, rd_kafka_message_errstr(raw));
}

// Replaces librdkafka's assignment by what is started, each with its explicit offset.
Result<void> Consumer::apply() {
  if (closed_) return {};  // unassign() follows
  const List list = make_list(config_.topic, positions_);
  if (const auto code = rd_kafka_assign(client_.get(), list.get());
      code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return error_of(code, "assign");
  }
  return {};
}

Result<void> Consumer::start(const Offsets& offsets) {
  for (const auto& [partition, offset] : offsets) {
    const bool ours = std::find(assigned_.begin(), assigned_.end(), partition) != assigned_.end();
    if (ours) positions_[partition] = offset;
  }
  return apply();
}

Result<void> Consumer::pause(const std::vector<int>& partitions) {
  std::size_t paused = 0;
  for (const int partition : partitions) paused += positions_.erase(partition);
  if (paused == 0) return {};
  return apply();
}

Result<void> Consumer::pause_all() {
  if (positions_.empty()) return {};
  positions_.clear();
  return apply();
}

void Consumer::handle_rebalance(int code, const rd_kafka_topic_partition_list_s* partitions) {
  std::vector<int> numbers;
  for (int i = 0; i < partitions->cnt; ++i) numbers.push_back(partitions->elems[i].partition);
  const bool comes = code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
  if (comes && !closed_) {
    assigned_ = numbers;
    positions_.clear();
    // An empty assignment completes the rebalance and reads nothing yet.
    (void)apply();
    listener_.on_assigned(numbers);
    return;
  }
  if (!comes) {
    const bool lost = rd_kafka_assignment_lost(client_.get()) != 0;
    listener_.on_revoked(numbers, lost);
    assigned_.clear();
    positions_.clear();
  }
  unassign();
}

Result<void> Consumer::commit(const Offsets& next_offsets, std::chrono::milliseconds wait) {
  if (next_offsets.empty()) return {};
  const List list = make_list(config_.topic, next_offsets);
  if (wait.count() == 0) {
    const auto code = rd_kafka_commit(client_.get(), list.get(), 1);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return error_of(code, "commit");
    return {};
  }
  // Through a queue of its own, because rd_kafka_commit() waits without a limit.
  const Queue queue(rd_kafka_queue_new(client_.get()));
  const auto code = rd_kafka_commit_queue(client_.get(), list.get(), queue.get(), nullptr, nullptr);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return error_of(code, "commit");
  const Event event(rd_kafka_queue_poll(queue.get(), to_ms(wait)));
  if (!event) return Error::retriable("Kafka: commit: no answer in time", "_TIMED_OUT");
  if (const auto answer = rd_kafka_event_error(event.get()); answer != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return error_of(answer, "commit", rd_kafka_event_error_string(event.get()));
  }
  return {};
}

Result<Offsets> Consumer::committed(const std::vector<int>& partitions,
                                    std::chrono::milliseconds timeout) const {
  Offsets wanted;
  for (const int partition : partitions) wanted[partition] = RD_KAFKA_OFFSET_INVALID;
  if (wanted.empty()) return Offsets{};
  const List list = make_list(config_.topic, wanted);
  if (const auto code = rd_kafka_committed(client_.get(), list.get(), to_ms(timeout));
      code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return error_of(code, "committed offsets of " + config_.topic);
  }
  Offsets found;
  for (int i = 0; i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& one = list->elems[i];
    if (one.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return error_of(one.err, "committed offset of partition " + std::to_string(one.partition));
    }
    if (one.offset >= 0) found[one.partition] = one.offset;
  }
  return found;
}

Result<Offsets> Consumer::list_offsets(const std::vector<int>& partitions, std::int64_t which,
                                       std::chrono::milliseconds timeout) const {
  Offsets wanted;
  for (const int partition : partitions) wanted[partition] = which;
  if (wanted.empty()) return Offsets{};
  // The protocol's ListOffsets takes -1 (latest) and -2 (earliest) in the place of a time; one
  // request for each leader instead of one for each partition.
  const List list = make_list(config_.topic, wanted);
  if (const auto code = rd_kafka_offsets_for_times(client_.get(), list.get(), to_ms(timeout));
      code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return error_of(code, "list offsets of " + config_.topic);
  }
  Offsets found;
  for (int i = 0; i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& one = list->elems[i];
    if (one.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return error_of(one.err, "list offsets of partition " + std::to_string(one.partition));
    }
    if (one.offset < 0) {
      return Error::retriable("Kafka: list offsets of partition " + std::to_string(one.partition) +
                              ": no offset");
    }
    found[one.partition] = one.offset;
  }
  return found;
}

Result<Offsets> Consumer::high_watermarks(const std::vector<int>& partitions,
                                          std::chrono::milliseconds timeout) const {
  return list_offsets(partitions, RD_KAFKA_OFFSET_END, timeout);
}

Result<std::map<int, Watermarks>> Consumer::watermarks(const std::vector<int>& partitions,
                                                       std::chrono::milliseconds timeout) const {
  // Low first: so low is never above high.
  const Result<Offsets> low = list_offsets(partitions, RD_KAFKA_OFFSET_BEGINNING, timeout);
  if (!low) return low.error();
  const Result<Offsets> high = list_offsets(partitions, RD_KAFKA_OFFSET_END, timeout);
  if (!high) return high.error();
  std::map<int, Watermarks> both;
  for (const auto& [partition, offset] : *low) both[partition] = {offset, high->at(partition)};
  return both;
}

}  // namespace stormlog::kafka

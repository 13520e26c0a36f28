#include "common/kafka/producer/client.hpp"

#include <array>
#include <vector>

#include "common/base/log.hpp"
#include "common/base/thread_name.hpp"

namespace stormlog::kafka {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPoll{100};
// After a purge the reports are there at once; this only bounds a librdkafka that is stuck.
constexpr milliseconds kGiveUp{2'000};

struct ConfDeleter {
  void operator()(rd_kafka_conf_t* conf) const { rd_kafka_conf_destroy(conf); }
};
using Conf = std::unique_ptr<rd_kafka_conf_t, ConfDeleter>;

void write_log(const rd_kafka_t*, int level, const char* facility, const char* message) {
  // syslog levels; what librdkafka calls an error it will mostly get over by itself.
  const log::Level ours = level <= 2   ? log::Level::error
                          : level <= 4 ? log::Level::warn
                          : level <= 6 ? log::Level::info
                                       : log::Level::debug;
  log::write(ours, "librdkafka", {{"facility", facility}, {"detail", message}});
}

Result<Conf> make_conf(const ProducerConfig& config) {
  Conf conf(rd_kafka_conf_new());
  std::vector<std::pair<std::string, std::string>> properties = {
      {"bootstrap.servers", config.brokers},
      {"client.id", config.client_id},
      {"enable.idempotence", "true"},
      {"acks", "all"},
      {"linger.ms", std::to_string(static_cast<double>(config.linger.count()) / 1000.0)},
      {"compression.type", config.compression},
      {"message.timeout.ms", std::to_string(config.message_timeout.count())},
      {"socket.timeout.ms", std::to_string(config.socket_timeout.count())},
      {"socket.nagle.disable", "true"},
      {"socket.connection.setup.timeout.ms", "2000"},
      {"partitioner", "murmur2_random"},  // as the Java client: the same key, the same partition
      // The bound that counts is the caller's; these only must not come before it.
      {"queue.buffering.max.messages", "2000000"},
      {"queue.buffering.max.kbytes", "2097151"},
      // A broker that is back should be found within half a second.
      {"reconnect.backoff.ms", "50"},
      {"reconnect.backoff.max.ms", "500"},
      {"retry.backoff.ms", "50"},
      {"topic.metadata.refresh.fast.interval.ms", "100"},
      {"log.connection.close", "false"},
  };
  properties.insert(properties.end(), config.properties.begin(), config.properties.end());
  std::array<char, 512> reason{};
  for (const auto& [name, value] : properties) {
    if (rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), reason.data(), reason.size()) !=
        RD_KAFKA_CONF_OK) {
      return Error::permanent("Kafka property " + name + ": " + reason.data());
    }
  }
  rd_kafka_conf_set_events(conf.get(), RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
  rd_kafka_conf_set_log_cb(conf.get(), write_log);
  return conf;
}

bool is_permanent(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || code == RD_KAFKA_RESP_ERR_INVALID_MSG ||
         code == RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE || code == RD_KAFKA_RESP_ERR_INVALID_RECORD ||
         code == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP;
}

}  // namespace

std::string error_name(int code) {
  const char* name = rd_kafka_err2name(static_cast<rd_kafka_resp_err_t>(code));
  return name != nullptr ? name : std::to_string(code);
}

Result<std::unique_ptr<Client>> Client::create(const ProducerConfig& config,
                                               ClientCallbacks callbacks, const Clock& clock) {
  auto conf = make_conf(config);
  if (!conf.ok()) return conf.error();
  std::array<char, 512> reason{};
  rd_kafka_t* kafka = rd_kafka_new(RD_KAFKA_PRODUCER, conf->get(), reason.data(), reason.size());
  if (kafka == nullptr) return Error::permanent(std::string("Kafka producer: ") + reason.data());
  (void)conf->release();  // now the client's
  rd_kafka_topic_t* topic = rd_kafka_topic_new(kafka, config.topic.c_str(), nullptr);
  if (topic == nullptr) {
    const std::string why = rd_kafka_err2str(rd_kafka_last_error());
    rd_kafka_destroy(kafka);
    return Error::permanent("Kafka topic \"" + config.topic + "\": " + why);
  }
  return std::unique_ptr<Client>(new Client(kafka, topic, std::move(callbacks), clock));
}

Client::Client(rd_kafka_t* kafka, rd_kafka_topic_t* topic, ClientCallbacks callbacks,
               const Clock& clock)
    : kafka_(kafka),
      topic_(topic),
      queue_(rd_kafka_queue_get_main(kafka)),
      callbacks_(std::move(callbacks)),
      clock_(clock),
      thread_([this] { run(); }) {}

Client::~Client() {
  stop();
  thread_.join();
}

ProduceStatus Client::produce(const Record& record, std::uint64_t token, std::uint32_t slot) {
  // Outside of the lock of librdkafka: the report may come before rd_kafka_produceva() returns.
  InFlightList::Entry* entry = nullptr;
  {
    const std::lock_guard lock(mutex_);
    entry = in_flight_.add(token, record.key.size() + record.value.size(), clock_.now(), slot);
  }
  constexpr std::size_t kMaxHeaders = 8;
  std::array<rd_kafka_vu_t, 5 + kMaxHeaders> arguments;
  std::size_t count = 0;
  const auto next = [&](rd_kafka_vtype_t type) -> rd_kafka_vu_t& {
    arguments[count].vtype = type;
    return arguments[count++];
  };
  next(RD_KAFKA_VTYPE_RKT).u.rkt = topic_;
  next(RD_KAFKA_VTYPE_MSGFLAGS).u.i = RD_KAFKA_MSG_F_COPY;
  auto& value = next(RD_KAFKA_VTYPE_VALUE).u.mem;
  value.ptr = const_cast<char*>(record.value.data());  // NOLINT: copied, not written
  value.size = record.value.size();
  if (!record.key.empty()) {
    auto& key = next(RD_KAFKA_VTYPE_KEY).u.mem;
    key.ptr = const_cast<char*>(record.key.data());  // NOLINT
    key.size = record.key.size();
  }
  next(RD_KAFKA_VTYPE_OPAQUE).u.ptr = entry;
  // Names are literals: librdkafka wants them to end with a NUL.
  for (const RecordHeader& header :
       record.headers.first(std::min(record.headers.size(), kMaxHeaders))) {
    auto& argument = next(RD_KAFKA_VTYPE_HEADER).u.header;
    argument.name = header.name.data();
    argument.val = header.value.data();
    argument.size = static_cast<ssize_t>(header.value.size());
  }
  rd_kafka_error_t* error = rd_kafka_produceva(kafka_, arguments.data(), count);
  if (error == nullptr) return ProduceStatus::queued;
  const rd_kafka_resp_err_t code = rd_kafka_error_code(error);
  rd_kafka_error_destroy(error);
  {
    const std::lock_guard lock(mutex_);
    in_flight_.remove(entry);
  }
  if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) return ProduceStatus::full;
  return is_permanent(code) ? ProduceStatus::too_large : ProduceStatus::unavailable;
}

Producer::InFlight Client::in_flight() const {
  const std::lock_guard lock(mutex_);
  const InFlightList::Entry* oldest = in_flight_.oldest();
  return {in_flight_.count(), in_flight_.bytes(),
          oldest != nullptr ? clock_.now() - oldest->since : Nanoseconds(0)};
}

void Client::run() {
  name_thread("deliveries");
  while (!stop_.load(std::memory_order_acquire) && !fatal_) {
    serve(rd_kafka_queue_poll(queue_.get(), static_cast<int>(kPoll.count())));
  }
  give_up();
  queue_.reset();
  rd_kafka_topic_destroy(topic_);
  rd_kafka_destroy(kafka_);
  finished_.store(true, std::memory_order_release);
}

void Client::serve(rd_kafka_event_t* event) {
  if (event == nullptr) return;
  switch (rd_kafka_event_type(event)) {
    case RD_KAFKA_EVENT_DR:
      take_reports(event);
      break;
    case RD_KAFKA_EVENT_ERROR:
      take_error(event);
      break;
    default:
      break;
  }
  rd_kafka_event_destroy(event);
}

Delivery Client::report(const rd_kafka_message_t& message, InFlightList::Entry*& entry,
                        MonotonicTime now) const {
  entry = static_cast<InFlightList::Entry*>(message._private);
  Delivery delivery;
  delivery.token = entry->token;
  delivery.latency = now - entry->since;
  delivery.code = message.err;
  delivery.partition = message.partition;
  const rd_kafka_msg_status_t status = rd_kafka_message_status(&message);
  if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR || status == RD_KAFKA_MSG_STATUS_PERSISTED) {
    delivery.status = DeliveryStatus::acked;
    delivery.code = 0;
  } else if (status == RD_KAFKA_MSG_STATUS_NOT_PERSISTED) {
    delivery.status = DeliveryStatus::failed;
    delivery.permanent = is_permanent(message.err);
  } else {
    delivery.status = DeliveryStatus::unknown;
  }
  return delivery;
}

void Client::take_reports(rd_kafka_event_t* event) {
  bool saw_fatal = false;
  {
    const MonotonicTime now = clock_.now();
    const std::lock_guard lock(mutex_);
    while (const rd_kafka_message_t* message = rd_kafka_event_message_next(event)) {
      InFlightList::Entry* entry = nullptr;
      deliveries_.push_back(report(*message, entry, now));
      slots_.push_back(entry->slot);
      in_flight_.remove(entry);
      saw_fatal = saw_fatal || message->err == RD_KAFKA_RESP_ERR__FATAL;
    }
  }
  tell();
  if (saw_fatal) check_fatal();
}

void Client::tell() {
  if (!deliveries_.empty()) callbacks_.on_deliveries(deliveries_, slots_);
  deliveries_.clear();
  slots_.clear();
}

void Client::take_error(rd_kafka_event_t* event) {
  const rd_kafka_resp_err_t code = rd_kafka_event_error(event);
  if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
    callbacks_.on_brokers_down(*this);
  } else if (code == RD_KAFKA_RESP_ERR__FATAL || rd_kafka_event_error_is_fatal(event) != 0) {
    check_fatal();
  } else {
    log::debug("librdkafka error",
               {{"code", error_name(code)}, {"detail", rd_kafka_event_error_string(event)}});
  }
}

void Client::check_fatal() {
  std::array<char, 256> reason{};
  const rd_kafka_resp_err_t code = rd_kafka_fatal_error(kafka_, reason.data(), reason.size());
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR || fatal_) return;
  fatal_ = true;
  callbacks_.on_fatal(*this, error_name(code) + ": " + reason.data());
}

void Client::give_up() {
  rd_kafka_purge(kafka_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  const MonotonicTime end = SystemClock::instance().now() + kGiveUp;
  while (in_flight().messages > 0 && SystemClock::instance().now() < end) {
    serve(rd_kafka_queue_poll(queue_.get(), static_cast<int>(kPoll.count())));
  }
  tell_rest();
}

// What librdkafka did not report although it was purged.
void Client::tell_rest() {
  {
    const MonotonicTime now = clock_.now();
    const std::lock_guard lock(mutex_);
    while (InFlightList::Entry* entry = in_flight_.oldest()) {
      Delivery delivery;
      delivery.token = entry->token;
      delivery.code = RD_KAFKA_RESP_ERR__DESTROY;
      delivery.latency = now - entry->since;
      deliveries_.push_back(delivery);
      slots_.push_back(entry->slot);
      in_flight_.remove(entry);
    }
  }
  tell();
}

}  // namespace stormlog::kafka

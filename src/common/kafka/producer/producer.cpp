#include "common/kafka/producer/producer.hpp"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "common/base/log.hpp"
#include "common/base/murmur2.hpp"
#include "common/base/thread_name.hpp"
#include "common/kafka/producer/client.hpp"
#include "common/kafka/producer/lane_plan.hpp"
#include "common/kafka/producer/near_gate.hpp"

namespace stormlog::kafka {
namespace {

using std::chrono::milliseconds;

// Between two tries to make a client, when the machine has no threads or memory to give.
constexpr std::chrono::seconds kRetryCreate{1};
// What leaves together must go into one request.
constexpr milliseconds kFarLinger{2};

// How often a held record is looked at that only a report would move: Kafka may have fallen silent.
constexpr milliseconds kLook{25};

}  // namespace

struct Producer::Impl {
  // A connection: one client, and a new one when that has failed for good.
  struct Lane {
    std::unique_ptr<Client> client;
    MonotonicTime next_create{};
  };

  Impl(ProducerConfig producer_config, ProducerCallbacks producer_callbacks,
       const Clock& producer_clock)
      : config(std::move(producer_config)),
        callbacks(std::move(producer_callbacks)),
        clock(producer_clock),
        plan({.far_lanes = static_cast<int>(config.far_connections)}),
        lanes(static_cast<std::size_t>(config.far_connections) + 1) {}

  Result<std::unique_ptr<Client>> make_client(std::size_t lane);
  void on_deliveries(std::size_t lane, std::span<const Delivery> deliveries,
                     std::span<const std::uint32_t> slots);
  void on_brokers_down(std::size_t lane, const Client& client);
  void replace(std::size_t lane, Client& client, const std::string& why);
  Client* client_of(std::size_t lane);
  std::uint32_t slot_of(const Record& record);
  ProduceStatus take(const Record& record, std::uint64_t token, std::uint32_t slot,
                     MonotonicTime now);
  ProduceStatus give(std::size_t lane, const Record& record, std::uint64_t token,
                     std::uint32_t slot);
  void give_held(std::size_t lane, const HeldRecord& record, std::uint32_t slot);
  void leave_gate();
  void depart();
  void pace();

  const ProducerConfig config;
  const ProducerCallbacks callbacks;
  const Clock& clock;

  mutable std::mutex mutex;  // of all that follows
  LanePlan plan;
  NearGate gate;  // of lane 0
  std::vector<Lane> lanes;
  std::vector<std::unique_ptr<Client>> dying;  // they tell their records, then end
  std::uint64_t rebuilds = 0;
  std::uint64_t keyless = 0;
  std::uint64_t held_bytes = 0;
  std::vector<LanePlan::Departure> departures;
  std::vector<NearGate::Held> leaving;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> sorted;  // group, index
  std::vector<std::uint32_t> slots;
  std::vector<Delivery> refused;  // by librdkafka, after produce() had taken them
  bool closing = false;
  std::condition_variable changed;
  std::thread pacer;  // sends what is held when it is due
};

Result<std::unique_ptr<Client>> Producer::Impl::make_client(std::size_t lane) {
  ProducerConfig its = config;
  if (lane > 0) {
    its.linger = std::max<std::chrono::microseconds>(its.linger, kFarLinger);
    // Lane 0 says the same of the same brokers.
    its.properties.insert(its.properties.begin(), {"log_level", "2"});
  }
  ClientCallbacks own;
  own.on_deliveries = [this, lane](std::span<const Delivery> deliveries,
                                   std::span<const std::uint32_t> its_slots) {
    on_deliveries(lane, deliveries, its_slots);
  };
  own.on_brokers_down = [this, lane](const Client& client) { on_brokers_down(lane, client); };
  own.on_fatal = [this, lane](Client& client, const std::string& why) {
    replace(lane, client, why);
  };
  return Client::create(its, std::move(own), clock);
}

void Producer::Impl::on_deliveries(std::size_t lane, std::span<const Delivery> deliveries,
                                   std::span<const std::uint32_t> its_slots) {
  {
    const std::lock_guard lock(mutex);
    const MonotonicTime now = clock.now();
    const Delivery* quickest = nullptr;
    for (const Delivery& delivery : deliveries) {
      if (delivery.status != DeliveryStatus::acked) continue;
      if (quickest == nullptr || delivery.latency < quickest->latency) quickest = &delivery;
      plan.seen_partition(delivery.partition);
    }
    for (const std::uint32_t slot : its_slots) {
      plan.settled(slot);
      if (lane == 0) gate.settled(slot);
    }
    gate.set_partitions(static_cast<std::uint32_t>(plan.partitions()));
    if (quickest != nullptr) plan.reported(quickest->latency, now);
    depart();
  }
  callbacks.on_deliveries(deliveries);
}

// A connection that nobody uses may be gone without meaning anything.
void Producer::Impl::on_brokers_down(std::size_t lane, const Client& client) {
  if (lane == 0 || client.in_flight().messages > 0) callbacks.on_brokers_down();
}

// On the thread of the client that failed: it goes on to tell its records by itself.
void Producer::Impl::replace(std::size_t lane, Client& client, const std::string& why) {
  log::error("Kafka client failed for good, making a new one", {{"reason", why}});
  {
    const std::lock_guard lock(mutex);
    if (lanes[lane].client.get() != &client) return;
    std::erase_if(dying, [](const auto& old) { return old->finished(); });
    dying.push_back(std::move(lanes[lane].client));
    ++rebuilds;
    client_of(lane);
  }
  callbacks.on_rebuilt(why);
}

// Makes it where there is none; null when that does not go now. The mutex is held.
Client* Producer::Impl::client_of(std::size_t lane) {
  Lane& its = lanes[lane];
  if (its.client) return its.client.get();
  const MonotonicTime now = clock.now();
  if (closing || now < its.next_create) return nullptr;
  auto client = make_client(lane);
  if (!client.ok()) {
    its.next_create = now + kRetryCreate;
    log::error("cannot make a Kafka client", {{"reason", client.error().message}});
    return nullptr;
  }
  its.client = std::move(*client);
  return its.client.get();
}

// The mutex is held.
std::uint32_t Producer::Impl::slot_of(const Record& record) {
  return LanePlan::slot_of(record.key.empty() ? static_cast<std::uint32_t>(keyless++)
                                              : murmur2(record.key));
}

// To the client of a lane, where the plan has it under way. The mutex is held.
ProduceStatus Producer::Impl::give(std::size_t lane, const Record& record, std::uint64_t token,
                                   std::uint32_t slot) {
  if (lane == 0) gate.begin(slot);
  Client* client = client_of(lane);
  const ProduceStatus status =
      client == nullptr ? ProduceStatus::unavailable : client->produce(record, token, slot);
  if (status == ProduceStatus::queued) return status;
  plan.settled(slot);
  if (lane == 0) gate.settled(slot);
  return status;
}

// The same for one that produce() has taken before: a refusal is told. The mutex is held.
void Producer::Impl::give_held(std::size_t lane, const HeldRecord& record, std::uint32_t slot) {
  std::array<RecordHeader, HeldRecord::kMaxHeaders> headers;
  const ProduceStatus status =
      give(lane, {record.key(), record.value(), record.headers(headers)}, record.token, slot);
  held_bytes -= record.size();
  if (status == ProduceStatus::queued) return;
  Delivery delivery;
  delivery.token = record.token;
  delivery.status = DeliveryStatus::failed;
  delivery.permanent = status == ProduceStatus::too_large;
  delivery.code = delivery.permanent              ? RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE
                  : status == ProduceStatus::full ? RD_KAFKA_RESP_ERR__QUEUE_FULL
                                                  : RD_KAFKA_RESP_ERR__TRANSPORT;
  refused.push_back(delivery);
}

// What the gate has opened for, or all of it to the plan while Kafka is far. The mutex is held.
void Producer::Impl::leave_gate() {
  if (gate.held() == 0) return;
  const MonotonicTime now = clock.now();
  const bool plan_holds = plan.is_far(now) || plan.held() > 0;
  if (plan_holds) {
    gate.open_all(leaving);
  } else {
    gate.open(leaving);
  }
  for (NearGate::Held& held : leaving) {
    const auto lane = plan_holds ? std::nullopt : plan.lane_now(held.slot, now);
    if (lane) {
      give_held(static_cast<std::size_t>(*lane), *held.record, held.slot);
    } else {
      plan.hold(held.slot, std::move(held.record));
    }
  }
  leaving.clear();
}

// Sends what is due. The mutex is held.
void Producer::Impl::depart() {
  leave_gate();
  plan.depart(clock.now(), departures);
  for (const auto& departure : departures) {
    give_held(static_cast<std::size_t>(departure.lane), *departure.record, departure.slot);
  }
  if (!refused.empty()) changed.notify_one();
  departures.clear();
}

void Producer::Impl::pace() {
  name_thread("pacer");
  std::unique_lock lock(mutex);
  while (!closing) {
    if (!refused.empty()) {
      const auto told = std::exchange(refused, {});
      lock.unlock();
      callbacks.on_deliveries(told);
      lock.lock();
      continue;
    }
    const MonotonicTime now = clock.now();
    const auto next = plan.next_departure(now);
    if (!next) {
      // Kafka may fall silent: then what the gate holds is the plan's.
      changed.wait_for(lock, kLook);
    } else if (*next > now) {
      changed.wait_for(lock, *next - now);
    }
    depart();
  }
}

Producer::Producer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Producer>> Producer::create(ProducerConfig config,
                                                   ProducerCallbacks callbacks,
                                                   const Clock& clock) {
  auto impl = std::make_unique<Impl>(std::move(config), std::move(callbacks), clock);
  {
    // Held, so that a client that fails at once finds itself as the current one.
    const std::lock_guard lock(impl->mutex);
    for (std::size_t lane = 0; lane < impl->lanes.size(); ++lane) {
      auto client = impl->make_client(lane);
      if (!client.ok()) return client.error();
      impl->lanes[lane].client = std::move(*client);
    }
  }
  impl->pacer = std::thread([raw = impl.get()] { raw->pace(); });
  return std::unique_ptr<Producer>(new Producer(std::move(impl)));
}

Producer::~Producer() {
  std::vector<std::unique_ptr<Client>> clients;
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->closing = true;
    for (auto& lane : impl_->lanes) clients.push_back(std::move(lane.client));
    for (auto& client : impl_->dying) clients.push_back(std::move(client));
    const auto give_up = [this](const HeldRecord& record) {
      Delivery delivery;
      delivery.token = record.token;
      delivery.status = DeliveryStatus::failed;
      delivery.code = RD_KAFKA_RESP_ERR__DESTROY;
      impl_->refused.push_back(delivery);
    };
    for (const auto& record : impl_->plan.take_held()) give_up(*record);
    std::vector<NearGate::Held> held;
    impl_->gate.open_all(held);
    for (const auto& one : held) give_up(*one.record);
  }
  impl_->changed.notify_all();
  impl_->pacer.join();
  if (!impl_->refused.empty()) impl_->callbacks.on_deliveries(impl_->refused);
  // Ended without the lock: their threads may be on the way into replace(). All are told first, so
  // that they end side by side.
  for (const auto& client : clients) {
    if (client) client->stop();
  }
  clients.clear();
}

// The mutex is held.
ProduceStatus Producer::Impl::take(const Record& record, std::uint64_t token, std::uint32_t slot,
                                   MonotonicTime now) {
  const bool plan_holds = plan.is_far(now) || plan.held() > 0;
  if (!plan_holds && gate.admits(slot)) {
    if (const auto lane = plan.lane_now(slot, now)) {
      return give(static_cast<std::size_t>(*lane), record, token, slot);
    }
  }
  auto held = std::make_unique<HeldRecord>(record, token);
  held_bytes += held->size();
  if (!plan_holds) {
    gate.hold(slot, std::move(held));
    return ProduceStatus::queued;
  }
  leave_gate();  // what the gate holds came before
  const bool first = plan.held() == 0;
  plan.hold(slot, std::move(held));
  depart();
  if (first && plan.held() > 0) changed.notify_one();
  return ProduceStatus::queued;
}

ProduceStatus Producer::produce(const Record& record, std::uint64_t token) {
  const std::lock_guard lock(impl_->mutex);
  impl_->gate.begin_batch();
  return impl_->take(record, token, impl_->slot_of(record), impl_->clock.now());
}

// A partition's records follow each other: librdkafka's thread, which the first of them wakes, then
// mostly finds all of them.
void Producer::produce(std::span<const Record> records, std::span<const std::uint64_t> tokens,
                       std::span<ProduceStatus> statuses) {
  Impl& impl = *impl_;
  const std::lock_guard lock(impl.mutex);
  impl.gate.begin_batch();
  impl.sorted.clear();
  impl.slots.clear();
  for (std::uint32_t index = 0; index < records.size(); ++index) {
    impl.slots.push_back(impl.slot_of(records[index]));
    impl.sorted.emplace_back(impl.gate.group_of(impl.slots.back()), index);
  }
  std::sort(impl.sorted.begin(), impl.sorted.end());
  const MonotonicTime now = impl.clock.now();
  for (const auto& [group, index] : impl.sorted) {
    statuses[index] = impl.take(records[index], tokens[index], impl.slots[index], now);
  }
}

Producer::InFlight Producer::in_flight() const {
  const std::lock_guard lock(impl_->mutex);
  InFlight sum{impl_->plan.held() + impl_->gate.held(), impl_->held_bytes, {}};
  const auto add = [&sum](const std::unique_ptr<Client>& client) {
    if (!client) return;
    const InFlight more = client->in_flight();
    sum.messages += more.messages;
    sum.bytes += more.bytes;
    sum.oldest = std::max(sum.oldest, more.oldest);
  };
  for (const auto& lane : impl_->lanes) add(lane.client);
  for (const auto& client : impl_->dying) add(client);
  return sum;
}

std::uint64_t Producer::rebuilds() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->rebuilds;
}

bool Producer::flush(std::chrono::milliseconds timeout) {
  {
    const std::lock_guard lock(impl_->mutex);
    std::vector<NearGate::Held> held;
    impl_->gate.open_all(held);
    for (auto& one : held) impl_->plan.hold(one.slot, std::move(one.record));
    impl_->plan.hurry();
    impl_->depart();
  }
  const MonotonicTime end = SystemClock::instance().now() + timeout;
  while (in_flight().messages > 0) {
    if (SystemClock::instance().now() >= end) return false;
    std::this_thread::sleep_for(milliseconds(1));
  }
  return true;
}

void* Producer::native_handle() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->lanes[0].client ? impl_->lanes[0].client->handle() : nullptr;
}

}  // namespace stormlog::kafka

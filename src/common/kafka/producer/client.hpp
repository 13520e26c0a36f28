#pragma once

#include <librdkafka/rdkafka.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "common/kafka/producer/in_flight.hpp"
#include "common/kafka/producer/producer.hpp"

namespace stormlog::kafka {

class Client;

// What a client tells, on its thread.
struct ClientCallbacks {
  // Each record that produce() queued once, with the slot that it was given.
  std::function<void(std::span<const Delivery>, std::span<const std::uint32_t> slots)>
      on_deliveries;
  std::function<void(Client&)> on_brokers_down;
  // Once, when it has become useless; before its records are told.
  std::function<void(Client&, const std::string& reason)> on_fatal;
};

// One rd_kafka_t with its thread that collects delivery reports. Ends for good at the first fatal
// error, after telling every record. Private to this folder.
class Client {
 public:
  static Result<std::unique_ptr<Client>> create(const ProducerConfig& config,
                                                ClientCallbacks callbacks, const Clock& clock);
  // Gives up what is under way.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  ProduceStatus produce(const Record& record, std::uint64_t token, std::uint32_t slot);
  Producer::InFlight in_flight() const;
  rd_kafka_t* handle() const { return kafka_; }
  // Its thread is done: nothing is called any more, and destruction does not wait.
  bool finished() const { return finished_.load(std::memory_order_acquire); }
  void stop() { stop_.store(true, std::memory_order_release); }

 private:
  struct QueueDeleter {
    void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
  };

  Client(rd_kafka_t* kafka, rd_kafka_topic_t* topic, ClientCallbacks callbacks, const Clock& clock);

  void run();
  void serve(rd_kafka_event_t* event);
  void take_reports(rd_kafka_event_t* event);
  void take_error(rd_kafka_event_t* event);
  void check_fatal();
  void give_up();
  void tell_rest();
  void tell();
  Delivery report(const rd_kafka_message_t& message, InFlightList::Entry*& entry,
                  MonotonicTime now) const;

  rd_kafka_t* kafka_;
  rd_kafka_topic_t* topic_;
  std::unique_ptr<rd_kafka_queue_t, QueueDeleter> queue_;
  const ClientCallbacks callbacks_;
  const Clock& clock_;

  mutable std::mutex mutex_;  // of in_flight_
  InFlightList in_flight_;

  std::vector<Delivery> deliveries_;  // of the event being served
  std::vector<std::uint32_t> slots_;
  bool fatal_ = false;  // on the thread alone
  std::atomic<bool> stop_{false};
  std::atomic<bool> finished_{false};
  std::thread thread_;
};

}  // namespace stormlog::kafka

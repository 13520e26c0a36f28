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

// One rd_kafka_t with its thread that collects delivery reports. Ends for good at the first fatal
// error, after telling every record. Private to this folder.
class Client {
 public:
  // Called once, on the client's thread, when it has become useless; before its records are told.
  using OnFatal = std::function<void(Client&, const std::string& reason)>;

  static Result<std::unique_ptr<Client>> create(const ProducerConfig& config,
                                                const ProducerCallbacks& callbacks,
                                                const Clock& clock, OnFatal on_fatal);
  // Gives up what is under way.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  ProduceStatus produce(const Record& record, std::uint64_t token);
  Producer::InFlight in_flight() const;
  rd_kafka_t* handle() const { return kafka_; }
  // Its thread is done: nothing is called any more, and destruction does not wait.
  bool finished() const { return finished_.load(std::memory_order_acquire); }
  void stop() { stop_.store(true, std::memory_order_release); }

 private:
  struct QueueDeleter {
    void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
  };

  Client(rd_kafka_t* kafka, rd_kafka_topic_t* topic, const ProducerCallbacks& callbacks,
         const Clock& clock, OnFatal on_fatal);

  void run();
  void serve(rd_kafka_event_t* event);
  void take_reports(rd_kafka_event_t* event);
  void take_error(rd_kafka_event_t* event);
  void check_fatal();
  void give_up();
  void tell_rest();
  Delivery report(const rd_kafka_message_t& message, InFlightList::Entry*& entry,
                  MonotonicTime now) const;

  rd_kafka_t* kafka_;
  rd_kafka_topic_t* topic_;
  std::unique_ptr<rd_kafka_queue_t, QueueDeleter> queue_;
  const ProducerCallbacks& callbacks_;
  const Clock& clock_;
  OnFatal on_fatal_;

  mutable std::mutex mutex_;  // of in_flight_
  InFlightList in_flight_;

  std::vector<Delivery> deliveries_;  // of the event being served
  bool fatal_ = false;                // on the thread alone
  std::atomic<bool> stop_{false};
  std::atomic<bool> finished_{false};
  std::thread thread_;
};

}  // namespace stormlog::kafka

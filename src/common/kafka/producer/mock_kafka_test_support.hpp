#pragma once

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <array>
#include <stdexcept>
#include <string>

namespace stormlog::kafka {

// librdkafka's mock cluster of one broker, for tests of protocol errors. It is in memory and drops
// no doubles: never a proof of durability.
class MockKafka {
 public:
  explicit MockKafka(const std::string& topic, int partitions = 2) {
    std::array<char, 256> reason{};
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "log_level", "0", reason.data(), reason.size());
    owner_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason.data(), reason.size());
    if (owner_ == nullptr) throw std::runtime_error(reason.data());
    cluster_ = rd_kafka_mock_cluster_new(owner_, 1);
    rd_kafka_mock_topic_create(cluster_, topic.c_str(), partitions, 1);
  }
  ~MockKafka() {
    rd_kafka_mock_cluster_destroy(cluster_);
    rd_kafka_destroy(owner_);
  }
  MockKafka(const MockKafka&) = delete;
  MockKafka& operator=(const MockKafka&) = delete;

  std::string brokers() const { return rd_kafka_mock_cluster_bootstraps(cluster_); }
  void down() { rd_kafka_mock_broker_set_down(cluster_, 1); }
  void up() { rd_kafka_mock_broker_set_up(cluster_, 1); }
  void set_rtt(int ms) { rd_kafka_mock_broker_set_rtt(cluster_, 1, ms); }
  // The next produce requests are answered with this error.
  void fail_produce(rd_kafka_resp_err_t code, int times) {
    for (int i = 0; i < times; ++i) {
      rd_kafka_mock_push_request_errors(cluster_, 0, 1, code);  // ApiKey 0 = Produce
    }
  }
  rd_kafka_mock_cluster_t* cluster() const { return cluster_; }

 private:
  rd_kafka_t* owner_ = nullptr;
  rd_kafka_mock_cluster_t* cluster_ = nullptr;
};

}  // namespace stormlog::kafka

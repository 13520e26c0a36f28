#pragma once

#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/kafka/consumer/consumer.hpp"

namespace stormlog::kafka::test {

inline constexpr const char* kTopic = "logs";

// A cluster of one broker inside a producer that is also used to fill it.
class MockCluster {
 public:
  explicit MockCluster(int partitions) {
    char why[256];
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "test.mock.num.brokers", "1", why, sizeof why);
    rd_kafka_conf_set(conf, "linger.ms", "0", why, sizeof why);
    producer_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    cluster_ = rd_kafka_handle_mock_cluster(producer_);
    rd_kafka_mock_topic_create(cluster_, kTopic, partitions, 1);
  }
  ~MockCluster() { rd_kafka_destroy(producer_); }

  std::string brokers() const { return rd_kafka_mock_cluster_bootstraps(cluster_); }
  rd_kafka_mock_cluster_t* get() const { return cluster_; }

  void produce(int partition, int from, int to) {
    for (int i = from; i < to; ++i) {
      const std::string value = std::to_string(i);
      ASSERT_EQ(
          rd_kafka_producev(producer_, RD_KAFKA_V_TOPIC(kTopic), RD_KAFKA_V_PARTITION(partition),
                            RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()),
                            RD_KAFKA_V_HEADER("id", "x7", 2),
                            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
          RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    ASSERT_EQ(rd_kafka_flush(producer_, 10'000), RD_KAFKA_RESP_ERR_NO_ERROR);
  }

 private:
  rd_kafka_t* producer_;
  rd_kafka_mock_cluster_t* cluster_;
};

struct Listener final : RebalanceListener {
  void on_assigned(const std::vector<int>& partitions) override { assigned = partitions; }
  void on_revoked(const std::vector<int>& partitions, bool was_lost) override {
    last_word();
    revoked.insert(revoked.end(), partitions.begin(), partitions.end());
    assigned.clear();
    lost = lost || was_lost;
  }
  std::vector<int> assigned;
  std::vector<int> revoked;
  bool lost = false;
  std::function<void()> last_word = [] {};  // before it gives its partitions up
};

struct Member {
  explicit Member(const MockCluster& cluster, const std::string& debug = "") {
    ConsumerConfig config;
    config.brokers = cluster.brokers();
    config.topic = kTopic;
    config.group = "group";
    if (!debug.empty()) config.extra = {{"debug", debug}};
    auto made = Consumer::create(config, listener);
    EXPECT_TRUE(made.ok()) << (made.ok() ? "" : made.error().message);
    consumer = std::move(*made);
  }
  // Polls until `done` holds; what was read is added to `read`.
  bool poll_until(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{30};
    while (!done()) {
      if (std::chrono::steady_clock::now() > end) return false;
      Result<std::optional<Message>> polled = consumer->poll(std::chrono::milliseconds{20});
      if (!polled) errors.insert(polled.error().code);
      if (polled.ok() && polled->has_value()) {
        read[(*polled)->partition()].push_back((*polled)->offset());
        last_payload = std::string((*polled)->payload());
        last_header = std::string((*polled)->header("id"));
      }
    }
    return true;
  }
  Listener listener;
  std::unique_ptr<Consumer> consumer;
  std::map<int, std::vector<std::int64_t>> read;
  std::set<std::string> errors;
  std::string last_payload;
  std::string last_header;
};

}  // namespace stormlog::kafka::test

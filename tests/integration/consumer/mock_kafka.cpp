#include "mock_kafka.hpp"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <stdexcept>

namespace stormlog::test {
namespace {

constexpr const char* kTopic = "logs";

}  // namespace

MockKafka::MockKafka(int partitions) {
  char why[256];
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "test.mock.num.brokers", "1", why, sizeof why);
  rd_kafka_conf_set(conf, "linger.ms", "0", why, sizeof why);
  producer_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
  if (producer_ == nullptr) throw std::runtime_error(why);
  cluster_ = rd_kafka_handle_mock_cluster(producer_);
  rd_kafka_mock_topic_create(cluster_, kTopic, partitions, 1);
}

MockKafka::~MockKafka() {
  rd_kafka_destroy(producer_);
}

std::string MockKafka::brokers() const {
  return rd_kafka_mock_cluster_bootstraps(cluster_);
}

void MockKafka::produce(int partition, const std::string& payload, const std::string& id) {
  const auto code =
      rd_kafka_producev(producer_, RD_KAFKA_V_TOPIC(kTopic), RD_KAFKA_V_PARTITION(partition),
                        RD_KAFKA_V_VALUE(const_cast<char*>(payload.data()), payload.size()),
                        RD_KAFKA_V_HEADER("id", id.data(), static_cast<ssize_t>(id.size())),
                        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) throw std::runtime_error(rd_kafka_err2str(code));
}

void MockKafka::produce_traced(int partition, const std::string& payload,
                               const std::string& traceparent, const std::string& tracestate) {
  const auto code = rd_kafka_producev(
      producer_, RD_KAFKA_V_TOPIC(kTopic), RD_KAFKA_V_PARTITION(partition),
      RD_KAFKA_V_VALUE(const_cast<char*>(payload.data()), payload.size()),
      RD_KAFKA_V_HEADER("traceparent", traceparent.data(),
                        static_cast<ssize_t>(traceparent.size())),
      RD_KAFKA_V_HEADER("tracestate", tracestate.data(), static_cast<ssize_t>(tracestate.size())),
      RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) throw std::runtime_error(rd_kafka_err2str(code));
}

void MockKafka::flush() {
  if (rd_kafka_flush(producer_, 30'000) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    throw std::runtime_error("the mock cluster takes no records");
  }
}

void MockKafka::topic_missing(bool missing) {
  rd_kafka_mock_topic_set_error(
      cluster_, kTopic,
      missing ? RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART : RD_KAFKA_RESP_ERR_NO_ERROR);
}

}  // namespace stormlog::test

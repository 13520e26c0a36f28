// The whole service over a real socket, against librdkafka's mock cluster.

#include "pipeline/producer/log_producer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "common/http/curl_client.hpp"
#include "common/kafka/producer/mock_kafka_test_support.hpp"
#include "common/service/service.hpp"
#include "common/telemetry/exposition.hpp"
#include "pipeline/auth/sha256.hpp"

namespace stormlog::pipeline {
namespace {

using namespace std::chrono_literals;  // NOLINT: a test
using nlohmann::json;
using ::testing::HasSubstr;

constexpr char kId[] = "01890a5d-ac96-774b-bcce-b302099a8057";

class LogProducerTest : public ::testing::Test {
 protected:
  ~LogProducerTest() override { stop(); }

  static LogProducerConfig test_config() {
    LogProducerConfig config;
    config.service.listen = "127.0.0.1:0";
    config.service.log_level = "off";
    config.publisher.request_timeout = 20s;
    config.breaker.open_wait = 50ms;
    config.breaker.open_wait_max = 50ms;
    return config;
  }
  void start(LogProducerConfig config = test_config()) {
    if (config.publisher.kafka.brokers == LogProducerConfig().publisher.kafka.brokers) {
      config.publisher.kafka.brokers = kafka_.brokers();
    }
    auto producer = LogProducer::create(std::move(config));
    ASSERT_TRUE(producer.ok()) << producer.error().message;
    producer_ = std::move(*producer);
    const auto listening = producer_->service().listen();
    ASSERT_TRUE(listening.ok()) << listening.error().message;
    exit_code_ = std::async(std::launch::async, [this] { return producer_->service().run(); });
  }
  int stop() {
    if (!exit_code_.valid()) return -1;
    producer_->service().request_stop();
    return exit_code_.get();
  }
  http::FetchResponse fetch(http::FetchRequest request, const std::string& target) {
    request.url = "http://127.0.0.1:" + std::to_string(producer_->service().port()) + target;
    request.timeout = 30s;
    const auto response = http::fetch(request);
    EXPECT_TRUE(response.ok()) << response.error().message;
    return response.ok() ? *response : http::FetchResponse();
  }
  http::FetchResponse post(const std::string& body, const std::string& type = "application/json",
                           const std::string& target = "/api/v1/logs") {
    http::FetchRequest request;
    request.method = "POST";
    request.headers.set("Content-Type", type);
    request.body = body;
    return fetch(std::move(request), target);
  }
  http::FetchResponse get(const std::string& target) { return fetch({}, target); }
  std::string metric_line(const std::string& start) {
    std::istringstream lines(get("/metrics").body);
    for (std::string line; std::getline(lines, line);) {
      if (line.rfind(start, 0) == 0) return line;
    }
    return {};
  }
  // Repeats until it holds; the limit is generous, for slow machines.
  template <typename Condition>
  bool wait(Condition holds) {
    for (int i = 0; i < 3'000; ++i) {
      if (holds()) return true;
      std::this_thread::sleep_for(10ms);
    }
    return false;
  }

  kafka::MockKafka kafka_{"logs"};
  std::unique_ptr<LogProducer> producer_;
  std::future<int> exit_code_;
};

// What a consumer finds on the topic.
struct Found {
  std::string key;
  std::string value;
  std::map<std::string, std::string> headers;
};

std::vector<Found> consume(const std::string& brokers, std::size_t count) {
  std::array<char, 256> reason{};
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  for (const auto& [name, value] :
       std::map<std::string, std::string>{{"bootstrap.servers", brokers},
                                          {"group.id", "test"},
                                          {"auto.offset.reset", "earliest"},
                                          {"log_level", "0"}}) {
    rd_kafka_conf_set(conf, name.c_str(), value.c_str(), reason.data(), reason.size());
  }
  rd_kafka_t* consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, reason.data(), reason.size());
  rd_kafka_poll_set_consumer(consumer);
  rd_kafka_topic_partition_list_t* partitions = rd_kafka_topic_partition_list_new(2);
  for (int partition = 0; partition < 2; ++partition) {
    rd_kafka_topic_partition_list_add(partitions, "logs", partition)->offset =
        RD_KAFKA_OFFSET_BEGINNING;
  }
  rd_kafka_assign(consumer, partitions);
  rd_kafka_topic_partition_list_destroy(partitions);
  std::vector<Found> found;
  for (int i = 0; i < 300 && found.size() < count; ++i) {
    rd_kafka_message_t* message = rd_kafka_consumer_poll(consumer, 100);
    if (message == nullptr) continue;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      Found one;
      one.key.assign(static_cast<const char*>(message->key), message->key_len);
      one.value.assign(static_cast<const char*>(message->payload), message->len);
      rd_kafka_headers_t* headers = nullptr;
      if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        const char* name = nullptr;
        const void* value = nullptr;
        std::size_t size = 0;
        for (std::size_t h = 0; rd_kafka_header_get_all(headers, h, &name, &value, &size) ==
                                RD_KAFKA_RESP_ERR_NO_ERROR;
             ++h) {
          one.headers[name] = std::string(static_cast<const char*>(value), size);
        }
      }
      found.push_back(std::move(one));
    }
    rd_kafka_message_destroy(message);
  }
  rd_kafka_consumer_close(consumer);
  rd_kafka_destroy(consumer);
  return found;
}

TEST_F(LogProducerTest, AcceptsWhatKafkaHas) {
  start();
  http::FetchRequest request;
  request.method = "POST";
  request.headers.set("Content-Type", "application/json");
  request.headers.set("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  request.headers.set("tracestate", "rojo=00f067aa0ba902b7, congo=t61rcWkgMzE");
  request.body = std::string(R"({"id":")") + kId + R"(","key":"k","body":"x"})";
  const auto response = fetch(std::move(request), "/api/v1/logs");
  EXPECT_EQ(response.status, 202);
  EXPECT_EQ(json::parse(response.body)["accepted"], 1);

  const auto found = consume(kafka_.brokers(), 1);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].key, "k");
  EXPECT_EQ(found[0].headers.at("id"), kId);
  EXPECT_EQ(found[0].headers.at("content-type"), "application/json");
  EXPECT_EQ(found[0].headers.at("schema-version"), "1");
  EXPECT_EQ(found[0].headers.at("tracestate"), "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE");
  EXPECT_EQ(found[0].headers.at("traceparent"),
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  const auto event = decode_stored(found[0].value);
  ASSERT_TRUE(event.ok()) << event.error().message;
  EXPECT_EQ(event->id.to_string(), kId);
  EXPECT_EQ(found[0].headers.at("received-at"), std::to_string(event->observed_timestamp_ns));
  EXPECT_EQ(metric_line("log_events_sent_success"), "log_events_sent_success 1");
  EXPECT_EQ(metric_line("log_events_sent_failure"), "log_events_sent_failure 0");
  EXPECT_EQ(metric_line("kafka_produce_queue_messages"), "kafka_produce_queue_messages 0");
  EXPECT_EQ(metric_line("kafka_delivery_seconds_count"), "kafka_delivery_seconds_count 1");
  EXPECT_EQ(stop(), 0);
}

TEST_F(LogProducerTest, AnswersABatchEventByEvent) {
  start();
  std::string batch;
  append_batch_header(3, batch);
  for (int i = 0; i < 3; ++i) {
    EventView event;
    event.id.bytes[0] = static_cast<std::uint8_t>(i + 1);
    event.payload = R"({"v":1})";
    append_frame(event, batch);
  }
  const auto response = post(batch, std::string(kBatchType), "/internal/v1/batch");
  ASSERT_EQ(response.status, 200);
  EXPECT_EQ(response.headers.get("Content-Type"), kResultsType);
  const auto outcomes = decode_results(response.body);
  ASSERT_TRUE(outcomes.ok());
  EXPECT_THAT(*outcomes, ::testing::Each(EventOutcome::accepted));
  EXPECT_EQ(outcomes->size(), 3U);
  EXPECT_EQ(post("SLB1", std::string(kBatchType), "/internal/v1/batch").status, 400);
  EXPECT_EQ(post(batch, "application/json", "/internal/v1/batch").status, 415);
}

TEST_F(LogProducerTest, RefusesWhatIsNotAnEvent) {
  start();
  EXPECT_EQ(post("{").status, 400);
  EXPECT_EQ(post("x", "text/plain").status, 415);
  EXPECT_EQ(post(R"({"id":1})").status, 422);
  const auto partly = post(R"([{"body":"x"},{"id":1}])");
  EXPECT_EQ(partly.status, 202);
  EXPECT_EQ(json::parse(partly.body)["errors"][0]["index"], 1);
  EXPECT_EQ(metric_line("ingest_rejected_total{reason=\"malformed\"}"),
            "ingest_rejected_total{reason=\"malformed\"} 1");
}

TEST_F(LogProducerTest, WithATokensFileOnlyItsHoldersMaySend) {
  std::string name = (std::filesystem::temp_directory_path() / "tokens-XXXXXX").string();
  const int fd = ::mkstemp(name.data());
  ASSERT_GE(fd, 0);
  ::close(fd);
  std::ofstream(name) << "- {name: gateway, sha256: " << to_hex(sha256("token-of-the-gateway"))
                      << ", scopes: [write]}\n"
                      << "- {name: reader, sha256: " << to_hex(sha256("token-of-a-reader"))
                      << ", scopes: [read]}\n";
  LogProducerConfig config = test_config();
  config.service.tokens_file = name;
  start(std::move(config));
  const auto send = [&](const std::string& target, const std::string& token) {
    http::FetchRequest request;
    request.method = "POST";
    const bool batch = target == "/internal/v1/batch";
    request.headers.set("Content-Type", batch ? std::string(kBatchType) : "application/json");
    if (!token.empty()) request.headers.set("Authorization", "Bearer " + token);
    if (batch) {
      append_batch_header(0, request.body);
    } else {
      request.body = R"({"body":"x"})";
    }
    return fetch(std::move(request), target).status;
  };
  for (const auto& [target, good] :
       {std::pair{"/internal/v1/batch", 200}, std::pair{"/api/v1/logs", 202}}) {
    EXPECT_EQ(send(target, ""), 401) << target;
    EXPECT_EQ(send(target, "token-of-a-reader"), 403) << target;
    EXPECT_EQ(send(target, "token-of-the-gateway"), good) << target;
  }
  EXPECT_EQ(metric_line("ingest_rejected_total{reason=\"unauthorized\"}"),
            "ingest_rejected_total{reason=\"unauthorized\"} 1");
  std::filesystem::remove(name);
}

TEST_F(LogProducerTest, APermanentErrorOfKafkaIsAnError) {
  start();
  kafka_.fail_produce(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, 1);
  EXPECT_EQ(post(R"({"body":"x"})").status, 413);
  EXPECT_EQ(metric_line("kafka_delivery_errors_total"),
            "kafka_delivery_errors_total{code=\"MSG_SIZE_TOO_LARGE\"} 1");
  EXPECT_EQ(metric_line("log_events_sent_failure"), "log_events_sent_failure 1");
}

TEST_F(LogProducerTest, KafkaDownOpensTheBreakerAndItsReturnClosesIt) {
  auto config = test_config();
  config.publisher.request_timeout = 300ms;
  config.publisher.stall = 100ms;
  start(std::move(config));
  ASSERT_EQ(post(R"({"body":"x"})").status, 202);
  kafka_.down();
  // Until it is noticed, a request waits to its deadline: its outcome is unknown.
  const auto waited = post(R"({"body":"x"})");
  EXPECT_TRUE(waited.status == 504 || waited.status == 503) << waited.status;
  ASSERT_TRUE(wait([&] {
    return metric_line("resilience4j_circuitbreaker_state{name=\"kafka\",state=\"closed\"}")
               .back() == '0';
  }));
  EXPECT_EQ(get("/livez").status, 200);
  ASSERT_TRUE(wait([&] {
    const auto refused = post(R"({"body":"x"})");
    return refused.status == 503 && refused.headers.get("Retry-After") == "1";
  }));
  kafka_.up();
  ASSERT_TRUE(wait([&] { return post(R"({"body":"x"})").status == 202; }));
  ASSERT_TRUE(wait([&] { return get("/readyz").status == 200; }));
}

TEST_F(LogProducerTest, StartsWhileKafkaIsDown) {
  auto config = test_config();
  config.publisher.request_timeout = 500ms;
  config.publisher.kafka.brokers = "127.0.0.1:1";
  start(std::move(config));
  EXPECT_EQ(get("/livez").status, 200);
  EXPECT_EQ(get("/readyz").status, 200);  // nothing is known against it yet
  EXPECT_EQ(post(R"({"body":"x"})").status, 504);
  ASSERT_TRUE(wait([&] { return post(R"({"body":"x"})").status == 503; }));
}

TEST_F(LogProducerTest, TheByteBudgetIsTheBackPressure) {
  auto config = test_config();
  config.publisher.queue_bytes = 1'000;
  start(std::move(config));
  ASSERT_EQ(post(R"({"body":"x"})").status, 202);
  kafka_.set_rtt(2'000);
  auto first = std::async(std::launch::async, [&] {
    return post(R"({"body":")" + std::string(900, 'x') + R"("})").status;
  });
  ASSERT_TRUE(wait([&] { return metric_line("kafka_produce_queue_messages").back() == '1'; }));
  const auto second = post(R"({"body":")" + std::string(900, 'x') + R"("})");
  EXPECT_EQ(second.status, 503);
  EXPECT_EQ(second.headers.get("Retry-After"), "1");
  EXPECT_THAT(second.body, HasSubstr("acknowledgement"));
  kafka_.set_rtt(0);
  EXPECT_EQ(first.get(), 202);
  EXPECT_TRUE(wait([&] { return post(R"({"body":"x"})").status == 202; }));
}

TEST_F(LogProducerTest, AFatalErrorIsSurvived) {
  start();
  ASSERT_EQ(post(R"({"body":"x"})").status, 202);
  kafka_.set_rtt(500);
  auto during = std::async(std::launch::async, [&] { return post(R"({"body":"x"})").status; });
  ASSERT_TRUE(wait([&] { return metric_line("kafka_produce_queue_messages").back() == '1'; }));
  rd_kafka_test_fatal_error(
      static_cast<rd_kafka_t*>(producer_->publisher().kafka().native_handle()),
      RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "test");
  EXPECT_THAT(during.get(), ::testing::AnyOf(503, 504, 202));
  kafka_.set_rtt(0);
  EXPECT_TRUE(wait([&] { return post(R"({"body":"x"})").status == 202; }));
  EXPECT_EQ(metric_line("kafka_client_rebuilds_total"), "kafka_client_rebuilds_total 1");
}

TEST_F(LogProducerTest, StopAnswersWhatIsUnderWay) {
  start();
  ASSERT_EQ(post(R"({"body":"x"})").status, 202);
  kafka_.set_rtt(300);
  auto during = std::async(std::launch::async, [&] { return post(R"({"body":"x"})").status; });
  ASSERT_TRUE(wait([&] { return metric_line("kafka_produce_queue_messages").back() == '1'; }));
  EXPECT_EQ(stop(), 0);
  EXPECT_EQ(during.get(), 202);
  EXPECT_EQ(producer_->publisher().kafka().in_flight().messages, 0U);
}

TEST(LogProducerConfig, BadPropertiesAreNamed) {
  LogProducerConfig config;
  config.kafka_properties = "nonsense";
  auto producer = LogProducer::create(config);
  ASSERT_FALSE(producer.ok());
  EXPECT_THAT(producer.error().message, HasSubstr("name=value"));
  config.kafka_properties = "no.such=1";
  producer = LogProducer::create(config);
  ASSERT_FALSE(producer.ok());
  EXPECT_THAT(producer.error().message, HasSubstr("no.such"));
}

}  // namespace
}  // namespace stormlog::pipeline

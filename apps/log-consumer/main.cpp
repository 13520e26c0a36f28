#include <iostream>

#include "common/base/options.hpp"
#include "common/service/service.hpp"
#include "pipeline/consumer/log_consumer.hpp"

int main(int argc, char** argv) {
  stormlog::pipeline::LogConsumerConfig config;
  stormlog::OptionTable options("log-consumer", "LOG_CONSUMER_",
                                "Stores the log events of Kafka in PostgreSQL; answers queries.");
  add_log_consumer_options(options, config);
  if (const auto exit_code = options.parse(argc, argv, std::cout, std::cerr)) return *exit_code;
  auto consumer = stormlog::pipeline::LogConsumer::create(config);
  if (!consumer.ok()) {
    std::cerr << "log-consumer: " << consumer.error().message << "\n";
    return 2;
  }
  return stormlog::service::run_program((*consumer)->service());
}

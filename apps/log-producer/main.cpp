#include <iostream>

#include "common/base/options.hpp"
#include "common/service/service.hpp"
#include "pipeline/producer/log_producer.hpp"

int main(int argc, char** argv) {
  stormlog::pipeline::LogProducerConfig config;
  stormlog::OptionTable options("log-producer", "LOG_PRODUCER_",
                                "Publishes log events to Kafka; answers when Kafka has them.");
  add_log_producer_options(options, config);
  if (const auto exit_code = options.parse(argc, argv, std::cout, std::cerr)) return *exit_code;
  auto producer = stormlog::pipeline::LogProducer::create(config);
  if (!producer.ok()) {
    std::cerr << "log-producer: " << producer.error().message << "\n";
    return 2;
  }
  return stormlog::service::run_program((*producer)->service());
}

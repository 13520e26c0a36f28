#include <iostream>

#include "common/base/options.hpp"
#include "common/service/service.hpp"
#include "pipeline/auth/new_token.hpp"
#include "pipeline/gateway/api_gateway.hpp"

int main(int argc, char** argv) {
  stormlog::pipeline::ApiGatewayConfig config;
  stormlog::OptionTable options("api-gateway", "API_GATEWAY_", "Entry point of the log pipeline.");
  add_api_gateway_options(options, config);
  if (const auto exit_code = options.parse(argc, argv, std::cout, std::cerr)) return *exit_code;
  if (!config.new_token.empty()) {
    const auto made = stormlog::pipeline::print_new_token(config.new_token, std::cout, std::cerr);
    if (!made.ok()) std::cerr << "api-gateway: --new-token: " << made.error().message << "\n";
    return made.ok() ? 0 : 2;
  }
  auto gateway = stormlog::pipeline::ApiGateway::create(config);
  if (!gateway.ok()) {
    std::cerr << "api-gateway: " << gateway.error().message << "\n";
    return 2;
  }
  return stormlog::service::run_program((*gateway)->service());
}

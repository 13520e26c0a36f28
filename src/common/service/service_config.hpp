#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "common/base/log.hpp"
#include "common/base/options.hpp"
#include "common/base/result.hpp"
#include "common/http/server.hpp"
#include "common/http/tls_config.hpp"

namespace stormlog::service {

// What every service can be told. The values here are the defaults of the options.
struct ServiceConfig {
  std::string name;                // "api-gateway"
  std::string listen;              // "127.0.0.1:8080"
  bool allow_remote = false;       // without credentials only loopback addresses may be listened on
  std::string tokens_file;         // who may do what, see pipeline/auth; "" = nobody is asked
  std::string admin_token;         // a token with the scope admin; "" = there is none
  std::string log_level = "info";  // debug, info, warn, error, off
  std::string log_format = "json";                  // json, text
  std::string access_log = "off";                   // off, errors, all
  std::chrono::milliseconds drain_delay{0};         // not ready, but still serving
  std::chrono::milliseconds drain_timeout{10'000};  // then what is left is cut
  http::ServerLimits limits;
  http::TlsConfig tls;

  ServiceConfig(std::string service_name, std::uint16_t port)
      : name(std::move(service_name)), listen("127.0.0.1:" + std::to_string(port)) {}
};

// Adds the options that all services share to a service's one table.
void add_service_options(OptionTable& options, ServiceConfig& config);

// Adds those of TLS, for a service whose clients are everybody's.
void add_tls_options(OptionTable& options, ServiceConfig& config);

// Whether other machines may reach that address.
bool is_remote_address(const std::string& host_port);

// Refuses an address that other machines can reach where nothing asks for credentials, unless that
// was asked for.
Result<void> check_listen_address(const ServiceConfig& config);

// The level of a checked option; info for anything else.
log::Level log_level(const std::string& name);

}  // namespace stormlog::service

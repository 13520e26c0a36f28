#include "common/service/service_config.hpp"

#include <boost/asio/ip/address.hpp>

namespace stormlog::service {

void add_service_options(OptionTable& options, ServiceConfig& config) {
  using std::chrono::hours;
  using std::chrono::milliseconds;
  using std::chrono::minutes;
  http::ServerLimits& limits = config.limits;
  options.add("listen", &config.listen, "HOST:PORT",
              "Address to listen on; port 0 takes a free one.");
  options.add("allow-remote", &config.allow_remote,
              "Allows an address that other machines can reach although nothing asks for "
              "credentials: where a firewall or a proxy in front sees to it.");
  options.add("tokens-file", &config.tokens_file, "FILE",
              "Who may do what: a YAML list of tokens, see docs/security.md; looked at once a "
              "second. Without one everybody may read and write.");
  options
      .add(
          "admin-token", &config.admin_token, "TEXT",
          "A token with the scope admin, beside those of tokens-file: who sends it as "
          "\"Authorization: Bearer TOKEN\" may change things under /admin. Without any nobody may. "
          "Set it in the environment or in the file: flags are seen by others.")
      .secret = true;
  options.add_bytes("max-body", &limits.max_body_bytes, {1, 1ULL << 30},
                    "Longest request body; a longer one is answered 413. Each connection may hold "
                    "this much memory.");
  options.add_bytes("max-header", &limits.max_header_bytes, {256, 1ULL << 20},
                    "Longest request header; a longer one is answered 431.");
  options.add("max-connections", &limits.max_connections, {1, 1'000'000},
              "Open connections; one more is answered 503 and closed. Needs as many file "
              "descriptors.");
  options.add("header-timeout", &limits.header_timeout, {milliseconds(1), hours(1)},
              "From the first byte of a request to the end of its header, else closed.");
  options.add("body-timeout", &limits.body_timeout, {milliseconds(1), hours(1)},
              "From the end of a header to the end of its body, else answered 408.");
  options.add("idle-timeout", &limits.idle_timeout, {milliseconds(1), hours(24)},
              "Closes a connection without a request for this long.");
  options.add("write-timeout", &limits.write_timeout, {milliseconds(1), hours(1)},
              "Closes a connection whose client takes no byte for this long.");
  options.add("drain-delay", &config.drain_delay, {milliseconds(0), minutes(10)},
              "After SIGTERM: not ready but still serving for this long, so that a load balancer "
              "notices.");
  options.add("drain-timeout", &config.drain_timeout, {milliseconds(0), minutes(10)},
              "After drain-delay: what is under way may end for this long, then it is cut.");
  options.add_choice("log-level", &config.log_level, {"debug", "info", "warn", "error", "off"},
                     "Least level that is logged to standard error.");
  options.add_choice("log-format", &config.log_format, {"json", "text"},
                     "json for machines, one object a line; text for people.");
  options.add_choice("access-log", &config.access_log, {"off", "errors", "all"},
                     "A line in the log for each request, or for those answered 500 and above. "
                     "Each costs a write: at ten thousands a second it is felt.");
}

void add_tls_options(OptionTable& options, ServiceConfig& config) {
  http::TlsConfig& tls = config.tls;
  options.add("tls-certificate", &tls.certificate, "FILE",
              "Serves TLS with this certificate, PEM, followed by the rest of its chain; looked at "
              "once a second, like the other files of TLS.");
  options.add("tls-key", &tls.key, "FILE", "Its private key, PEM, without a passphrase.");
  options.add("tls-client-ca", &tls.client_ca, "FILE",
              "Asks clients for a certificate of this CA, PEM.");
  options.add_choice("tls-client-auth", &tls.client_auth, {"required", "optional"},
                     "Whether a client without a certificate is refused; with tls-client-ca.");
  options.add("tls-handshake-timeout", &config.limits.handshake_timeout,
              {std::chrono::milliseconds(1), std::chrono::hours(1)},
              "From the accept to the end of the TLS handshake, else closed.");
}

bool is_remote_address(const std::string& host_port) {
  std::string host = host_port.substr(0, host_port.rfind(':'));
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  if (host == "localhost") return false;
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(host, error);
  return error || !address.is_loopback();
}

Result<void> check_listen_address(const ServiceConfig& config) {
  const bool asks = !config.tokens_file.empty() || config.tls.requires_client_certificate();
  if (config.allow_remote || asks) return {};
  if (!is_remote_address(config.listen)) return {};
  return Error::permanent(
      "listen " + config.listen +
      ": other machines may reach this address, and nothing here asks for "
      "credentials; give a tokens-file or tls-client-ca, or listen on 127.0.0.1 or [::1], or "
      "set allow-remote where something in front asks");
}

log::Level log_level(const std::string& name) {
  if (name == "debug") return log::Level::debug;
  if (name == "warn") return log::Level::warn;
  if (name == "error") return log::Level::error;
  if (name == "off") return log::Level::off;
  return log::Level::info;
}

}  // namespace stormlog::service

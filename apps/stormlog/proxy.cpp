#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <ostream>

#include "command.hpp"
#include "common/base/units.hpp"
#include "proxy/api/proxy_server.hpp"
#include "proxy/api/state_file.hpp"

namespace stormlog::cli {
namespace {

constexpr const char* kTokenVariable = "STORMLOG_PROXY_TOKEN";

class ProxyCommand final : public Command {
 public:
  std::string name() const override { return "proxy"; }
  std::string summary() const override {
    return "Run the TCP proxy with Toxiproxy's HTTP API, on its own";
  }
  std::vector<std::string> one_dash_options() const override {
    return {"host", "port", "config", "seed", "proxy-metrics", "runtime-metrics"};
  }

  void define(Arguments& arguments) override {
    arguments.option("--listen", &listen_, "HOST:PORT", "Address of the HTTP API");
    arguments.option("--host", &host_, "HOST", "Host of --listen; Toxiproxy's flag");
    arguments.option("--port", &port_, "PORT", "Port of --listen; Toxiproxy's flag");
    arguments.option("--config", &config_, "FILE",
                     "Proxies to begin with: the JSON list that POST /populate takes");
    arguments.flag("--links", &links_, "Proxies for the links of the stack file");
    arguments.option("--state", &state_, "FILE",
                     "Keep proxies and toxics here, to begin with after a death; an orderly end "
                     "removes it");
    arguments.option("--token", &token_, "TOKEN",
                     std::string("Bearer token that the API asks for; better in ") +
                         kTokenVariable + ". Needed for any address but loopback");
    arguments.option("--seed", &seed_, "INT", "Seed of every random choice [by chance]");
    arguments.option("--workers", &workers_, 0, 1024, "Threads; 0 is one for each core");
    arguments.option("--max-proxies", &max_proxies_, 1, 1'000'000, "More are refused");
    arguments.option(
        "--max-connections", &max_connections_, "INT",
        "Of all proxies; more are reset [20000, or what the limit of open files allows]");
    arguments.option("--window", &window_, "BYTES",
                     "Held in one direction of a connection, by toxics or for a slow reader; "
                     "then its source is not read");
    arguments.option("--max-buffered", &max_buffered_, "BYTES", "The same for all together");
    arguments.option("--connect-timeout", &connect_timeout_,
                     "For an upstream that does not answer [10s]");
    arguments.option("--drain-timeout", &drain_timeout_,
                     "For connections to end by themselves at SIGTERM [5s]");
    arguments.flag("--proxy-metrics", &ignored_, "Toxiproxy's flag; metrics are always there");
    arguments.flag("--runtime-metrics", &ignored_, "Toxiproxy's flag; metrics are always there");
  }

  int run(const Context& context) override {
    proxy::ProxyServerConfig config;
    if (const auto read = fill(config, context); !read.ok()) {
      return context.fail(read.error(), kUsage);
    }
    proxy::ProxyServer server(std::move(config));
    if (const auto listening = server.listen(); !listening.ok()) {
      return context.fail(listening.error());
    }
    if (const auto loaded = server.load(); !loaded.ok()) return context.fail(loaded.error());
    announce(context, server);
    return server.run();
  }

 private:
  Result<std::string> address() const {
    if (listen_ && (host_ || port_)) {
      return Error::permanent("--listen and --host or --port say the same: give one of them");
    }
    if (listen_) return *listen_;
    std::string host = host_.value_or("127.0.0.1");
    if (host.find(':') != std::string::npos && !host.starts_with('[')) host = "[" + host + "]";
    return host + ":" + port_.value_or("8474");
  }

  Result<void> fill(proxy::ProxyServerConfig& config, const Context& context) const {
    const auto listen = address();
    if (!listen.ok()) return listen.error();
    config.service.listen = *listen;
    config.service.log_format = "text";
    config.service.limits.max_body_bytes = 4 * 1024 * 1024;
    config.service.drain_timeout = std::chrono::duration_cast<std::chrono::milliseconds>(
        drain_timeout_.value_or(std::chrono::seconds(5)));
    const char* variable = std::getenv(kTokenVariable);
    config.token = token_ ? *token_ : variable != nullptr ? variable : "";
    const auto found = proxy::resolve(*listen, true);
    if (!found.ok()) return found.error().in("--listen");
    if (config.token.empty() && !found->empty() && !found->front().is_loopback()) {
      return Error::permanent(*listen +
                              " can be reached by other machines: that needs a token, by --token "
                              "or " +
                              kTokenVariable);
    }
    config.seed = seed_;
    config.state_file = state_.value_or("");
    config.workers = static_cast<std::size_t>(workers_);
    config.set_limits.proxies = static_cast<std::size_t>(max_proxies_);
    config.connections_asked = max_connections_.has_value();
    if (max_connections_) config.limits.connections = static_cast<std::int64_t>(*max_connections_);
    if (config.limits.connections < 1)
      return Error::permanent("--max-connections must be 1 or more");
    if (connect_timeout_) config.limits.connect_timeout = *connect_timeout_;
    for (const auto& [text, into] : {std::pair(&window_, &config.limits.window),
                                     std::pair(&max_buffered_, &config.limits.buffered)}) {
      const auto bytes = units::parse_bytes(*text);
      if (!bytes.ok()) return bytes.error();
      constexpr std::uint64_t kLeast = 4096;
      if (*bytes < kLeast) return Error::permanent(*text + " is too small: at least 4KiB");
      *into = *bytes;
    }
    return choose_source(config, context);
  }

  Result<void> choose_source(proxy::ProxyServerConfig& config, const Context& context) const {
    if (config_ && links_) return Error::permanent("give --config or --links, not both");
    if (config_) {
      config.configured = [file = *config_] { return proxy::read_config(file); };
    } else if (links_) {
      config.configured = [&context] { return link_proxies(context); };
    }
    return {};
  }

  static Result<std::vector<proxy::ProxyInput>> link_proxies(const Context& context) {
    const auto stack = context.load_stack();
    if (!stack.ok()) return stack.error();
    std::vector<proxy::ProxyInput> inputs;
    for (const auto& link : stack->links) {
      inputs.push_back({.name = link.name, .listen = link.listen, .upstream = link.upstream});
    }
    return inputs;
  }

  static void announce(const Context& context, const proxy::ProxyServer& server) {
    if (context.json) {
      nlohmann::ordered_json proxies = nlohmann::ordered_json::array();
      for (const auto& [name, one] : server.proxies()) {
        proxies.push_back({{"name", name}, {"listen", one->listen}, {"upstream", one->upstream}});
      }
      context.print({{"api", server.address()}, {"proxies", std::move(proxies)}});
    } else {
      context.out << "API on http://" << server.address() << "\n";
      for (const auto& [name, one] : server.proxies()) {
        context.out << "  " << name << "  " << one->listen << " → " << one->upstream
                    << (one->enabled() ? "" : "  (disabled)") << "\n";
      }
    }
    context.out << std::flush;
  }

  std::optional<std::string> listen_;
  std::optional<std::string> host_;
  std::optional<std::string> port_;
  std::optional<std::string> config_;
  std::optional<std::string> state_;
  std::optional<std::string> token_;
  std::optional<std::uint64_t> seed_;
  std::optional<Nanoseconds> connect_timeout_;
  std::optional<Nanoseconds> drain_timeout_;
  std::int64_t workers_ = 0;
  std::int64_t max_proxies_ = 1000;
  std::optional<std::uint64_t> max_connections_;
  std::string window_ = "8MiB";
  std::string max_buffered_ = "512MiB";
  bool links_ = false;
  bool ignored_ = false;
};

}  // namespace

std::unique_ptr<Command> make_proxy() {
  return std::make_unique<ProxyCommand>();
}

}  // namespace stormlog::cli

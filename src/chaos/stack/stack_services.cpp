#include <algorithm>
#include <csignal>

#include "chaos/stack/stack_parts.hpp"
#include "common/base/suggest.hpp"
#include "common/base/units.hpp"
#include "common/document/params.hpp"

namespace stormlog::chaos::detail {
namespace {

using document::Diagnostics;
using document::Node;
using document::Params;
using document::ParamSpec;
using document::ParamType;
using std::chrono::milliseconds;

const std::vector<ParamSpec>& service_params() {
  static const std::vector<ParamSpec> kSpecs = {
      {.name = "command", .type = ParamType::node},
      {.name = "prepare", .type = ParamType::node},
      {.name = "files", .type = ParamType::node},
      {.name = "environment", .type = ParamType::text_map},
      {.name = "user", .type = ParamType::text},
      {.name = "data", .type = ParamType::boolean, .default_text = "false"},
      {.name = "data_version", .type = ParamType::text},
      {.name = "ports", .type = ParamType::text_list},
      {.name = "depends_on", .type = ParamType::text_list},
      {.name = "health", .type = ParamType::node},
      {.name = "restart", .type = ParamType::node},
      {.name = "stop", .type = ParamType::node},
      {.name = "install", .type = ParamType::text},
      {.name = "metrics", .type = ParamType::text},
      {.name = "breaker_events", .type = ParamType::text},
      {.name = "headers", .type = ParamType::text_map},
      {.name = "protected", .type = ParamType::boolean, .default_text = "false"},
      {.name = "process", .type = ParamType::node},
  };
  return kSpecs;
}

const std::vector<ParamSpec>& health_params() {
  static const std::vector<ParamSpec> kSpecs = {
      {.name = "http", .type = ParamType::text},
      {.name = "tcp", .type = ParamType::text},
      {.name = "command", .type = ParamType::node},
      {.name = "interval", .type = ParamType::duration, .default_text = "500ms", .min = 0.01},
      {.name = "timeout", .type = ParamType::duration, .default_text = "2s", .min = 0.01},
      {.name = "unhealthy_after", .type = ParamType::integer, .default_text = "6", .min = 1},
      {.name = "start_period", .type = ParamType::duration, .default_text = "60s", .min = 0.01},
  };
  return kSpecs;
}

const std::vector<ParamSpec>& restart_params() {
  static const std::vector<ParamSpec> kSpecs = {
      {.name = "policy",
       .type = ParamType::text,
       .default_text = "always",
       .choices = {"never", "on_failure", "always"}},
      {.name = "backoff", .type = ParamType::duration, .default_text = "200ms", .min = 0.001},
      {.name = "max_backoff", .type = ParamType::duration, .default_text = "10s", .min = 0.001},
      {.name = "stable_after", .type = ParamType::duration, .default_text = "10s"},
      {.name = "crash_loop_after", .type = ParamType::integer, .default_text = "5", .min = 1},
  };
  return kSpecs;
}

const std::vector<ParamSpec>& stop_params() {
  static const std::vector<ParamSpec> kSpecs = {
      {.name = "signal",
       .type = ParamType::text,
       .default_text = "TERM",
       .choices = {"TERM", "INT", "QUIT", "HUP", "KILL", "USR1", "USR2"}},
      {.name = "timeout", .type = ParamType::duration, .default_text = "10s", .min = 0.001},
  };
  return kSpecs;
}

milliseconds ms(const Params& params, const std::string& name) {
  return std::chrono::duration_cast<milliseconds>(params.duration(name));
}

int signal_number(const std::string& name) {
  static const std::map<std::string, int> kNumbers = {
      {"TERM", SIGTERM}, {"INT", SIGINT},   {"QUIT", SIGQUIT}, {"HUP", SIGHUP},
      {"KILL", SIGKILL}, {"USR1", SIGUSR1}, {"USR2", SIGUSR2}};
  return kNumbers.at(name);
}

bool is_name(const std::string& text) {
  return !text.empty() && text.front() != '-' &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") == std::string::npos;
}

// A list of words for execve(2); nothing takes a text apart at its blanks.
std::vector<std::string> read_argv(const Node& node, const std::string& what,
                                   Diagnostics& diagnostics) {
  std::vector<std::string> argv;
  if (!node.is_list() || node.items.empty()) {
    diagnostics.error(node, what + " must be a list of words such as [java, -jar, x.jar]: no " +
                                "shell takes a text apart; this is " +
                                std::string(kind_name(node)));
    return argv;
  }
  for (const auto& item : node.items) {
    if (item.is_scalar()) {
      argv.push_back(item.scalar);
    } else {
      diagnostics.error(item,
                        what + ": each word must be text, this is " + std::string(kind_name(item)));
    }
  }
  if (!argv.empty() && argv.front().empty()) {
    diagnostics.error(node, what + ": the program's name is empty");
  }
  return argv;
}

// Reads one service; the members are the state that its parts share.
class ServiceReader {
 public:
  ServiceReader(const Stack& stack, Diagnostics& diagnostics)
      : stack_(stack), diagnostics_(diagnostics) {}

  ServiceSpec read(const Node& key, Node map) {
    ServiceSpec spec;
    spec.name = key.scalar;
    spec.line = key.line;
    what_ = "service \"" + spec.name + "\"";
    if (!is_name(spec.name) || spec.name == "supervisor") {
      diagnostics_.error(key, what_ + (spec.name == "supervisor"
                                           ? " is the supervisor's own name"
                                           : " must be lower-case letters, digits, - and _"));
    }
    document::Variables variables = stack_.variables;
    const Node* data = map.find("data");
    const bool has_data = data != nullptr && data->scalar != "false";
    const std::filesystem::path folder = stack_.home / "data" / spec.name;
    if (has_data) variables["data"] = folder.string();
    document::substitute(map, variables, diagnostics_);
    if (!map.is_map()) {
      diagnostics_.error(key, what_ + " must be a map with \"command\" or \"process\"");
      return spec;
    }
    const Params params = document::parse_params(map, service_params(), {}, what_, diagnostics_);
    if (params.has("data") && params.boolean("data")) spec.data = folder;
    read_start(params, spec);
    read_texts(params, spec);
    read_ports(map, params, spec);
    if (params.has("health")) spec.health = read_health(params.node("health"));
    if (params.has("restart")) spec.restart = read_restart(params.node("restart"));
    if (params.has("stop")) {
      const Params stop = part(params.node("stop"), stop_params(), "stop");
      if (stop.has("signal")) spec.stop_signal = signal_number(stop.text("signal"));
      if (stop.has("timeout")) spec.stop_timeout = ms(stop, "timeout");
    }
    if (params.has("process")) read_process(params.node("process"), spec);
    check_sense(key, params, spec);
    return spec;
  }

 private:
  Params part(const Node& node, const std::vector<ParamSpec>& specs, const std::string& name) {
    return document::parse_params(node, specs, {}, what_ + ", " + name, diagnostics_);
  }

  void read_start(const Params& params, ServiceSpec& spec) {
    if (params.has("command")) {
      spec.command = read_argv(params.node("command"), what_ + ", command", diagnostics_);
    }
    if (params.has("prepare")) {
      const Node& steps = params.node("prepare");
      if (!steps.is_list()) {
        diagnostics_.error(steps, what_ + ", prepare must be a list of lists of words");
      }
      for (const auto& step : steps.items) {
        spec.prepare.push_back(read_argv(step, what_ + ", prepare step", diagnostics_));
      }
    }
    if (params.has("files")) {
      const Node& files = params.node("files");
      if (!files.is_list()) {
        diagnostics_.error(files, what_ + ", files must be a list of {from: …, to: …}");
      }
      static const std::vector<ParamSpec> kSpecs = {
          {.name = "from", .required = true, .description = "the template's path"},
          {.name = "to", .required = true, .description = "where the rendered file goes"}};
      for (const auto& file : files.items) {
        const Params paths = part(file, kSpecs, "files");
        if (!paths.has("from") || !paths.has("to")) continue;
        spec.files.push_back({stack_.root / paths.text("from"), stack_.root / paths.text("to")});
      }
    }
    if (!params.has("environment")) return;
    for (const auto& [name, value] : params.text_map("environment")) spec.environment[name] = value;
  }

  void read_texts(const Params& params, ServiceSpec& spec) {
    const auto text = [&](const char* name, std::string& to) {
      if (params.has(name)) to = params.text(name);
    };
    text("user", spec.user);
    text("data_version", spec.data_version);
    text("install", spec.install_hint);
    text("metrics", spec.metrics_url);
    text("breaker_events", spec.breaker_events_url);
    if (params.has("headers")) spec.headers = params.text_map("headers");
    if (params.has("depends_on")) spec.depends_on = params.text_list("depends_on");
    if (params.has("protected")) spec.is_protected = params.boolean("protected");
  }

  void read_ports(const Node& map, const Params& params, ServiceSpec& spec) {
    if (!params.has("ports")) return;
    for (const auto& text : params.text_list("ports")) {
      const auto port = units::parse_int(text);
      if (!port.ok() || *port < 1 || *port > 65535) {
        diagnostics_.error(*map.find("ports"),
                           what_ + ", ports: \"" + text + "\" is not a port from 1 to 65535");
      } else {
        spec.ports.push_back(static_cast<std::uint16_t>(*port));
      }
    }
  }

  HealthCheck read_health(const Node& node) {
    HealthCheck health;
    const Params params = part(node, health_params(), "health");
    const int kinds = params.has("http") + params.has("tcp") + params.has("command");
    if (kinds != 1) {
      diagnostics_.error(node, what_ + ", health needs one of http, tcp and command");
      return health;
    }
    if (params.has("http")) {
      health.kind = HealthCheck::Kind::http;
      health.url = params.text("http");
      if (!health.url.starts_with("http://")) {
        diagnostics_.error(*node.find("http"), what_ + ", health: \"" + health.url +
                                                   "\" must start with http:// (for others use "
                                                   "command: [curl, -fsS, URL])");
      }
    } else if (params.has("tcp")) {
      health.kind = HealthCheck::Kind::tcp;
      health.address = params.text("tcp");
      if (!is_host_port(health.address)) {
        diagnostics_.error(*node.find("tcp"),
                           what_ + ", health: \"" + health.address + "\" must be host:port");
      }
    } else {
      health.kind = HealthCheck::Kind::command;
      health.command = read_argv(params.node("command"), what_ + ", health command", diagnostics_);
    }
    if (params.has("interval")) health.interval = ms(params, "interval");
    if (params.has("timeout")) health.timeout = ms(params, "timeout");
    if (params.has("start_period")) health.start_period = ms(params, "start_period");
    if (params.has("unhealthy_after")) {
      health.unhealthy_after = static_cast<int>(params.integer("unhealthy_after"));
    }
    return health;
  }

  RestartPolicy read_restart(const Node& node) {
    Node map = node;
    if (node.is_scalar()) {  // restart: never
      map = Node{};
      map.kind = Node::Kind::map;
      map.file = node.file;
      map.line = node.line;
      Node key = node;
      key.scalar = "policy";
      map.entries.push_back({key, node});
    }
    const Params params = part(map, restart_params(), "restart");
    RestartPolicy policy;
    if (params.has("policy")) {
      const std::string& when = params.text("policy");
      policy.when = when == "never"        ? RestartPolicy::When::never
                    : when == "on_failure" ? RestartPolicy::When::on_failure
                                           : RestartPolicy::When::always;
    }
    if (params.has("backoff")) policy.backoff = ms(params, "backoff");
    if (params.has("max_backoff")) policy.max_backoff = ms(params, "max_backoff");
    if (params.has("stable_after")) policy.stable_after = ms(params, "stable_after");
    if (params.has("crash_loop_after")) {
      policy.crash_loop_after = static_cast<int>(params.integer("crash_loop_after"));
    }
    if (policy.max_backoff < policy.backoff) {
      diagnostics_.error(node, what_ + ", restart: max_backoff is below backoff");
    }
    return policy;
  }

  void read_process(const Node& node, ServiceSpec& spec) {
    static const std::vector<ParamSpec> kSpecs = {
        {.name = "pid_file", .type = ParamType::text},
        {.name = "port", .type = ParamType::integer, .min = 1, .max = 65535}};
    const Params params = part(node, kSpecs, "process");
    if (params.has("pid_file")) spec.pid_file = stack_.root / params.text("pid_file");
    if (params.has("port")) spec.process_port = static_cast<std::uint16_t>(params.integer("port"));
    if (params.has("pid_file") == params.has("port")) {
      diagnostics_.error(node, what_ + ", process needs either pid_file or port");
    }
  }

  void check_sense(const Node& key, const Params& params, const ServiceSpec& spec) {
    if (params.has("command") && params.has("process")) {
      diagnostics_.error(key, what_ +
                                  " has both command (we start it) and process (somebody "
                                  "else did); keep one");
    }
    if (!params.has("command")) {
      for (const char* name : {"prepare", "files", "environment", "user", "restart", "stop"}) {
        if (params.has(name)) {
          diagnostics_.error(key, what_ + ": \"" + name + "\" needs a command; a service without " +
                                      "one is not started here");
        }
      }
    }
    if (spec.data.empty() && (!spec.prepare.empty() || !spec.data_version.empty())) {
      diagnostics_.error(key, what_ + ": prepare and data_version need \"data: true\"");
    }
  }

  const Stack& stack_;
  Diagnostics& diagnostics_;
  std::string what_;
};

}  // namespace

bool is_host_port(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return false;
  const auto port = units::parse_int(text.substr(colon + 1));
  return port.ok() && *port >= 1 && *port <= 65535;
}

std::vector<ServiceSpec> parse_services(const Node& map, const Stack& stack,
                                        Diagnostics& diagnostics) {
  std::vector<ServiceSpec> services;
  if (!map.is_map()) {
    if (!map.is_null()) diagnostics.error(map, "\"services\" must be a map of names to services");
    return services;
  }
  std::map<std::uint16_t, std::string> owners;
  ServiceReader reader(stack, diagnostics);
  for (const auto& [key, value] : map.entries) {
    services.push_back(reader.read(key, value));
    for (const std::uint16_t port : services.back().ports) {
      const auto [owner, is_new] = owners.emplace(port, key.scalar);
      if (is_new) continue;
      diagnostics.error(key, "service \"" + key.scalar + "\" has port " + std::to_string(port) +
                                 ", which \"" + owner->second + "\" has too");
    }
  }
  return services;
}

}  // namespace stormlog::chaos::detail

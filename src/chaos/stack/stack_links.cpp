#include <algorithm>
#include <functional>
#include <set>

#include "chaos/stack/stack_parts.hpp"
#include "common/base/suggest.hpp"
#include "common/document/params.hpp"

namespace stormlog::chaos::detail {
namespace {

using document::Diagnostics;
using document::Node;
using document::Params;
using document::ParamSpec;
using document::ParamType;

const std::vector<ParamSpec>& link_params() {
  static const std::vector<ParamSpec> kSpecs = {
      {.name = "client",
       .type = ParamType::text,
       .required = true,
       .description = "the service that connects"},
      {.name = "server",
       .type = ParamType::text,
       .required = true,
       .description = "the service that is connected to"},
      {.name = "listen",
       .type = ParamType::text,
       .required = true,
       .description = "host:port that the client connects to"},
      {.name = "upstream",
       .type = ParamType::text,
       .required = true,
       .description = "host:port of the server"},
      {.name = "protected",
       .type = ParamType::boolean,
       .default_text = "false",
       .description = "never hit by a fault"},
  };
  return kSpecs;
}

}  // namespace

std::vector<LinkSpec> parse_links(Node map, const Stack& stack, Diagnostics& diagnostics) {
  std::vector<LinkSpec> links;
  if (!map.is_map()) {
    if (!map.is_null()) diagnostics.error(map, "\"links\" must be a map of names to links");
    return links;
  }
  document::substitute(map, stack.variables, diagnostics);
  std::map<std::string, std::string> listeners;
  for (const auto& [key, value] : map.entries) {
    const std::string what = "link \"" + key.scalar + "\"";
    const Params params = document::parse_params(value, link_params(), {}, what, diagnostics);
    LinkSpec link;
    link.name = key.scalar;
    link.line = key.line;
    if (params.has("protected")) link.is_protected = params.boolean("protected");
    const auto service = [&](const char* end, std::string& to) {
      if (!params.has(end)) return;
      to = params.text(end);
      if (stack.service(to) == nullptr) {
        diagnostics.error(*value.find(end), what + ": " + end + " \"" + to + "\" is no service" +
                                                did_you_mean(to, stack.service_names()));
      }
    };
    const auto address = [&](const char* end, std::string& to) {
      if (!params.has(end)) return;
      to = params.text(end);
      if (!is_host_port(to)) {
        diagnostics.error(*value.find(end), what + ": " + end + " \"" + to +
                                                "\" must be host:port, such as 127.0.0.1:28081");
      }
    };
    service("client", link.client);
    service("server", link.server);
    address("listen", link.listen);
    address("upstream", link.upstream);
    const auto [other, is_new] = listeners.emplace(link.listen, link.name);
    if (!is_new && !link.listen.empty()) {
      diagnostics.error(*value.find("listen"),
                        what + " listens on " + link.listen + " as does \"" + other->second + "\"");
    }
    links.push_back(std::move(link));
  }
  return links;
}

std::optional<ProxySpec> parse_proxy(Node map, const Stack& stack, Diagnostics& diagnostics) {
  if (map.is_null()) return std::nullopt;
  static const std::vector<ParamSpec> kSpecs = {
      {.name = "api",
       .required = true,
       .description = "URL of its HTTP API, such as http://127.0.0.1:8474"},
      {.name = "service", .description = "the service that it is, where this stack starts it"},
  };
  document::substitute(map, stack.variables, diagnostics);
  const Params params = document::parse_params(map, kSpecs, {}, "\"proxy\"", diagnostics);
  ProxySpec proxy;
  proxy.line = map.line;
  if (params.has("api")) proxy.api = params.text("api");
  while (proxy.api.ends_with('/')) proxy.api.pop_back();
  if (params.has("api") && !proxy.api.starts_with("http://") &&
      !proxy.api.starts_with("https://")) {
    diagnostics.error(*map.find("api"), "\"proxy\": api \"" + proxy.api +
                                            "\" must be a URL, such as http://127.0.0.1:8474");
  }
  if (params.has("service")) {
    proxy.service = params.text("service");
    if (stack.service(proxy.service) == nullptr) {
      diagnostics.error(*map.find("service"),
                        "\"proxy\": service \"" + proxy.service + "\" is no service" +
                            did_you_mean(proxy.service, stack.service_names()));
    }
  }
  return proxy;
}

void check_dependencies(const Stack& stack, const Node& services, Diagnostics& diagnostics) {
  for (const auto& service : stack.services) {
    const Node* map = services.find(service.name);
    const Node* list = map == nullptr ? nullptr : map->find("depends_on");
    for (const auto& other : service.depends_on) {
      if (stack.service(other) != nullptr || list == nullptr) continue;
      diagnostics.error(*list, "service \"" + service.name + "\" depends on \"" + other +
                                   "\", which is no service" +
                                   did_you_mean(other, stack.service_names()));
    }
  }
  std::set<std::string> done;
  std::vector<std::string> path;
  const std::function<void(const ServiceSpec&)> visit = [&](const ServiceSpec& service) {
    if (done.contains(service.name)) return;
    const auto seen = std::find(path.begin(), path.end(), service.name);
    if (seen != path.end()) {
      std::string cycle;
      for (auto step = seen; step != path.end(); ++step) cycle += *step + " → ";
      diagnostics.error(stack.file.string() + ":" + std::to_string(service.line),
                        "services depend on each other in a circle: " + cycle + service.name);
      return;
    }
    path.push_back(service.name);
    for (const auto& other : service.depends_on) {
      if (const ServiceSpec* next = stack.service(other); next != nullptr) visit(*next);
    }
    path.pop_back();
    done.insert(service.name);
  };
  for (const auto& service : stack.services) visit(service);
}

}  // namespace stormlog::chaos::detail

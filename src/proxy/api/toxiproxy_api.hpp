#pragma once

#include <string>

#include "common/http/router.hpp"
#include "proxy/api/event_stream.hpp"
#include "proxy/api/proxy_set.hpp"

namespace stormlog::proxy {

// Toxiproxy's HTTP API over `proxies`, so that its clients work unchanged: routes, status codes and
// bodies are those of Toxiproxy 2.12.0, what it accepts by POST also comes by PATCH. Ours besides:
// GET /events (server-sent events), `seed` of a proxy, a bearer token, and POST
// /proxies/{proxy}/canary {"client":"127.0.0.1:41234","upstream":"127.0.0.1:9"}: the next
// connection from that address goes to that upstream, through the proxy's toxics.
//
// Lifetime: `proxies` and `events` outlive the router's server.
// Source:   Toxiproxy's README, and its answers where they differ.
struct ApiOptions {
  std::string token;  // "" = none is asked for
};
void add_toxiproxy_api(http::Router& router, ProxySet& proxies, EventStream& events,
                       const ApiOptions& options);

}  // namespace stormlog::proxy

#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/api/proxy_set.hpp"

// The JSON of Toxiproxy's API. Keys are found without regard to case, null is as good as absent,
// unknown keys are ignored: as Go's encoding/json does. Errors have the HTTP status as their code
// and Toxiproxy's words, where it has any.
namespace stormlog::proxy {

using Json = nlohmann::ordered_json;

// Errors: 400 "bad request body: …" with the place.
Result<Json> parse_json(std::string_view body);

Json to_json(const Toxic& toxic);
Json to_json(const Toxics& toxics);
Json to_json(const Proxy& proxy);

// What `body` says of a proxy, over what `input` holds. `name_too`: a name is read as well.
Result<ProxyInput> read_proxy(const Json& body, ProxyInput input, bool name_too);
// One that is there is complete.
Result<ProxyInput> read_new_proxy(const Json& body);
// The list of POST /populate and of a configuration file; all are checked before any is returned.
Result<std::vector<ProxyInput>> read_proxies(const Json& body);

// Literal addresses: nothing is looked up.
struct CanaryInput {
  Address client;
  Address upstream;
};
Result<CanaryInput> read_canary(const Json& body);

// A new toxic that fits into `present`. `id` becomes its identity.
Result<Toxic> read_new_toxic(const Json& body, const Toxics& present, std::uint64_t id);
// `toxic` with the attributes and the toxicity that `body` gives.
Result<Toxic> read_changed_toxic(const Json& body, const Toxic& toxic);

}  // namespace stormlog::proxy

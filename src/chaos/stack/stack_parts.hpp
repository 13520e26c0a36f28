#pragma once

#include <string>
#include <vector>

#include "chaos/stack/stack.hpp"
#include "common/document/node.hpp"

// Parts of load_stack(), each with its mistakes in `diagnostics`. Inside this module only.
namespace stormlog::chaos::detail {

// Merges `over` into `base`: maps merge, lists and scalars replace, nothing (~) removes.
void merge(document::Node& base, const document::Node& over);

// `map` is the value of `services`; variables are substituted here, since ${data} is each service's
// own.
std::vector<ServiceSpec> parse_services(const document::Node& map, const Stack& stack,
                                        document::Diagnostics& diagnostics);
std::vector<LinkSpec> parse_links(document::Node map, const Stack& stack,
                                  document::Diagnostics& diagnostics);
std::optional<ProxySpec> parse_proxy(document::Node map, const Stack& stack,
                                     document::Diagnostics& diagnostics);
LedgerSpec parse_ledger(document::Node map, const Stack& stack, document::Diagnostics& diagnostics);

// Unknown ends of depends_on, and cycles.
void check_dependencies(const Stack& stack, const document::Node& services,
                        document::Diagnostics& diagnostics);

// Whether this is host:port with a port from 1 to 65535.
bool is_host_port(const std::string& text);

}  // namespace stormlog::chaos::detail

#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "proxy/api/proxy_set.hpp"

namespace stormlog::proxy {

// Proxies and toxics on disk, so that a proxy that died comes back as it was:
// {"proxies":[{"name":…,"listen":…,"upstream":…,"enabled":…,"seed":…,"toxics":[…]}]}, as the API
// shows them.
//
// Errors: name the file; what it holds is checked as a whole.
Result<std::vector<ProxyInput>> read_state(const std::filesystem::path& file, ProxySet& proxies);
Result<void> write_state(const std::filesystem::path& file, const ProxySet& proxies);

// A configuration file of Toxiproxy: the list that POST /populate takes.
Result<std::vector<ProxyInput>> read_config(const std::filesystem::path& file);

}  // namespace stormlog::proxy

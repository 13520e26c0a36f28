#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/random.hpp"
#include "proxy/toxic/toxic_type.hpp"

namespace stormlog::proxy {

// The two directions of a connection, as Toxiproxy calls them: upstream is what the client sends,
// downstream what it receives.
enum class Stream { upstream, downstream };
std::string_view to_string(Stream stream);

// One toxic on one proxy, as the API knows it. Immutable: an update makes a new one with the same
// `id`, so that connections tell a changed toxic from another one of the same name.
//
// Threads: safe to read from several threads.
struct Toxic {
  std::uint64_t id = 0;
  std::string name;
  const ToxicType* type = nullptr;
  Stream stream = Stream::downstream;
  double toxicity = 1;  // the chance that a connection is hit
  Attributes attributes;
  // Decides its random choices instead of the proxy's seed and its name: a toxic that is made again
  // meets the same traffic with the same hits, however many connections the proxy has seen.
  std::optional<std::uint64_t> seed{};
  std::uint64_t first = 0;  // the number of the proxy's last connection when it was made
};

// All toxics of a proxy, in the order they were added, which is the order of the chain.
using Toxics = std::vector<std::shared_ptr<const Toxic>>;

}  // namespace stormlog::proxy

#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/random.hpp"
#include "proxy/toxic/attributes.hpp"
#include "proxy/toxic/stage.hpp"

namespace stormlog::proxy {

// One toxic = one file that defines one of these, registered in one line in registry.cpp.
struct ToxicType {
  std::string name;
  std::string summary;
  std::vector<AttributeSpec> attributes;
  // What it acts on: the bytes of a stream, the connecting to the upstream, or the listening
  // socket. Only the first has stages.
  enum class Scope { stream, connect, listener };
  Scope scope = Scope::stream;
  // One of Toxiproxy's own: attribute keys that it does not know are ignored, as there.
  bool toxiproxy = false;
  // What no single attribute can say: two that do not go together. Empty when all is well.
  std::string (*conflict)(const Attributes&) = nullptr;
  std::unique_ptr<Stage> (*make)(const Attributes&, Random, MonotonicTime now) = nullptr;
  // Instead of make(), for one that acts on both directions of a connection together: what they
  // share, and the stage of each.
  std::shared_ptr<void> (*share)() = nullptr;
  std::unique_ptr<Stage> (*make_shared)(const Attributes&, bool upstream,
                                        const std::shared_ptr<void>& shared, Random) = nullptr;

  const AttributeSpec* attribute(std::string_view attribute_name) const;
};

// All types, by name.
const std::vector<const ToxicType*>& toxic_types();
// Null when there is none of that name.
const ToxicType* find_toxic_type(std::string_view name);

}  // namespace stormlog::proxy

#include "proxy/toxic/types.hpp"

namespace stormlog::proxy {

// The engine does it: the proxy stops listening and keeps its port.
const ToxicType& refuse_toxic() {
  static const ToxicType type{
      .name = "refuse",
      .summary =
          "Refuses new connections as a port does that nobody listens on; those of before "
          "live on. Stream and toxicity make no difference.",
      .attributes = {},
      .scope = ToxicType::Scope::listener};
  return type;
}

}  // namespace stormlog::proxy

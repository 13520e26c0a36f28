#include "proxy/toxic/types.hpp"

namespace stormlog::proxy {

// The engine does it: it does not dial while this toxic hits.
const ToxicType& half_open_toxic() {
  static const ToxicType type{
      .name = "half_open",
      .summary =
          "Accepts new connections and never connects them to the upstream while it is "
          "there; the stream makes no difference.",
      .attributes = {},
      .scope = ToxicType::Scope::connect};
  return type;
}

}  // namespace stormlog::proxy

#include <algorithm>

#include "proxy/toxic/types.hpp"

namespace stormlog::proxy {

const AttributeSpec* ToxicType::attribute(std::string_view attribute_name) const {
  const auto found = std::find_if(attributes.begin(), attributes.end(),
                                  [&](const auto& spec) { return spec.name == attribute_name; });
  return found == attributes.end() ? nullptr : &*found;
}

const std::vector<const ToxicType*>& toxic_types() {
  static const std::vector<const ToxicType*> types = {
      &bandwidth_toxic(), &corrupt_toxic(),    &half_open_toxic(), &http_toxic(),
      &latency_toxic(),   &limit_data_toxic(), &loss_toxic(),      &noop_toxic(),
      &refuse_toxic(),    &reset_peer_toxic(), &slicer_toxic(),    &slow_close_toxic(),
      &timeout_toxic(),
  };
  return types;
}

const ToxicType* find_toxic_type(std::string_view name) {
  for (const ToxicType* type : toxic_types()) {
    if (type->name == name) return type;
  }
  return nullptr;
}

}  // namespace stormlog::proxy

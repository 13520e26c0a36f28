#pragma once

#include <nlohmann/json.hpp>

#include "common/base/process.hpp"

namespace stormlog::chaos {

// A process as undo records name it.
inline nlohmann::ordered_json to_json(const ProcessIdentity& identity) {
  return {
      {"pid", identity.pid}, {"start_ticks", identity.start_ticks}, {"boot_id", identity.boot_id}};
}

inline ProcessIdentity identity_from(const nlohmann::ordered_json& json) {
  return {json.value("pid", 0), json.value("start_ticks", std::uint64_t{0}),
          json.value("boot_id", "")};
}

}  // namespace stormlog::chaos

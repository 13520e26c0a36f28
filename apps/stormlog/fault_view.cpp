#include "fault_view.hpp"

#include <nlohmann/json.hpp>

#include "common/base/units.hpp"

namespace stormlog::cli {

std::string condition_of(const chaos::UndoRecord& record) {
  if (SystemClock::instance().wall_now() >= record.expires) return "expired";
  if (record.detached) return "left in";
  return process::alive(record.owner) ? "in" : "its engine has ended";
}

bool is_leftover(const chaos::UndoRecord& record) {
  const std::string condition = condition_of(record);
  return condition != "in";
}

nlohmann::ordered_json to_json(const chaos::UndoRecord& record) {
  return {{"id", record.id},
          {"fault", record.fault},
          {"target", record.target},
          {"condition", condition_of(record)},
          {"run", record.run},
          {"injected", units::format_rfc3339(record.injected)},
          {"expires", units::format_rfc3339(record.expires)}};
}

}  // namespace stormlog::cli

#pragma once

#include <optional>

#include "common/base/clock.hpp"
#include "common/base/uuid.hpp"

namespace stormlog::pipeline {

// Which partition of the table `logs` an event belongs to: by the time in a version 7 UUID. It
// follows from the id alone, so that an event that comes again, whenever and by whatever way, meets
// itself.
//
// Empty, which is logs_untimed: ids of other versions, which have no time; of a time before
// `timed_from`, which the database knows (when it was not partitioned yet); and from 2100 on.
//
// log_id_time() in schemas/sql is the same in SQL.
std::optional<WallTime> id_time(const Uuid& id, WallTime timed_from);

}  // namespace stormlog::pipeline

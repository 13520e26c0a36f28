#pragma once

#include <cstdint>
#include <filesystem>

#include "common/base/result.hpp"

namespace stormlog::chaos {

struct RotationLimits {
  std::uint64_t max_bytes = 10 * 1000 * 1000;
  int keep = 3;  // old files NAME.log.1 (the newest) to NAME.log.3
};

// Moves a log's content to NAME.1 and empties the file when it has grown past the limit. Its
// writers have it open with O_APPEND and go on writing, also when no supervisor is left to rotate.
// What is written between the last copied byte and the truncation, some microseconds, is lost.
//
// Returns whether it rotated.
Result<bool> rotate_log(const std::filesystem::path& path, const RotationLimits& limits);

}  // namespace stormlog::chaos

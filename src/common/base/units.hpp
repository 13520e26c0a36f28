#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/clock.hpp"
#include "common/base/result.hpp"

// Numbers that people write with their unit. Each parser refuses a bare number, except 0, and
// its error says what would be right. Each formatter writes what its parser reads.
namespace stormlog::units {

// "250ms", "10s", "1m30s", "2h", "500us", "1.5s"; units ns us ms s m h d.
Result<Nanoseconds> parse_duration(std::string_view text);
// The shortest exact form with at most one unit: "250ms", "1500ms", "90s".
std::string format_duration(Nanoseconds duration);
// For people, three significant digits: "1.23 s", "843 µs".
std::string human_duration(Nanoseconds duration);

// "512B", "64KB" = 64,000, "64KiB" = 65,536; MB, MiB, GB, GiB.
Result<std::uint64_t> parse_bytes(std::string_view text);
std::string format_bytes(std::uint64_t bytes);

// "2000/s", "10/m", "0.5/s": events for each second.
Result<double> parse_rate(std::string_view text);
std::string format_rate(double per_second);

// Whole decimal numbers over the whole text.
Result<std::int64_t> parse_int(std::string_view text);
Result<double> parse_double(std::string_view text);

// RFC 3339 in UTC with the given number of fractional digits: "2026-01-31T12:00:00.123Z".
std::string format_rfc3339(WallTime time, int fraction_digits = 3);
// RFC 3339 with any offset and up to nine fractional digits.
Result<WallTime> parse_rfc3339(std::string_view text);

}  // namespace stormlog::units

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

#include "common/base/units.hpp"

namespace stormlog::units {
namespace {

// Reads exactly `digits` decimal digits from the front; -1 when they are not there.
int take_digits(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return -1;
  int value = 0;
  for (const char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take_char(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::string format_rfc3339(WallTime time, int fraction_digits) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const auto in_day = std::chrono::duration_cast<Nanoseconds>(time - day).count();
  const auto seconds = static_cast<int>(in_day / 1'000'000'000);
  std::array<char, 64> buffer;
  int length = std::snprintf(buffer.data(), buffer.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%09d",
                             static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                             static_cast<unsigned>(date.day()), seconds / 3600, seconds / 60 % 60,
                             seconds % 60, static_cast<int>(in_day % 1'000'000'000));
  const int digits = std::clamp(fraction_digits, 0, 9);
  length -= digits == 0 ? 10 : 9 - digits;
  return std::string(buffer.data(), static_cast<std::size_t>(length)) + "Z";
}

Result<WallTime> parse_rfc3339(std::string_view text) {
  const auto bad = [&](const char* why) {
    return Error::permanent("bad time \"" + std::string(text) + "\": " + why +
                            "; write it as 2026-01-31T12:00:00.123Z (RFC 3339)");
  };
  std::string_view rest = text;
  const int year = take_digits(rest, 4);
  if (year < 0 || !take_char(rest, "-")) return bad("expected a year of four digits");
  const int month = take_digits(rest, 2);
  if (month < 0 || !take_char(rest, "-")) return bad("expected a month of two digits");
  const int day = take_digits(rest, 2);
  if (day < 0 || !take_char(rest, "Tt ")) return bad("expected a day of two digits and a T");
  const int hour = take_digits(rest, 2);
  if (hour < 0 || hour > 23 || !take_char(rest, ":")) return bad("expected an hour from 00 to 23");
  const int minute = take_digits(rest, 2);
  if (minute < 0 || minute > 59 || !take_char(rest, ":")) {
    return bad("expected a minute from 00 to 59");
  }
  const int second = take_digits(rest, 2);
  // A leap second counts as the second that follows it: system_clock has none.
  if (second < 0 || second > 60) return bad("expected a second from 00 to 59");

  std::int64_t fraction = 0;
  if (take_char(rest, ".")) {
    std::int64_t place = 100'000'000;
    std::size_t digits = 0;
    while (digits < rest.size() && rest[digits] >= '0' && rest[digits] <= '9') {
      fraction += place * (rest[digits] - '0');
      place /= 10;
      ++digits;
    }
    if (digits == 0 || digits > 9) return bad("expected one to nine digits behind the point");
    rest.remove_prefix(digits);
  }

  int offset_minutes = 0;
  if (!take_char(rest, "Zz")) {
    const int sign = !rest.empty() && rest.front() == '-' ? -1 : 1;
    if (!take_char(rest, "+-")) return bad("the offset is missing (Z or +02:00)");
    const int offset_hour = take_digits(rest, 2);
    const bool colon = take_char(rest, ":");
    const int offset_minute = take_digits(rest, 2);
    if (offset_hour < 0 || offset_hour > 23 || !colon || offset_minute < 0 || offset_minute > 59) {
      return bad("the offset must be Z or like +02:00");
    }
    offset_minutes = sign * (offset_hour * 60 + offset_minute);
  }
  if (!rest.empty()) return bad("there is text behind the offset");

  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return bad("there is no such day");
  // 64 bits of nanoseconds reach from September 1677 to April 2262.
  if (year < 1678 || year > 2261) return bad("only the years 1678 to 2261 are possible");
  const auto seconds = std::chrono::sys_days(date).time_since_epoch() + std::chrono::hours(hour) +
                       std::chrono::minutes(minute - offset_minutes) + std::chrono::seconds(second);
  return WallTime{Nanoseconds{seconds} + Nanoseconds{fraction}};
}

}  // namespace stormlog::units

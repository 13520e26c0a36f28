#include "common/base/units.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>
#include <optional>
#include <span>

namespace stormlog::units {
namespace {

__extension__ using Wide = unsigned __int128;

struct Unit {
  std::string_view name;
  std::uint64_t size;
};

// Largest first.
constexpr std::array<Unit, 7> kDurationUnits{{{"d", 86'400'000'000'000},
                                              {"h", 3'600'000'000'000},
                                              {"m", 60'000'000'000},
                                              {"s", 1'000'000'000},
                                              {"ms", 1'000'000},
                                              {"us", 1'000},
                                              {"ns", 1}}};
constexpr std::array<Unit, 9> kByteUnits{{{"TiB", 1ULL << 40},
                                          {"TB", 1'000'000'000'000},
                                          {"GiB", 1ULL << 30},
                                          {"GB", 1'000'000'000},
                                          {"MiB", 1ULL << 20},
                                          {"MB", 1'000'000},
                                          {"KiB", 1ULL << 10},
                                          {"KB", 1'000},
                                          {"B", 1}}};

constexpr std::uint64_t kMaxSigned =
    static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string quoted(std::string_view text) {
  return "\"" + std::string(text) + "\"";
}

// A decimal number without sign or exponent, taken from the front of a text.
struct Decimal {
  Wide digits = 0;   // all digits, without the point
  Wide divisor = 1;  // ten to the number of digits behind the point
  bool valid = false;
};

Decimal take_decimal(std::string_view& text) {
  Decimal number;
  int count = 0;
  bool point = false;
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '.' && !point && at > 0) {
      point = true;
      continue;
    }
    if (!is_digit(c)) break;
    if (number.digits != 0) ++count;
    if (count > 24) return number;  // keeps the product with a unit inside 128 bits
    number.digits = number.digits * 10 + static_cast<unsigned>(c - '0');
    if (point) {
      number.divisor *= 10;
      if (number.divisor > 1'000'000'000'000'000'000ULL) return number;
    }
  }
  number.valid = at > 0 && text[at - 1] != '.';
  text.remove_prefix(at);
  return number;
}

std::string_view take_letters(std::string_view& text) {
  std::size_t n = 0;
  while (n < text.size() && !is_digit(text[n]) && text[n] != '.') ++n;
  const std::string_view letters = text.substr(0, n);
  text.remove_prefix(n);
  return letters;
}

// The exact product, or nothing when it is no whole number or does not fit under `max`.
std::optional<std::uint64_t> exact_product(const Decimal& number, std::uint64_t unit,
                                           std::uint64_t max) {
  if (unit != 0 && number.digits > static_cast<Wide>(-1) / unit) return std::nullopt;
  const Wide product = number.digits * unit;
  if (product % number.divisor != 0 || product / number.divisor > max) return std::nullopt;
  return static_cast<std::uint64_t>(product / number.divisor);
}

// The longest unit that divides `value`, as text; the shortest such text wins.
std::string format_with_units(std::uint64_t value, std::span<const Unit> units,
                              std::string_view zero) {
  if (value == 0) return std::string(zero);
  std::string best;
  for (const Unit& unit : units) {
    if (value % unit.size != 0) continue;
    std::string text = std::to_string(value / unit.size) + std::string(unit.name);
    if (best.empty() || text.size() < best.size()) best = std::move(text);
  }
  return best;
}

}  // namespace

Result<Nanoseconds> parse_duration(std::string_view text) {
  if (text == "0") return Nanoseconds{0};
  const auto bad = [&](const std::string& why) {
    return Error::permanent("bad duration " + quoted(text) + ": " + why +
                            "; write it as 250ms, 10s, 1.5s or 1m30s (units ns us ms s m h d)");
  };
  if (text.empty()) return bad("it is empty");
  if (text.front() == '-') return bad("it is negative");
  std::string_view rest = text;
  std::uint64_t total = 0;
  std::uint64_t last_unit = std::numeric_limits<std::uint64_t>::max();
  while (!rest.empty()) {
    const Decimal number = take_decimal(rest);
    if (!number.valid) return bad("expected a number at " + quoted(rest));
    const std::string_view name = take_letters(rest);
    if (name.empty()) return bad("the unit is missing");
    const Unit* unit = nullptr;
    for (const Unit& known : kDurationUnits) {
      if (known.name == name) unit = &known;
    }
    if (unit == nullptr) return bad("unknown unit " + quoted(name));
    if (unit->size >= last_unit) return bad("units must go from large to small");
    last_unit = unit->size;
    const auto part = exact_product(number, unit->size, kMaxSigned);
    if (!part) return bad("it is finer than a nanosecond or longer than 292 years");
    total += *part;
    if (total > kMaxSigned) return bad("it is longer than 292 years");
  }
  return Nanoseconds{static_cast<std::int64_t>(total)};
}

std::string format_duration(Nanoseconds duration) {
  const std::int64_t count = duration.count();
  const auto magnitude =
      count < 0 ? 0 - static_cast<std::uint64_t>(count) : static_cast<std::uint64_t>(count);
  return (count < 0 ? "-" : "") + format_with_units(magnitude, kDurationUnits, "0s");
}

std::string human_duration(Nanoseconds duration) {
  struct Scale {
    double size;
    double next;  // where the following scale begins
    const char* name;
  };
  static constexpr Scale kScales[] = {
      {1, 1e3, "ns"},        {1e3, 1e6, "µs"},       {1e6, 1e9, "ms"},     {1e9, 60e9, "s"},
      {60e9, 3600e9, "min"}, {3600e9, 86400e9, "h"}, {86400e9, 1e300, "d"}};
  const double value = static_cast<double>(duration.count());
  const double magnitude = std::fabs(value);
  if (magnitude < 1e3) return std::to_string(duration.count()) + " ns";
  for (const Scale& scale : kScales) {
    const double scaled = magnitude / scale.size;
    const int decimals = scaled < 9.995 ? 2 : scaled < 99.95 ? 1 : 0;
    char number[64];
    std::snprintf(number, sizeof number, "%.*f", decimals, scaled);
    // Rounding may reach the next scale: 999.9 µs is 1.00 ms, not 1000 µs.
    if (std::strtod(number, nullptr) * scale.size >= scale.next) continue;
    return (value < 0 ? "-" : "") + std::string(number) + " " + scale.name;
  }
  return {};
}

Result<std::uint64_t> parse_bytes(std::string_view text) {
  if (text == "0") return std::uint64_t{0};
  const auto bad = [&](const std::string& why) {
    return Error::permanent("bad size " + quoted(text) + ": " + why +
                            "; write it as 512B, 64KB or 10MiB (units B KB KiB MB MiB GB GiB TB "
                            "TiB)");
  };
  if (text.empty()) return bad("it is empty");
  std::string_view rest = text;
  const Decimal number = take_decimal(rest);
  if (!number.valid) return bad("expected a number");
  if (rest.empty()) return bad("the unit is missing");
  for (const Unit& unit : kByteUnits) {
    if (unit.name != rest) continue;
    const auto bytes = exact_product(number, unit.size, std::numeric_limits<std::uint64_t>::max());
    if (!bytes) return bad("it is no whole number of bytes under 16 EiB");
    return *bytes;
  }
  return bad("unknown unit " + quoted(rest));
}

std::string format_bytes(std::uint64_t bytes) {
  return format_with_units(bytes, kByteUnits, "0B");
}

Result<double> parse_rate(std::string_view text) {
  if (text == "0") return 0.0;
  const auto bad = [&](const std::string& why) {
    return Error::permanent("bad rate " + quoted(text) + ": " + why +
                            "; write it as 2000/s, 10/m or 0.5/s");
  };
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return bad("the unit is missing");
  const auto number = parse_double(text.substr(0, slash));
  if (!number.ok() || *number < 0) return bad("expected a number that is not negative");
  const std::string_view unit = text.substr(slash + 1);
  if (unit == "s") return *number;
  if (unit == "m") return *number / 60;
  if (unit == "h") return *number / 3600;
  return bad("unknown unit " + quoted(unit));
}

std::string format_rate(double per_second) {
  std::array<char, 400> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), per_second,
                                 std::chars_format::fixed);
  return std::string(buffer.data(), end.ptr) + "/s";
}

Result<std::int64_t> parse_int(std::string_view text) {
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (parsed.ec == std::errc::result_out_of_range) {
    return Error::permanent("bad number " + quoted(text) + ": it does not fit into 64 bits");
  }
  if (parsed.ec != std::errc() || parsed.ptr != end) {
    return Error::permanent("bad number " + quoted(text) + ": write whole digits, such as 42");
  }
  return value;
}

Result<double> parse_double(std::string_view text) {
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end || !std::isfinite(value)) {
    return Error::permanent("bad number " + quoted(text) + ": write digits, such as 0.5");
  }
  return value;
}

}  // namespace stormlog::units

#include "resilience/config_check.hpp"

#include <cstdio>

namespace stormlog::resilience {

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.15g", value);
  return text;
}

Result<void> in_range(const std::string& name, double value, double least, double most) {
  if (value >= least && value <= most) return {};
  return Error::permanent(name + " is " + number(value) + "; it must be from " + number(least) +
                          " to " + number(most));
}

namespace {

std::string text_of(std::chrono::milliseconds time) {
  constexpr std::chrono::milliseconds kDay = std::chrono::hours{24};
  if (time >= kDay && time % kDay == kDay.zero()) return std::to_string(time / kDay) + " days";
  return std::to_string(time.count()) + " ms";
}

}  // namespace

Result<void> in_range(const std::string& name, std::chrono::milliseconds value,
                      std::chrono::milliseconds least, std::chrono::milliseconds most) {
  if (value >= least && value <= most) return {};
  return Error::permanent(name + " is " + text_of(value) + "; it must be from " + text_of(least) +
                          " to " + text_of(most));
}

}  // namespace stormlog::resilience

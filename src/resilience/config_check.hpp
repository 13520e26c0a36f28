#pragma once

#include <chrono>
#include <stdexcept>
#include <string>

#include "common/base/result.hpp"

// What the validate() of every configuration is made of.
namespace stormlog::resilience {

// "0.1", "1e+09": as short as it can be without loss.
std::string number(double value);

// Refuses NaN too.
Result<void> in_range(const std::string& name, double value, double least, double most);
// From 0 ms to `most`, ten years where nothing is said.
Result<void> in_range(const std::string& name, std::chrono::milliseconds value,
                      std::chrono::milliseconds least = std::chrono::milliseconds{0},
                      std::chrono::milliseconds most = std::chrono::hours{24 * 3650});

// Refuses a bad configuration before anything is built from it.
template <typename Config>
const Config& checked(const char* what, const std::string& name, const Config& config) {
  const Result<void> result = validate(config);
  if (!result) {
    throw std::invalid_argument(std::string(what) + " " + name + ": " + result.error().message);
  }
  return config;
}

}  // namespace stormlog::resilience

#include "pipeline/event/severity.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <utility>

namespace stormlog::pipeline {
namespace {

constexpr std::array<std::string_view, 25> kNames = {
    "",       "TRACE",  "TRACE2", "TRACE3", "TRACE4", "DEBUG",  "DEBUG2", "DEBUG3", "DEBUG4",
    "INFO",   "INFO2",  "INFO3",  "INFO4",  "WARN",   "WARN2",  "WARN3",  "WARN4",  "ERROR",
    "ERROR2", "ERROR3", "ERROR4", "FATAL",  "FATAL2", "FATAL3", "FATAL4"};

// syslog, Python, java.util.logging, zap, .NET and Windows.
constexpr std::array<std::pair<std::string_view, int>, 17> kOtherNames = {{{"FINEST", 1},
                                                                           {"FINER", 5},
                                                                           {"FINE", 6},
                                                                           {"VERBOSE", 5},
                                                                           {"CONFIG", 7},
                                                                           {"INFORMATION", 9},
                                                                           {"INFORMATIONAL", 9},
                                                                           {"NOTICE", 10},
                                                                           {"WARNING", 13},
                                                                           {"ERR", 17},
                                                                           {"SEVERE", 17},
                                                                           {"CRITICAL", 18},
                                                                           {"CRIT", 18},
                                                                           {"ALERT", 19},
                                                                           {"PANIC", 19},
                                                                           {"EMERGENCY", 21},
                                                                           {"EMERG", 21}}};

constexpr std::size_t kLongestName = 13;

}  // namespace

int severity_number_of(std::string_view text) {
  if (text.empty() || text.size() > kLongestName) return 0;
  std::array<char, kLongestName> buffer;
  std::transform(text.begin(), text.end(), buffer.begin(), [](char c) {
    return static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  });
  const std::string_view upper(buffer.data(), text.size());
  for (std::size_t number = 1; number < kNames.size(); ++number) {
    if (kNames[number] == upper) return static_cast<int>(number);
  }
  for (const auto& [name, number] : kOtherNames) {
    if (name == upper) return number;
  }
  return 0;
}

std::string_view severity_name(int number) {
  return number >= 1 && number <= 24 ? kNames[static_cast<std::size_t>(number)]
                                     : std::string_view();
}

}  // namespace stormlog::pipeline

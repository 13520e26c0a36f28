#pragma once

#include <string_view>

namespace stormlog::pipeline {

// 1 to 24 for the names that loggers use, in any case ("WARN", "warning", "Info2"); 0 for others.
// Source: OpenTelemetry log data model, SeverityNumber and its Appendix B.
int severity_number_of(std::string_view text);

// "TRACE" to "FATAL4" for 1 to 24; "" for others.
std::string_view severity_name(int number);

}  // namespace stormlog::pipeline

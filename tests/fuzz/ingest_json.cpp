// Our own JSON. What is taken with every record is JSON for another parser, too; what lies too deep
// in one that is refused is not looked at.
#include <nlohmann/json.hpp>

#include "ingest.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto format = stormlog::pipeline::json_format();
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const bool taken = stormlog::fuzz::check_format(*format, input);
  // Half surrogates are replaced here and refused there.
  if (taken && input.find("\\u") == std::string_view::npos) {
    FUZZ_CHECK(nlohmann::json::accept(input));
  }
  return 0;
}

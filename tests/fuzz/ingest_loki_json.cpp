// Loki's push in JSON.
#include "ingest.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto format = stormlog::pipeline::loki_json_format();
  stormlog::fuzz::check_format(*format, {reinterpret_cast<const char*>(data), size});
  return 0;
}

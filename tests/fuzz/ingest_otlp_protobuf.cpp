// OTLP in protobuf.
#include "ingest.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto format = stormlog::pipeline::otlp_protobuf_format();
  stormlog::fuzz::check_format(*format, {reinterpret_cast<const char*>(data), size});
  return 0;
}

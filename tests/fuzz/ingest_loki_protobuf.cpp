// Loki's push in protobuf: packed here, so that the fuzzer sees the messages; and as it is.
#include <snappy.h>

#include "ingest.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto format = stormlog::pipeline::loki_protobuf_format();
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  std::string packed;
  snappy::Compress(input.data(), input.size(), &packed);
  stormlog::fuzz::check_format(*format, packed);
  stormlog::fuzz::check_format(*format, input);
  return 0;
}

// CloudEvents: structured, a batch, and binary, whose headers are the input's first lines.
#include "ingest.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stormlog;
  static const auto structured = pipeline::cloud_event_format();
  static const auto batch = pipeline::cloud_event_batch_format();
  static const auto binary = pipeline::cloud_event_binary_format();
  fuzz::Input input(data, size);
  switch (input.byte() % 3) {
    case 0:
      fuzz::check_format(*structured, input.rest());
      break;
    case 1:
      fuzz::check_format(*batch, input.rest());
      break;
    default: {
      http::Headers headers;
      for (std::string_view line = input.line(); !line.empty(); line = input.line()) {
        const std::size_t colon = std::min(line.find(':'), line.size() - 1);
        headers.add(std::string(line.substr(0, colon)), std::string(line.substr(colon + 1)));
      }
      fuzz::check_format(*binary, input.rest(), &headers);
    }
  }
  return 0;
}

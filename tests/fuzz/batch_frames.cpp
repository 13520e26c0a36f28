// What a producer reads from a gateway, and a gateway from a producer. Whatever is taken is written
// again as the same bytes.
#include "fuzz.hpp"
#include "pipeline/event/batch_codec.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stormlog::pipeline;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (const auto events = decode_batch(input); events.ok()) {
    std::string written;
    append_batch_header(static_cast<std::uint32_t>(events->size()), written);
    for (const EventView& event : *events) append_frame(event, written);
    FUZZ_CHECK(written == input);
  }
  if (const auto outcomes = decode_results(input); outcomes.ok()) {
    FUZZ_CHECK(encode_results(*outcomes) == input);
  }
  return 0;
}

// The body of POST /admin/dlq/replay.
#include "fuzz.hpp"
#include "pipeline/consumer/dlq_replay.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stormlog::pipeline;
  const auto request = ReplayRequest::parse(std::string(reinterpret_cast<const char*>(data), size));
  if (!request) {
    FUZZ_CHECK(!request.error().message.empty());
    return 0;
  }
  FUZZ_CHECK(request->limit >= 1 && request->limit <= ReplayRequest::kMaxLimit);
  FUZZ_CHECK(request->rate_per_second >= 1);
  FUZZ_CHECK(request->id.empty() || is_stream_id(request->id));
  FUZZ_CHECK(request->after.empty() || is_stream_id(request->after));
  return 0;
}

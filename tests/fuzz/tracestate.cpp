// The header of that name, which comes from anybody: what is passed on is short, is a list, and
// passes again as it is.
#include "pipeline/event/tracestate.hpp"
#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stormlog::pipeline;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string list = normalise_tracestate(input);
  FUZZ_CHECK(list.size() <= kMaxTracestateBytes);
  FUZZ_CHECK(normalise_tracestate(list) == list);
  FUZZ_CHECK(normalise_tracestate(" ," + list + "\t,") == list);
  for (const char c : list) FUZZ_CHECK(c >= ' ' && c <= '~');
  return 0;
}

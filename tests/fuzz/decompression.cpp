// Compressed bodies: never more comes out than is allowed, and of two bounds the result is the
// same.
#include "common/compression/compression.hpp"

#include <string>

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stormlog;
  constexpr std::size_t kBound = 64 * 1024;
  using Undo = Result<std::string> (*)(std::string_view, std::size_t);
  constexpr Undo kAll[] = {compression::gunzip, compression::inflate, compression::unzstd,
                           compression::unsnappy};
  fuzz::Input input(data, size);
  const Undo undo = kAll[input.byte() % 4];
  const std::string_view packed = input.rest();
  const auto result = undo(packed, kBound);
  if (!result.ok()) {
    FUZZ_CHECK(result.error().code == compression::kTooLarge ||
               result.error().code == compression::kCorrupt);
    return 0;
  }
  FUZZ_CHECK(result->size() <= kBound);
  const auto exact = undo(packed, result->size());
  FUZZ_CHECK(exact.ok() && *exact == *result);
  if (!result->empty()) FUZZ_CHECK(!undo(packed, result->size() - 1).ok());
  return 0;
}

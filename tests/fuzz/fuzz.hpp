#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

// What every target shares: one file defines one LLVMFuzzerTestOneInput, and is linked to libFuzzer
// (preset `fuzz`), or to replay_main.cpp, which runs it over the corpus that is kept.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace stormlog::fuzz {

// Cuts an input into the values that a target needs. When the bytes have run out, numbers are 0 and
// texts empty, so that every input means something.
//
// Lifetime: the input outlives it and what it returns.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size)
      : rest_(reinterpret_cast<const char*>(data), size) {}

  bool empty() const { return rest_.empty(); }
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const auto value = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  std::string_view bytes(std::size_t count) {
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  // Up to the next line end, which is dropped.
  std::string_view line() {
    const std::string_view taken = rest_.substr(0, rest_.find('\n'));
    rest_.remove_prefix(taken.size() < rest_.size() ? taken.size() + 1 : taken.size());
    return taken;
  }
  std::string_view rest() { return bytes(rest_.size()); }

 private:
  std::string_view rest_;
};

[[noreturn]] inline void fail(const char* what, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: must hold: %s\n", file, line, what);
  std::abort();
}

}  // namespace stormlog::fuzz

// In every build type: a target's claims are its test.
#define FUZZ_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::stormlog::fuzz::fail(#condition, __FILE__, __LINE__))

#pragma once

#include <algorithm>
#include <string>

#include "common/compression/compression.hpp"

// Private to this folder: the result while it grows.
namespace stormlog::compression {

class Output {
 public:
  // `packed_bytes`: of the whole input; what comes out is most often a few times as long.
  Output(std::size_t packed_bytes, std::size_t max_bytes) : max_bytes_(max_bytes) {
    bytes_.resize(std::clamp<std::size_t>(packed_bytes * 4, 4096, max_bytes_ + 1));
  }

  char* free() { return bytes_.data() + used_; }
  std::size_t free_bytes() const { return bytes_.size() - used_; }
  void took(std::size_t bytes) { used_ += bytes; }
  // One byte more than allowed is room enough to see that there is too much.
  bool too_large() const { return used_ > max_bytes_; }
  void grow() { bytes_.resize(std::min(bytes_.size() * 2, max_bytes_ + 1)); }
  std::string take() && {
    bytes_.resize(used_);
    return std::move(bytes_);
  }

 private:
  std::string bytes_;
  std::size_t used_ = 0;
  std::size_t max_bytes_;
};

inline Error too_large(std::size_t max_bytes) {
  return Error::permanent("more than " + std::to_string(max_bytes) + " bytes when decompressed",
                          std::string(kTooLarge));
}

inline Error corrupt(const std::string& what) {
  return Error::permanent(what, std::string(kCorrupt));
}

}  // namespace stormlog::compression

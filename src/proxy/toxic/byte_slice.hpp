#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

namespace stormlog::proxy {

// A run of bytes in a shared block. Cutting one in two copies nothing; writing to one that shares
// its block with others copies it first.
//
// Threads: caller synchronises. Slices of one block belong to one thread.
class ByteSlice {
 public:
  ByteSlice() = default;
  ByteSlice(std::shared_ptr<char[]> block, std::size_t offset, std::size_t size)
      : block_(std::move(block)), offset_(offset), size_(size) {}

  static ByteSlice copy_of(std::string_view bytes) {
    auto block = std::make_shared_for_overwrite<char[]>(bytes.size());
    std::memcpy(block.get(), bytes.data(), bytes.size());
    return {std::move(block), 0, bytes.size()};
  }

  const char* data() const { return block_.get() + offset_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::string_view view() const { return {data(), size_}; }

  std::span<char> writable() {
    if (block_.use_count() > 1) *this = copy_of(view());
    return {block_.get() + offset_, size_};
  }

  // Takes the first `count` bytes off; all of them when there are fewer.
  ByteSlice take_front(std::size_t count) {
    count = count < size_ ? count : size_;
    ByteSlice front(block_, offset_, count);
    offset_ += count;
    size_ -= count;
    return front;
  }

 private:
  std::shared_ptr<char[]> block_;
  std::size_t offset_ = 0;
  std::size_t size_ = 0;
};

}  // namespace stormlog::proxy

#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/http/message_head.hpp"

namespace stormlog::proxy {

// Finds where the body of an HTTP/1.x message ends, without looking at what is in it.
//
// Threads: caller synchronises.
// Source:  RFC 9112 §6 and §7.1.
class BodyScanner {
 public:
  BodyScanner() = default;
  explicit BodyScanner(const http::MessageHead& head) : kind_(head.body), left_(head.length) {}

  bool done() const {
    return kind_ == Kind::none || (kind_ == Kind::length && left_ == 0) ||
           (kind_ == Kind::chunked && place_ == Place::end);
  }
  // The framing is not what HTTP allows: the end will not be found.
  bool broken() const { return broken_; }

  // How many of `bytes` belong to the body.
  std::size_t feed(std::string_view bytes) {
    if (kind_ == Kind::none) return 0;
    if (kind_ == Kind::until_close) return bytes.size();
    if (kind_ == Kind::length) return take(bytes.size());
    std::size_t used = 0;
    while (used < bytes.size() && place_ != Place::end && !broken_) {
      if (place_ == Place::data) {
        used += take(bytes.size() - used);
        if (left_ == 0) place_ = Place::after_data;
      } else {
        character(bytes[used++]);
      }
    }
    return broken_ ? bytes.size() : used;
  }

 private:
  using Kind = http::MessageHead::Body;
  enum class Place { size_line, data, after_data, trailer, end };
  static constexpr std::size_t kLongestLine = 16 * 1024;

  std::size_t take(std::size_t most) {
    const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(most, left_));
    left_ -= taken;
    return taken;
  }

  // One character of a line; lines end with LF, behind an optional CR.
  void character(char c) {
    if (c != '\n') {
      line_ += c;
      broken_ = line_.size() > kLongestLine;
      return;
    }
    if (line_.ends_with('\r')) line_.pop_back();
    const std::string line = std::exchange(line_, {});
    if (place_ == Place::after_data) {
      broken_ = !line.empty();
      place_ = Place::size_line;
    } else if (place_ == Place::trailer) {
      if (line.empty()) place_ = Place::end;
    } else {
      size_line(line);
    }
  }

  void size_line(const std::string& line) {
    std::uint64_t size = 0;
    std::size_t digits = 0;
    for (; digits < line.size(); ++digits) {
      const char c = line[digits];
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) break;
      if (size >> 58 != 0) broken_ = true;
      size = size * 16 + static_cast<std::uint64_t>(digit);
    }
    if (digits == 0) broken_ = true;
    left_ = size;
    place_ = size == 0 ? Place::trailer : Place::data;
  }

  Kind kind_ = Kind::none;
  std::uint64_t left_ = 0;
  Place place_ = Place::size_line;
  std::string line_;
  bool broken_ = false;
};

}  // namespace stormlog::proxy

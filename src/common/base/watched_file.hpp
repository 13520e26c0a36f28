#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "common/base/result.hpp"

namespace stormlog {

// A small file that somebody may replace while we run: a certificate, a list of tokens.
//
// Looks at the content, not at the time stamps: a replacement of the same size within one tick of
// the file system's clock is found too, and so is a link that now points elsewhere.
//
// Threads:  caller synchronises.
// Blocking: changed() reads the whole file; it must be a plain file of at most `max_bytes`.
class WatchedFile {
 public:
  static constexpr std::uint64_t kMaxBytes = 1 << 20;

  explicit WatchedFile(std::filesystem::path path, std::uint64_t max_bytes = kMaxBytes)
      : path_(std::move(path)), max_bytes_(max_bytes) {}

  // The content, or why there is none; empty while that is what it was at the last call.
  std::optional<Result<std::string>> changed();
  const std::filesystem::path& path() const { return path_; }

 private:
  Result<std::string> read() const;

  std::filesystem::path path_;
  std::uint64_t max_bytes_;
  std::optional<std::string> content_;
  std::string failure_;
};

}  // namespace stormlog

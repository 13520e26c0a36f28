#include "common/base/watched_file.hpp"

#include "common/base/file.hpp"

namespace stormlog {

Result<std::string> WatchedFile::read() const {
  std::error_code error;
  const auto status = std::filesystem::status(path_, error);
  // What is no plain file might never end, or keep us waiting.
  if (!error && std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    return Error::permanent(path_.string() + " is not a plain file");
  }
  const std::uintmax_t size = error ? 0 : std::filesystem::file_size(path_, error);
  if (!error && size > max_bytes_) {
    return Error::permanent(path_.string() + " has " + std::to_string(size) +
                            " bytes; it may have " + std::to_string(max_bytes_));
  }
  return file::read(path_);
}

std::optional<Result<std::string>> WatchedFile::changed() {
  Result<std::string> now = read();
  if (!now.ok()) {
    if (failure_ == now.error().message) return std::nullopt;
    failure_ = now.error().message;
    content_.reset();
    return now;
  }
  if (content_ == *now) return std::nullopt;
  failure_.clear();
  content_ = *now;
  return now;
}

}  // namespace stormlog

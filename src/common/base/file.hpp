#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "common/base/result.hpp"

// Whole files and durable writes. Errors name the path and the reason.
namespace stormlog::file {

Result<std::string> read(const std::filesystem::path& path);

// Replaces the file as one step: a reader sees the old or the new content, and after return the
// new one survives a power cut (temporary file, fsync, rename, fsync of the folder).
Result<void> write_atomic(const std::filesystem::path& path, std::string_view content,
                          unsigned mode = 0644);

// Creates the folder and its parents.
Result<void> make_dirs(const std::filesystem::path& path);

// An append-only file whose records survive a crash once sync() has returned.
//
// Threads: caller synchronises.
class Appender {
 public:
  static Result<Appender> open(const std::filesystem::path& path);
  Appender(Appender&& other) noexcept;
  Appender& operator=(Appender&& other) noexcept;
  Appender(const Appender&) = delete;
  Appender& operator=(const Appender&) = delete;
  ~Appender();

  // Appends at once, in full or with an error.
  Result<void> append(std::string_view data);
  // fdatasync(2).
  Result<void> sync();

 private:
  Appender(int fd, std::filesystem::path path) : fd_(fd), path_(std::move(path)) {}
  int fd_ = -1;
  std::filesystem::path path_;
};

}  // namespace stormlog::file

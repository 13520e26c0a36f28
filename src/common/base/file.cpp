#include "common/base/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace stormlog::file {
namespace {

Error errno_error(const std::filesystem::path& path, const char* doing) {
  const int code = errno;
  const char* const name = ::strerrorname_np(code);
  return Error::permanent(path.string() + ": cannot " + doing + ": " + std::strerror(code),
                          name != nullptr ? name : std::to_string(code));
}

Result<void> write_all(int fd, std::string_view data, const std::filesystem::path& path) {
  while (!data.empty()) {
    const ssize_t n = ::write(fd, data.data(), data.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      return errno_error(path, "write");
    }
    data.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Result<void> sync_folder(const std::filesystem::path& folder) {
  const int fd = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno_error(folder, "open");
  const int rc = ::fsync(fd);
  ::close(fd);
  if (rc != 0) return errno_error(folder, "sync");
  return {};
}

}  // namespace

Result<std::string> read(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno_error(path, "open");
  std::string content;
  char buffer[65536];
  for (;;) {
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      Error error = errno_error(path, "read");
      ::close(fd);
      return error;
    }
    if (n == 0) break;
    content.append(buffer, static_cast<std::size_t>(n));
  }
  ::close(fd);
  return content;
}

Result<void> write_atomic(const std::filesystem::path& path, std::string_view content,
                          unsigned mode) {
  const std::string temporary = path.string() + ".tmp." + std::to_string(::getpid());
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (fd < 0) return errno_error(temporary, "create");
  Result<void> done = write_all(fd, content, temporary);
  if (done.ok() && ::fsync(fd) != 0) done = errno_error(temporary, "sync");
  ::close(fd);
  if (done.ok() && ::rename(temporary.c_str(), path.c_str()) != 0)
    done = errno_error(path, "rename");
  if (!done.ok()) {
    ::unlink(temporary.c_str());
    return done;
  }
  return sync_folder(path.parent_path());
}

Result<void> make_dirs(const std::filesystem::path& path) {
  std::error_code code;
  std::filesystem::create_directories(path, code);
  if (code) {
    return Error::permanent(path.string() + ": cannot create the folder: " + code.message());
  }
  return {};
}

Result<Appender> Appender::open(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return errno_error(path, "open");
  return Appender(fd, path);
}

Appender::Appender(Appender&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

Appender& Appender::operator=(Appender&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  return *this;
}

Appender::~Appender() {
  if (fd_ >= 0) ::close(fd_);
}

Result<void> Appender::append(std::string_view data) {
  return write_all(fd_, data, path_);
}

Result<void> Appender::sync() {
  if (::fdatasync(fd_) != 0) return errno_error(path_, "sync");
  return {};
}

}  // namespace stormlog::file

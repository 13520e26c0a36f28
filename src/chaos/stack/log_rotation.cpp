#include "chaos/stack/log_rotation.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

namespace stormlog::chaos {
namespace {

namespace fs = std::filesystem;

Error failed(const fs::path& path) {
  return Error::retriable("cannot rotate " + path.string() + ": " + std::strerror(errno));
}

fs::path numbered(const fs::path& path, int number) {
  return path.string() + "." + std::to_string(number);
}

// Copies until the end of the file is reached, however fast it grows.
bool copy_all(int from, int to) {
  std::vector<char> buffer(256 * 1024);
  while (true) {
    const ssize_t got = ::read(from, buffer.data(), buffer.size());
    if (got <= 0) return got == 0;
    for (ssize_t done = 0; done < got;) {
      const ssize_t written =
          ::write(to, buffer.data() + done, static_cast<std::size_t>(got - done));
      if (written < 0) return false;
      done += written;
    }
  }
}

}  // namespace

Result<bool> rotate_log(const fs::path& path, const RotationLimits& limits) {
  std::error_code code;
  const auto size = fs::file_size(path, code);
  if (code || size <= limits.max_bytes) return false;
  for (int number = limits.keep; number > 1; --number) {
    fs::rename(numbered(path, number - 1), numbered(path, number), code);
  }
  const int from = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (from < 0) return failed(path);
  const fs::path copy = numbered(path, 1);
  const int to = ::open(copy.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  const bool copied = to >= 0 && copy_all(from, to);
  // Without a copy (disk full) the log is emptied all the same: it must not grow without bound.
  const bool emptied = ::ftruncate(from, 0) == 0;
  const Error error = failed(path);
  if (to >= 0) ::close(to);
  ::close(from);
  if (!copied || !emptied) return error;
  return true;
}

}  // namespace stormlog::chaos

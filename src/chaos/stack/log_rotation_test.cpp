#include "chaos/stack/log_rotation.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "common/base/file.hpp"

namespace stormlog::chaos {
namespace {

namespace fs = std::filesystem;

class LogRotation : public testing::Test {
 protected:
  LogRotation() {
    std::string pattern = (fs::temp_directory_path() / "stormlog-log-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    path_ = folder_ / "a.log";
    // As a service has it: its own descriptor, opened for appending.
    fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  }
  ~LogRotation() override {
    ::close(fd_);
    fs::remove_all(folder_);
  }
  void write(const std::string& text) {
    ASSERT_EQ(::write(fd_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  std::string content(const std::string& suffix = "") {
    auto text = file::read(path_.string() + suffix);
    return text.ok() ? *text : "(none)";
  }
  bool rotate() {
    auto rotated = rotate_log(path_, {.max_bytes = 8, .keep = 2});
    EXPECT_TRUE(rotated.ok());
    return rotated.ok() && *rotated;
  }

  fs::path folder_;
  fs::path path_;
  int fd_ = -1;
};

TEST_F(LogRotation, LeavesSmallFilesAlone) {
  write("12345678");
  EXPECT_FALSE(rotate());
  EXPECT_EQ(content(), "12345678");
}

TEST_F(LogRotation, TheWriterGoesOnInTheEmptiedFile) {
  write("first-log\n");
  EXPECT_TRUE(rotate());
  write("second\n");
  EXPECT_EQ(content(), "second\n");
  EXPECT_EQ(content(".1"), "first-log\n");
}

TEST_F(LogRotation, KeepsTheNewestOnly) {
  for (const char* text : {"1111111111", "2222222222", "3333333333"}) {
    write(text);
    EXPECT_TRUE(rotate());
  }
  EXPECT_EQ(content(), "");
  EXPECT_EQ(content(".1"), "3333333333");
  EXPECT_EQ(content(".2"), "2222222222");
  EXPECT_EQ(content(".3"), "(none)");
}

TEST_F(LogRotation, AMissingFileIsNoError) {
  fs::remove(path_);
  EXPECT_FALSE(rotate());
}

}  // namespace
}  // namespace stormlog::chaos

#include "common/base/file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>

namespace stormlog::file {
namespace {

class FileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = std::filesystem::temp_directory_path() / "stormlog-file-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::size_t entries() const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      count += entry.exists() ? 1U : 0U;
    }
    return count;
  }

  std::filesystem::path folder_;
};

TEST_F(FileTest, ReadsBackWhatItWrote) {
  const std::string content = std::string("a\0b\n", 4) + std::string(200'000, 'x');
  ASSERT_TRUE(write_atomic(folder_ / "a", content).ok());
  const auto back = read(folder_ / "a");
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(*back, content);
}

TEST_F(FileTest, ReplacesAndLeavesNoTemporaryFile) {
  ASSERT_TRUE(write_atomic(folder_ / "a", "old").ok());
  ASSERT_TRUE(write_atomic(folder_ / "a", "new").ok());
  EXPECT_EQ(*read(folder_ / "a"), "new");
  EXPECT_EQ(entries(), 1U);
}

TEST_F(FileTest, KeepsTheOldContentWhenReplacingFails) {
  ASSERT_TRUE(make_dirs(folder_ / "target" / "child").ok());
  // rename(2) of a file over a folder fails after the temporary file was written.
  const auto result = write_atomic(folder_ / "target", "x");
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().message.find((folder_ / "target").string()), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_directory(folder_ / "target" / "child"));
  EXPECT_EQ(entries(), 1U);
}

TEST_F(FileTest, GivesTheModeAskedFor) {
  ASSERT_TRUE(write_atomic(folder_ / "secret", "x", 0600).ok());
  struct stat info {};
  ASSERT_EQ(::stat((folder_ / "secret").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
}

TEST_F(FileTest, MissingFileIsAnErrorWithPathAndReason) {
  const auto result = read(folder_ / "none");
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message,
            (folder_ / "none").string() + ": cannot open: No such file or directory");
  EXPECT_EQ(result.error().code, "ENOENT");
}

TEST_F(FileTest, FolderIsNotReadAsFile) {
  const auto result = read(folder_);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, "EISDIR");
}

TEST_F(FileTest, MakesParentsAndAcceptsWhatExists) {
  EXPECT_TRUE(make_dirs(folder_ / "a" / "b" / "c").ok());
  EXPECT_TRUE(make_dirs(folder_ / "a" / "b" / "c").ok());
  std::ofstream(folder_ / "plain") << "x";
  EXPECT_FALSE(make_dirs(folder_ / "plain" / "below").ok());
}

TEST_F(FileTest, AppenderContinuesAnExistingFile) {
  {
    auto appender = Appender::open(folder_ / "log");
    ASSERT_TRUE(appender.ok());
    ASSERT_TRUE(appender->append("one\n").ok());
    ASSERT_TRUE(appender->sync().ok());
  }
  auto appender = Appender::open(folder_ / "log");
  ASSERT_TRUE(appender.ok());
  Appender moved = std::move(*appender);
  ASSERT_TRUE(moved.append("two\n").ok());
  ASSERT_TRUE(moved.sync().ok());
  EXPECT_EQ(*read(folder_ / "log"), "one\ntwo\n");
}

}  // namespace
}  // namespace stormlog::file

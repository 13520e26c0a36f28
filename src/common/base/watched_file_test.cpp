#include "common/base/watched_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace stormlog {
namespace {

using ::testing::HasSubstr;

class WatchedFileTest : public ::testing::Test {
 protected:
  WatchedFileTest() {
    std::string name = (std::filesystem::temp_directory_path() / "watched-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~WatchedFileTest() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path write(const std::string& text) const {
    std::ofstream(folder_ / "file") << text;
    return folder_ / "file";
  }

  std::filesystem::path folder_;
};

TEST_F(WatchedFileTest, TellsTheContentOnceForEachChange) {
  WatchedFile file(write("one"));
  const auto first = file.changed();
  ASSERT_TRUE(first && first->ok());
  EXPECT_EQ(**first, "one");
  EXPECT_FALSE(file.changed());
  write("two");  // of the same size, perhaps at the same time
  const auto second = file.changed();
  ASSERT_TRUE(second && second->ok());
  EXPECT_EQ(**second, "two");
  EXPECT_FALSE(file.changed());
}

TEST_F(WatchedFileTest, TellsAFailureOnceAndTheContentThatComesBack) {
  WatchedFile file(write("one"));
  ASSERT_TRUE(file.changed());
  std::filesystem::remove(folder_ / "file");
  const auto gone = file.changed();
  ASSERT_TRUE(gone && !gone->ok());
  EXPECT_THAT(gone->error().message, HasSubstr("file"));
  EXPECT_FALSE(file.changed());
  write("one");
  const auto back = file.changed();
  ASSERT_TRUE(back && back->ok());
  EXPECT_EQ(**back, "one");
}

TEST_F(WatchedFileTest, ALinkThatPointsElsewhereIsAChange) {
  std::ofstream(folder_ / "a") << "a";
  std::ofstream(folder_ / "b") << "b";
  std::filesystem::create_symlink(folder_ / "a", folder_ / "link");
  WatchedFile file(folder_ / "link");
  ASSERT_TRUE(file.changed());
  std::filesystem::create_symlink(folder_ / "b", folder_ / "next");
  std::filesystem::rename(folder_ / "next", folder_ / "link");
  const auto changed = file.changed();
  ASSERT_TRUE(changed && changed->ok());
  EXPECT_EQ(**changed, "b");
}

TEST_F(WatchedFileTest, WhatIsTooLargeOrNoPlainFileIsNotRead) {
  WatchedFile large(write(std::string(11, 'x')), 10);
  EXPECT_THAT(large.changed()->error().message, HasSubstr("it may have 10"));
  EXPECT_THAT(WatchedFile(folder_).changed()->error().message, HasSubstr("not a plain file"));
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(WatchedFile(folder_ / "pipe").changed()->error().message,
              HasSubstr("not a plain file"));
}

}  // namespace
}  // namespace stormlog

// resident_bytes: of this very process, with a child that takes memory of its own.

#include "chaos/stack/process_tree.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace stormlog::chaos {
namespace {

constexpr std::size_t kBytes = 32 << 20;
constexpr std::size_t kPage = 4096;
// The kernel counts with a little delay, and shares of libraries change when others end.
constexpr std::size_t kSlack = 8 << 20;

class Block {
 public:
  explicit Block(int flags)
      : bytes_(::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0)) {
    touch();
  }
  ~Block() { ::munmap(bytes_, kBytes); }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  // A sanitizer would note each access in memory of its own.
  __attribute__((no_sanitize("address"), no_sanitize("thread"))) void touch() {
    auto* const bytes = static_cast<volatile char*>(bytes_);
    for (std::size_t i = 0; i < kBytes; i += kPage) bytes[i] = static_cast<char>(bytes[i] + 1);
  }

 private:
  void* bytes_;
};

// A child that has done its part and waits to be ended.
class ReadyChild {
 public:
  template <typename Work>
  explicit ReadyChild(Work work) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      work();
      if (::write(ends[1], "x", 1) != 1) ::_exit(1);
      for (;;) ::pause();
    }
    char byte = 0;
    EXPECT_EQ(::read(ends[0], &byte, 1), 1);
    ::close(ends[0]);
    ::close(ends[1]);
  }
  ~ReadyChild() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  ReadyChild(const ReadyChild&) = delete;
  ReadyChild& operator=(const ReadyChild&) = delete;

 private:
  pid_t pid_ = -1;
};

std::uint64_t resident() {
  const auto self = process::identify(::getpid());
  EXPECT_TRUE(self.ok());
  return resident_bytes(*self).value_or(0);
}

TEST(ResidentBytes, GrowWithWhatIsTouched) {
  const std::uint64_t before = resident();
  ASSERT_GT(before, 0U);
  std::uint64_t with = 0;
  {
    const Block block(MAP_PRIVATE);
    with = resident();
  }
  EXPECT_GE(with + kSlack, before + kBytes);
  EXPECT_LE(resident() + kBytes, with + kSlack);
}

TEST(ResidentBytes, CountTheMemoryOfChildren) {
  const std::uint64_t before = resident();
  const ReadyChild child([] {
    static Block* block = new Block(MAP_PRIVATE);
    block->touch();
  });
  EXPECT_GE(resident() + kSlack, before + kBytes);
}

TEST(ResidentBytes, CountSharedMemoryOnce) {
  Block block(MAP_SHARED);
  const std::uint64_t before = resident();
  const ReadyChild child([&block] { block.touch(); });
  EXPECT_LT(resident(), before + kBytes);
}

// A server that forks to write a file (Redis) has not twice the memory for it.
TEST(ResidentBytes, CountWhatAForkHasNotCopiedOnce) {
  const Block block(MAP_PRIVATE);
  const std::uint64_t before = resident();
  const ReadyChild child([] {});
  EXPECT_LT(resident(), before + kBytes);
}

TEST(ResidentBytes, OfAProcessThatHasEndedAreUnknown) {
  auto gone = process::identify(::getpid());
  ASSERT_TRUE(gone.ok());
  gone->start_ticks += 1;
  EXPECT_FALSE(resident_bytes(*gone).has_value());
}

}  // namespace
}  // namespace stormlog::chaos

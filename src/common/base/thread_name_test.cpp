#include "common/base/thread_name.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>
#include <thread>

namespace stormlog {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(ThreadName, IsSeenByOthersWhileTheThreadRuns) {
  std::latch named(1);
  std::latch end(1);
  std::thread thread([&] {
    name_thread("sixteen-and-more");
    EXPECT_THAT(names_of_other_threads(), Not(HasSubstr("sixteen")));
    named.count_down();
    end.wait();
  });
  named.wait();
  EXPECT_THAT(names_of_other_threads(), HasSubstr("sixteen-and-mor"));
  end.count_down();
  thread.join();
  EXPECT_THAT(names_of_other_threads(), Not(HasSubstr("sixteen")));
}

}  // namespace
}  // namespace stormlog

#include "resilience/retry_budget.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace stormlog::resilience {
namespace {

TEST(RetryBudget, AllowsRetriesAboveHalf) {
  RetryBudget budget(10, 0.5);
  for (int i = 0; i < 4; ++i) budget.on_failure();
  EXPECT_TRUE(budget.allows_retry());  // 6 of 10
  budget.on_failure();
  EXPECT_FALSE(budget.allows_retry());  // exactly half is not above it
  budget.on_success();
  EXPECT_TRUE(budget.allows_retry());
  EXPECT_DOUBLE_EQ(budget.tokens(), 5.5);
}

TEST(RetryBudget, StaysBetweenNothingAndItsMaximum) {
  RetryBudget budget(2, 0.3);
  budget.on_success();
  EXPECT_DOUBLE_EQ(budget.tokens(), 2);
  for (int i = 0; i < 5; ++i) budget.on_failure();
  EXPECT_DOUBLE_EQ(budget.tokens(), 0);
  for (int i = 0; i < 7; ++i) budget.on_success();
  EXPECT_DOUBLE_EQ(budget.tokens(), 2);
}

// A dependency that fails for good costs at most half the budget in retries.
TEST(RetryBudget, AnOutageEndsTheRetries) {
  RetryBudget budget;
  int retries = 0;
  for (int i = 0; i < 10'000; ++i) {
    budget.on_failure();
    retries += budget.allows_retry();
  }
  EXPECT_EQ(retries, 49);
}

TEST(RetryBudget, LosesNothingBetweenThreads) {
  RetryBudget budget(1'000'000, 1);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&budget] {
      for (int i = 0; i < 10'000; ++i) {
        budget.on_failure();
        budget.on_failure();
        budget.on_success();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  // A success at the very start may have met a full budget: one token for each thread at most.
  EXPECT_LE(budget.tokens(), 1'000'000 - 40'000);
  EXPECT_GE(budget.tokens(), 1'000'000 - 40'000 - 4);
}

}  // namespace
}  // namespace stormlog::resilience

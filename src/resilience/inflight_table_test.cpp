#include "resilience/inflight_table.hpp"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace stormlog::resilience {
namespace {

constexpr MonotonicTime at(int nanoseconds) {
  return MonotonicTime{Nanoseconds(nanoseconds)};
}

TEST(InflightTable, MarksTheOlderCallsOfTheGenerationOldestFirst) {
  InflightTable table;
  const std::uint64_t late = table.enter(7, at(20));
  const std::uint64_t early = table.enter(7, at(10));
  const std::uint64_t young = table.enter(7, at(30));
  const std::uint64_t stale = table.enter(6, at(10));
  CallWindow::Record next = 100;
  EXPECT_TRUE(table.mark_older(7, at(30), [&next] { return next++; }));
  EXPECT_FALSE(table.mark_older(7, at(30), [&next] { return next++; }));  // each once
  EXPECT_TRUE(table.leave(young));
  EXPECT_TRUE(table.leave(stale));
  ASSERT_FALSE(table.leave(late));
  EXPECT_EQ(table.leave_marked(late), 101U);
  ASSERT_FALSE(table.leave(early));
  EXPECT_EQ(table.leave_marked(early), 100U);
}

TEST(InflightTable, TicketsNeverComeBack) {
  InflightTable table;
  std::set<std::uint64_t> tickets;
  for (unsigned i = 0; i < 3 * InflightTable::kCapacity; ++i) {
    const std::uint64_t ticket = table.enter(1, at(1));
    ASSERT_TRUE(InflightTable::is_ticket(ticket));
    EXPECT_TRUE(tickets.insert(ticket).second);
    EXPECT_TRUE(table.leave(ticket));
  }
}

TEST(InflightTable, AFullTableTurnsCallsAwayUntilOneEnds) {
  InflightTable table;
  std::vector<std::uint64_t> tickets;
  while (const std::uint64_t ticket = table.enter(1, at(1))) tickets.push_back(ticket);
  EXPECT_EQ(tickets.size(), InflightTable::kCapacity);
  EXPECT_FALSE(InflightTable::is_ticket(table.enter(1, at(1))));
  for (const std::uint64_t ticket : tickets) EXPECT_TRUE(table.leave(ticket));
  EXPECT_NE(table.enter(1, at(1)), 0U);
}

}  // namespace
}  // namespace stormlog::resilience

#include "proxy/engine/timer_heap.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <vector>

#include "common/base/random.hpp"

namespace stormlog::proxy {
namespace {

struct Item {
  MonotonicTime due{};
  std::size_t timer_place = TimerHeap<Item>::kNoPlace;
};

// Against a plain list that is searched each time.
TEST(TimerHeap, FirstIsAlwaysTheEarliest) {
  Random random(3);
  std::deque<Item> items(50);
  TimerHeap<Item> heap;
  for (int step = 0; step < 20'000; ++step) {
    Item& item = items[random.below(items.size())];
    if (random.chance(0.4)) {
      heap.remove(item);
    } else {
      heap.set(item, MonotonicTime(Nanoseconds(random.below(100))));
    }
    const Item* earliest = nullptr;
    for (const Item& one : items) {
      if (one.timer_place == TimerHeap<Item>::kNoPlace) continue;
      if (earliest == nullptr || one.due < earliest->due) earliest = &one;
    }
    ASSERT_EQ(heap.empty(), earliest == nullptr);
    if (earliest != nullptr) {
      ASSERT_EQ(heap.first()->due, earliest->due);
    }
  }
}

}  // namespace
}  // namespace stormlog::proxy

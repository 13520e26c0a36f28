#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "common/base/clock.hpp"

namespace stormlog::proxy {

// A binary heap of those who want to be woken, each with one moment. An Item has two public
// members for it: `MonotonicTime due` and `std::size_t timer_place`, which starts as kNoPlace.
//
// Threads: caller synchronises.
template <typename Item>
class TimerHeap {
 public:
  static constexpr std::size_t kNoPlace = static_cast<std::size_t>(-1);

  bool empty() const { return items_.empty(); }
  Item* first() const { return items_.front(); }

  void set(Item& item, MonotonicTime due) {
    if (item.timer_place == kNoPlace) {
      item.timer_place = items_.size();
      items_.push_back(&item);
    } else if (item.due == due) {
      return;
    }
    item.due = due;
    down(up(item.timer_place));
  }

  void remove(Item& item) {
    if (item.timer_place == kNoPlace) return;
    const std::size_t place = std::exchange(item.timer_place, kNoPlace);
    Item* last = items_.back();
    items_.pop_back();
    if (last == &item) return;
    put(place, last);
    down(up(place));
  }

 private:
  void put(std::size_t place, Item* item) {
    items_[place] = item;
    item->timer_place = place;
  }
  std::size_t up(std::size_t place) {
    Item* item = items_[place];
    while (place > 0 && item->due < items_[(place - 1) / 2]->due) {
      put(place, items_[(place - 1) / 2]);
      place = (place - 1) / 2;
    }
    put(place, item);
    return place;
  }
  void down(std::size_t place) {
    Item* item = items_[place];
    for (;;) {
      std::size_t child = 2 * place + 1;
      if (child >= items_.size()) break;
      if (child + 1 < items_.size() && items_[child + 1]->due < items_[child]->due) ++child;
      if (item->due <= items_[child]->due) break;
      put(place, items_[child]);
      place = child;
    }
    put(place, item);
  }

  std::vector<Item*> items_;
};

}  // namespace stormlog::proxy

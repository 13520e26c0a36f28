#pragma once

#include <atomic>

namespace stormlog::resilience {
namespace detail {

inline constinit thread_local unsigned own_ordinal = 0;  // 0: none yet

inline unsigned take_ordinal() {
  static constinit std::atomic<unsigned> threads{0};
  return own_ordinal = threads.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace detail

// A small number that differs between the threads that run at the same time, as long as there are
// not more of them than it is taken modulo.
inline unsigned thread_ordinal() {
  const unsigned own = detail::own_ordinal;
  return own != 0 ? own : detail::take_ordinal();
}

}  // namespace stormlog::resilience

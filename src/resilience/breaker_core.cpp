#include "resilience/breaker_core.hpp"

#include <algorithm>
#include <cmath>

namespace stormlog::resilience {
namespace {

double percent(std::uint32_t part, std::uint32_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

double seconds(Nanoseconds duration) {
  return static_cast<double>(duration.count()) / 1e9;
}

std::unique_ptr<CallWindow> make_window(const CircuitBreakerConfig& config) {
  const auto size = static_cast<std::size_t>(std::max(1, config.window_size));
  if (config.window == CircuitBreakerConfig::Window::time) {
    return std::make_unique<TimeWindow>(size);
  }
  return std::make_unique<CountWindow>(size);
}

}  // namespace

CircuitBreaker::Impl::Impl(std::string breaker_name, CircuitBreakerConfig breaker_config,
                           const Clock& breaker_clock, Random breaker_random)
    : name(std::move(breaker_name)),
      config(breaker_config),
      clock(breaker_clock),
      random(breaker_random),
      window(make_window(config)),
      half_open_window(std::make_unique<CountWindow>(
          static_cast<std::size_t>(std::max(1, config.half_open_permits)))) {}

std::uint32_t CircuitBreaker::Impl::take_slot(MonotonicTime now) {
  std::uint32_t index = 0;
  if (free_slots.empty()) {
    index = static_cast<std::uint32_t>(slots.size());
    slots.emplace_back();
  } else {
    index = free_slots.back();
    free_slots.pop_back();
  }
  slots[index] = {.used = true,
                  .generation = generation_of(word.load(std::memory_order_relaxed)),
                  .start = now};
  return index;
}

bool CircuitBreaker::Impl::admit(MonotonicTime now, std::uint32_t& slot,
                                 std::uint64_t& generation) {
  advance(now);
  BreakerState current = state();
  if (current == BreakerState::open && now >= open_until) {
    enter(BreakerState::half_open, now);
    current = BreakerState::half_open;
  }
  generation = generation_of(word.load(std::memory_order_relaxed));
  slot = kNoSlot;
  switch (current) {
    case BreakerState::closed:
      if (config.count_inflight_slow) slot = take_slot(now);
      return true;
    case BreakerState::disabled:
    case BreakerState::metrics_only:
      return true;
    case BreakerState::open:
    case BreakerState::forced_open:
      return false;
    case BreakerState::half_open:
      if (half_open_used >= std::max(1, config.half_open_permits)) return false;
      ++half_open_used;
      slot = take_slot(now);
      return true;
  }
  return false;
}

void CircuitBreaker::Impl::settle(Settlement how, Nanoseconds duration, std::uint64_t generation,
                                  std::uint32_t slot_index, MonotonicTime now) {
  // The totals hold every call, also of an earlier generation.
  switch (how) {
    case Settlement::success:
      ++totals.successful;
      totals.successful_seconds += seconds(duration);
      totals.successful_max_seconds = std::max(totals.successful_max_seconds, seconds(duration));
      break;
    case Settlement::failure:
      ++totals.failed;
      totals.failed_seconds += seconds(duration);
      totals.failed_max_seconds = std::max(totals.failed_max_seconds, seconds(duration));
      break;
    case Settlement::ignored:
      ++totals.ignored;
      totals.ignored_seconds += seconds(duration);
      break;
  }

  Slot slot;
  bool has_slot = false;
  if (slot_index != kNoSlot && slot_index < slots.size() && slots[slot_index].used &&
      slots[slot_index].generation == generation) {
    slot = slots[slot_index];
    has_slot = true;
    slots[slot_index].used = false;
    free_slots.push_back(slot_index);
  }
  if (generation != generation_of(word.load(std::memory_order_relaxed))) return;
  advance(now);
  if (generation != generation_of(word.load(std::memory_order_relaxed))) return;

  const CallOutcome outcome{how == Settlement::failure, duration > config.slow_call};
  switch (state()) {
    case BreakerState::closed:
    case BreakerState::metrics_only:
      if (has_slot && slot.counted_slow) {
        // Counted as slow while it ran. An ignored call leaves that record as a plain success:
        // the window cannot forget a call, and it was slow by the clock, not by its result.
        window->amend(slot.record, {false, true},
                      how == Settlement::ignored ? CallOutcome{} : outcome);
      } else if (how != Settlement::ignored) {
        window->add(outcome, now);
      }
      if (how == Settlement::failure) ++consecutive;
      if (how == Settlement::success) consecutive = 0;
      if (how != Settlement::ignored && state() == BreakerState::closed) decide(now);
      break;
    case BreakerState::half_open:
      if (!has_slot) return;  // its lease was over: somebody else has the permit
      if (how == Settlement::ignored) {
        --half_open_used;
        return;
      }
      half_open_window->add(outcome, now);
      decide_half_open(now);
      break;
    case BreakerState::open:
    case BreakerState::forced_open:
    case BreakerState::disabled:
      break;
  }
}

void CircuitBreaker::Impl::decide(MonotonicTime now) {
  const WindowTotals seen = window->totals(now);
  if (config.consecutive_failures > 0 && consecutive >= config.consecutive_failures) {
    trip(now, BreakerEvent::Type::failure_rate_exceeded, percent(seen.failed, seen.calls));
    return;
  }
  if (seen.calls < static_cast<std::uint32_t>(std::max(1, config.minimum_calls))) return;
  const double failed = percent(seen.failed, seen.calls);
  const double slow = percent(seen.slow, seen.calls);
  if (failed >= config.failure_rate_percent) {
    trip(now, BreakerEvent::Type::failure_rate_exceeded, failed);
  } else if (slow >= config.slow_rate_percent) {
    trip(now, BreakerEvent::Type::slow_call_rate_exceeded, slow);
  }
}

void CircuitBreaker::Impl::decide_half_open(MonotonicTime now) {
  const WindowTotals seen = half_open_window->totals(now);
  const auto permits = static_cast<std::uint32_t>(std::max(1, config.half_open_permits));
  // As a share of all permits: what can no longer be made good by the calls still to come.
  const double failed = percent(seen.failed, permits);
  const double slow = percent(seen.slow, permits);
  if (seen.failed > 0 && failed >= config.failure_rate_percent) {
    trip(now, BreakerEvent::Type::failure_rate_exceeded, failed);
  } else if (seen.slow > 0 && slow >= config.slow_rate_percent) {
    trip(now, BreakerEvent::Type::slow_call_rate_exceeded, slow);
  } else if (seen.calls >= permits) {
    enter(BreakerState::closed, now);
  }
}

void CircuitBreaker::Impl::trip(MonotonicTime now, BreakerEvent::Type reason, double rate) {
  BreakerEvent event{};
  event.type = reason;
  event.rate_percent = rate;
  emit(std::move(event));
  enter(BreakerState::open, now);
}

Nanoseconds CircuitBreaker::Impl::open_time() {
  const double first = static_cast<double>(Nanoseconds(config.open_wait).count());
  const double cap =
      std::max(first, static_cast<double>(Nanoseconds(config.open_wait_max).count()));
  const double factor = std::max(1.0, config.open_wait_factor);
  const double wait = std::min(cap, first * std::pow(factor, std::max(0, opens - 1)));
  const double jitter = 1 + config.open_wait_jitter * (2 * random.uniform() - 1);
  return Nanoseconds{static_cast<Nanoseconds::rep>(wait * jitter)};
}

void CircuitBreaker::Impl::enter(BreakerState to, MonotonicTime now) {
  const std::uint64_t old = word.load(std::memory_order_relaxed);
  const BreakerState from = state_of(old);
  if (to == BreakerState::open) {
    ++opens;
    open_until = now + open_time();
  } else if (to == BreakerState::half_open) {
    half_open_window->clear();
    half_open_used = 0;
    half_open_since = now;
  } else {
    opens = 0;
  }
  if (to == BreakerState::closed || to == BreakerState::metrics_only) window->clear();
  consecutive = 0;
  // Calls of the old generation keep their slots to themselves no longer.
  slots.clear();
  free_slots.clear();
  word.store(((generation_of(old) + 1) << 3) | static_cast<std::uint64_t>(to),
             std::memory_order_release);
  ++totals.transitions;
  BreakerEvent event{};
  event.type = BreakerEvent::Type::state_transition;
  event.from = from;
  event.to = to;
  emit(std::move(event));
}

// What time alone moves.
void CircuitBreaker::Impl::advance(MonotonicTime now) {
  const BreakerState current = state();
  if (current == BreakerState::open) {
    if (config.automatic_half_open && now >= open_until) enter(BreakerState::half_open, now);
    return;
  }
  if (current == BreakerState::half_open) {
    if (config.half_open_max.count() > 0 && now - half_open_since >= config.half_open_max) {
      enter(BreakerState::open, now);
      return;
    }
    if (config.half_open_lease.count() == 0) return;
    for (std::uint32_t i = 0; i < slots.size(); ++i) {
      if (!slots[i].used || now - slots[i].start < config.half_open_lease) continue;
      slots[i].used = false;
      free_slots.push_back(i);
      --half_open_used;
    }
    return;
  }
  if (current != BreakerState::closed || !config.count_inflight_slow) return;
  bool any = false;
  for (Slot& slot : slots) {
    if (!slot.used || slot.counted_slow || now - slot.start <= config.slow_call) continue;
    slot.counted_slow = true;
    slot.record = window->add({false, true}, now);
    any = true;
  }
  if (any) decide(now);
}

void CircuitBreaker::Impl::emit(BreakerEvent event) {
  event.breaker = name;
  event.at = clock.wall_now();
  event.sequence = ++sequence;
  if (!listeners.empty()) events.push_back(std::move(event));
}

void CircuitBreaker::Impl::dispatch() {
  std::unique_lock lock(mutex);
  if (dispatching) return;  // the thread that dispatches takes ours too, in order
  dispatching = true;
  while (!events.empty()) {
    const BreakerEvent event = std::move(events.front());
    events.pop_front();
    lock.unlock();
    for (const Listener& listener : listeners) listener(event);
    lock.lock();
  }
  dispatching = false;
}

}  // namespace stormlog::resilience

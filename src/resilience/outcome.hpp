#pragma once

#include <cassert>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "resilience/refusal.hpp"

namespace stormlog::resilience {

// What became of a guarded call: the result of the last attempt that was made, if there was one,
// and the guard that stopped it from being made, or from being made again.
//
//   has_value, no refusal   the call was made; its result may still be a failure in its own terms
//   no value, refusal       it was never made
//   has_value, refusal      it failed, and a guard refused the next attempt
//   neither                 it threw; only the fallback of call_or() gets to see this
template <typename T>
class [[nodiscard]] Outcome {
 public:
  using Value = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

  static Outcome none() { return {}; }
  static Outcome refused(Refusal refusal) {
    Outcome outcome;
    outcome.refusal_ = refusal;
    return outcome;
  }
  // With what `function` returns; T may be void.
  template <typename Function>
  static Outcome of(Function&& function) {
    Outcome outcome;
    if constexpr (std::is_void_v<T>) {
      std::forward<Function>(function)();
      outcome.value_.emplace();
    } else {
      outcome.value_.emplace(std::forward<Function>(function)());
    }
    return outcome;
  }

  bool has_value() const { return value_.has_value(); }
  explicit operator bool() const { return has_value(); }

  Value& value() & { return assert(has_value()), *value_; }
  const Value& value() const& { return assert(has_value()), *value_; }
  Value&& value() && { return assert(has_value()), std::move(*value_); }
  Value& operator*() & { return value(); }
  const Value& operator*() const& { return value(); }
  Value&& operator*() && { return std::move(*this).value(); }
  Value* operator->() { return &value(); }
  const Value* operator->() const { return &value(); }

  // Null where nobody refused anything.
  const Refusal* refusal() const { return refusal_ ? &*refusal_ : nullptr; }
  // Attempts that were made; with retry there may be several.
  int attempts() const { return attempts_; }

  void set_refusal(std::optional<Refusal> refusal) { refusal_ = refusal; }
  void set_attempts(int attempts) { attempts_ = attempts; }

 private:
  Outcome() = default;
  std::optional<Value> value_;
  std::optional<Refusal> refusal_;
  int attempts_ = 0;
};

}  // namespace stormlog::resilience

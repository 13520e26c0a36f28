#pragma once

#include <exception>
#include <type_traits>

#include "common/base/result.hpp"

namespace stormlog::resilience {

// What the result of a call means to its guards.
enum class Verdict {
  success,
  retriable,  // a failure; the same call may succeed later
  failed,     // a failure; another attempt would fail too, or do harm
  ignored,    // says nothing of the peer's health, as where the caller was wrong: not retried
};

// The verdict where a caller gives no judge of his own. bool, and classes that say by an explicit
// operator bool whether they hold a result (std::optional, std::unique_ptr, expected types): false
// is retriable. Result: as its error says. An exception is retriable. Anything else is a success.
struct DefaultJudge {
  template <typename T>
  Verdict operator()(const T& result) const {
    if constexpr (std::is_same_v<T, bool>) {
      return result ? Verdict::success : Verdict::retriable;
    } else if constexpr (std::is_class_v<T> && std::is_constructible_v<bool, const T&> &&
                         !std::is_convertible_v<const T&, bool>) {
      return static_cast<bool>(result) ? Verdict::success : Verdict::retriable;
    } else {
      return Verdict::success;
    }
  }
  template <typename T>
  Verdict operator()(const Result<T>& result) const {
    if (result.ok()) return Verdict::success;
    switch (result.error().kind) {
      case ErrorKind::retriable:
        return Verdict::retriable;
      case ErrorKind::permanent:
        return Verdict::ignored;
      case ErrorKind::fatal:
        break;
    }
    return Verdict::failed;
  }
  Verdict operator()(const std::exception_ptr&) const { return Verdict::retriable; }
};

}  // namespace stormlog::resilience

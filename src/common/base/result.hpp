#pragma once

#include <cassert>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace stormlog {

// What a caller can do about a failure.
enum class ErrorKind {
  retriable,  // the same call may succeed later: connection refused, time-out, overload
  permanent,  // the same call will fail again: bad input, unknown name, missing permission
  fatal,      // the object that failed must be rebuilt or the program ended
};

// An expected failure, as a value. `message` is for people and says where and what would be right;
// `code` is for programs (an errno name, an SQLSTATE, an HTTP status), and may be empty.
struct Error {
  ErrorKind kind = ErrorKind::permanent;
  std::string message;
  std::string code;

  static Error retriable(std::string message, std::string code = {}) {
    return {ErrorKind::retriable, std::move(message), std::move(code)};
  }
  static Error permanent(std::string message, std::string code = {}) {
    return {ErrorKind::permanent, std::move(message), std::move(code)};
  }
  static Error fatal(std::string message, std::string code = {}) {
    return {ErrorKind::fatal, std::move(message), std::move(code)};
  }

  // The same error with "`where`: " before its message.
  Error in(const std::string& where) const { return {kind, where + ": " + message, code}; }
};

// Either a T or an Error. Expected failures are returned; bugs are assertions or exceptions.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & { return assert(ok()), std::get<0>(state_); }
  const T& value() const& { return assert(ok()), std::get<0>(state_); }
  T&& value() && { return assert(ok()), std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const { return assert(!ok()), std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT: implicit

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Error& error() const { return assert(!ok()), *error_; }

 private:
  std::optional<Error> error_;
};

}  // namespace stormlog

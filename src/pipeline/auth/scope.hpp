#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace stormlog::pipeline {

// What a token may do. None includes another: who may change breakers need not read logs.
enum class Scope : std::uint8_t {
  read = 1,   // GET of events, the tail
  write = 2,  // send events
  admin = 4,  // everything under /admin
};

class Scopes {
 public:
  Scopes() = default;
  Scopes(std::initializer_list<Scope> scopes) {
    for (const Scope scope : scopes) add(scope);
  }
  void add(Scope scope) { bits_ |= static_cast<std::uint8_t>(scope); }
  bool has(Scope scope) const { return (bits_ & static_cast<std::uint8_t>(scope)) != 0; }
  bool empty() const { return bits_ == 0; }
  bool operator==(const Scopes&) const = default;

 private:
  std::uint8_t bits_ = 0;
};

inline constexpr Scope kAllScopes[] = {Scope::read, Scope::write, Scope::admin};

std::string_view to_string(Scope scope);
std::optional<Scope> parse_scope(std::string_view text);
std::string to_string(Scopes scopes);  // "read, write"

}  // namespace stormlog::pipeline

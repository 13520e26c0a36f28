#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/base/result.hpp"

namespace stormlog::proxy {

using AttributeValue = std::variant<std::int64_t, double, std::string>;

// One attribute of a toxic: the only place that says its type, default, bounds and meaning.
struct AttributeSpec {
  std::string name;
  AttributeValue fallback;  // its alternative is the attribute's type
  std::string unit;         // "ms", "KB/s", "" for none
  std::string summary;
  std::optional<double> least;
  std::optional<double> most;
  std::vector<std::string> choices;  // of a text
  // Of one of Toxiproxy's own types, but not known there: shown only where it is not the default.
  bool own = false;
};

// The attributes of one toxic, complete and checked: every one that its type knows is there.
//
// Threads: a value; safe to read from several threads.
class Attributes {
 public:
  explicit Attributes(const std::vector<AttributeSpec>& specs);

  std::int64_t integer(const std::string& name) const;
  double number(const std::string& name) const;
  const std::string& text(const std::string& name) const;
  // `name` is one of the type's. An integer is accepted for a number.
  // Errors: permanent, naming the attribute and what it takes; nothing changed then.
  Result<void> set(const AttributeSpec& spec, AttributeValue value);
  const std::map<std::string, AttributeValue>& all() const { return values_; }
  friend bool operator==(const Attributes&, const Attributes&) = default;

 private:
  std::map<std::string, AttributeValue> values_;
};

// "an integer", "a number" or "a text".
std::string type_of(const AttributeSpec& spec);

}  // namespace stormlog::proxy

#include "proxy/toxic/attributes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace stormlog::proxy {
namespace {

double as_number(const AttributeValue& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return static_cast<double>(*integer);
  return std::get<double>(value);
}

std::string bounds(const AttributeSpec& spec) {
  if (spec.least && spec.most) return fmt::format("from {} to {}", *spec.least, *spec.most);
  if (spec.least) return fmt::format("at least {}", *spec.least);
  return fmt::format("at most {}", *spec.most);
}

}  // namespace

Attributes::Attributes(const std::vector<AttributeSpec>& specs) {
  for (const auto& spec : specs) values_[spec.name] = spec.fallback;
}

std::int64_t Attributes::integer(const std::string& name) const {
  return std::get<std::int64_t>(values_.at(name));
}

double Attributes::number(const std::string& name) const {
  return std::get<double>(values_.at(name));
}

const std::string& Attributes::text(const std::string& name) const {
  return std::get<std::string>(values_.at(name));
}

Result<void> Attributes::set(const AttributeSpec& spec, AttributeValue value) {
  if (std::holds_alternative<double>(spec.fallback) && std::holds_alternative<std::int64_t>(value))
    value = as_number(value);
  if (value.index() != spec.fallback.index()) {
    return Error::permanent(fmt::format("attribute \"{}\" must be {}", spec.name, type_of(spec)));
  }
  if (const auto* text = std::get_if<std::string>(&value)) {
    if (!spec.choices.empty() &&
        std::find(spec.choices.begin(), spec.choices.end(), *text) == spec.choices.end()) {
      return Error::permanent(fmt::format("attribute \"{}\" must be one of {}, not \"{}\"",
                                          spec.name, fmt::join(spec.choices, ", "), *text));
    }
  } else {
    const double number = as_number(value);
    const bool outside = !std::isfinite(number) || (spec.least && number < *spec.least) ||
                         (spec.most && number > *spec.most);
    if (outside) {
      return Error::permanent(
          fmt::format("attribute \"{}\" must be {}, not {}", spec.name, bounds(spec), number));
    }
  }
  values_[spec.name] = std::move(value);
  return {};
}

std::string type_of(const AttributeSpec& spec) {
  switch (spec.fallback.index()) {
    case 0:
      return "an integer";
    case 1:
      return "a number";
    default:
      return "a text";
  }
}

}  // namespace stormlog::proxy

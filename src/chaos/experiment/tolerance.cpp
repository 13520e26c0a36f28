#include "chaos/experiment/tolerance.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <regex>

#include "common/base/suggest.hpp"
#include "common/base/units.hpp"

namespace stormlog::chaos {
namespace {

using Json = nlohmann::ordered_json;
using document::Node;

// What the probes return; beyond them the operators, for "did you mean" alone.
const std::vector<std::string> kMembers = {"value",  "status", "body",    "json",    "running",
                                           "state",  "pid",    "rows",    "min",     "max",
                                           "equals", "one_of", "matches", "contains"};
const std::vector<std::string> kOperators = {"min",    "max",     "equals",
                                             "one_of", "matches", "contains"};

// The typed reading of a YAML scalar: quoted is text, else boolean, number or text.
Json scalar_value(const Node& node) {
  if (node.is_null()) return nullptr;
  if (!node.quoted) {
    if (node.scalar == "true") return true;
    if (node.scalar == "false") return false;
    if (const auto number = units::parse_double(node.scalar); number.ok()) return *number;
  }
  return node.scalar;
}

bool equal(const Json& seen, const Json& expected) {
  if (seen.is_number() && expected.is_number()) {
    return seen.get<double>() == expected.get<double>();
  }
  return seen == expected;
}

std::string show(const Json& value) {
  constexpr std::size_t kLongest = 120;
  std::string text = value.is_string() ? value.get<std::string>() : value.dump();
  if (text.size() > kLongest) text = text.substr(0, kLongest) + "…";
  return text;
}

}  // namespace

struct Tolerance::Condition {
  std::string member;
  std::optional<Json::json_pointer> pointer;  // into the JSON of member "body"
  std::optional<double> min;
  std::optional<double> max;
  std::vector<Json> one_of;
  std::optional<std::regex> matches;
  std::optional<std::string> contains;

  // The judged part of a probe's value; empty when it is not there.
  std::optional<Json> part(const Json& value) const {
    if (!pointer) {
      const auto found = value.find(member);
      return found == value.end() ? std::nullopt : std::optional<Json>(*found);
    }
    const auto body = value.find("body");
    if (body == value.end() || !body->is_string()) return std::nullopt;
    const Json document = Json::parse(body->get<std::string>(), nullptr, false);
    if (document.is_discarded() || !document.contains(*pointer)) return std::nullopt;
    return document.at(*pointer);
  }

  std::string label() const { return pointer ? pointer->to_string() : member; }

  bool holds(const Json& value) const {
    const std::optional<Json> seen = part(value);
    if (!seen) return false;
    if (min || max) {
      if (!seen->is_number()) return false;
      const double number = seen->get<double>();
      // NaN holds no bound: written so that it fails both.
      if (min && !(number >= *min)) return false;
      if (max && !(number <= *max)) return false;
    }
    if (!one_of.empty()) {
      bool any = false;
      for (const Json& expected : one_of) any = any || equal(*seen, expected);
      if (!any) return false;
    }
    const std::string text = seen->is_string() ? seen->get<std::string>() : seen->dump();
    if (matches && !std::regex_search(text, *matches)) return false;
    return !contains || text.find(*contains) != std::string::npos;
  }
};

namespace {

std::optional<double> number_of(const Node& node, document::Diagnostics& diagnostics) {
  const auto number = units::parse_double(node.is_scalar() ? node.scalar : "");
  if (number.ok()) return *number;
  // Durations are compared in seconds, as Prometheus has them: {max: 250ms}.
  const auto duration = units::parse_duration(node.is_scalar() ? node.scalar : "");
  if (duration.ok()) return static_cast<double>(duration->count()) / 1e9;
  diagnostics.error(
      node, "expected a number or a duration, not " +
                (node.is_scalar() ? "\"" + node.scalar + "\"" : std::string(kind_name(node))));
  return std::nullopt;
}

}  // namespace

void Tolerance::parse_member(const std::string& member, const Node& node,
                             document::Diagnostics& diagnostics, Tolerance& into) {
  auto condition = std::make_shared<Condition>();
  if (member.starts_with('/')) {
    try {
      condition->pointer = Json::json_pointer(member);
    } catch (const nlohmann::json::exception&) {
      diagnostics.error(node, "\"" + member + "\" is not a JSON pointer (RFC 6901)");
      return;
    }
  }
  condition->member = member;
  if (node.is_scalar() || node.is_null()) {
    condition->one_of.push_back(scalar_value(node));
  } else if (node.is_list()) {
    for (const Node& item : node.items) condition->one_of.push_back(scalar_value(item));
    if (node.items.empty()) diagnostics.error(node, "an empty list can never hold");
  } else {
    for (const auto& [key, operand] : node.entries) {
      if (key.scalar == "min") {
        condition->min = number_of(operand, diagnostics);
      } else if (key.scalar == "max") {
        condition->max = number_of(operand, diagnostics);
      } else if (key.scalar == "equals") {
        condition->one_of.push_back(scalar_value(operand));
      } else if (key.scalar == "one_of") {
        if (!operand.is_list() || operand.items.empty()) {
          diagnostics.error(operand, "one_of expects a list of values");
        }
        for (const Node& item : operand.items) condition->one_of.push_back(scalar_value(item));
      } else if (key.scalar == "matches") {
        try {
          condition->matches = std::regex(operand.scalar, std::regex::ECMAScript);
        } catch (const std::regex_error& e) {
          diagnostics.error(operand, "not a regular expression: " + std::string(e.what()));
        }
      } else if (key.scalar == "contains") {
        condition->contains = operand.scalar;
      } else {
        diagnostics.error(
            key, "unknown condition \"" + key.scalar + "\"" + did_you_mean(key.scalar, kOperators));
      }
    }
    if (node.entries.empty()) diagnostics.error(node, "an empty condition holds always; remove it");
  }
  into.conditions_.push_back(std::move(condition));
}

namespace {

std::string written(const Node& node) {
  if (node.is_list()) {
    std::string text = "[";
    for (const Node& item : node.items) text += (text.size() > 1 ? ", " : "") + written(item);
    return text + "]";
  }
  if (node.is_map()) {
    std::string text = "{";
    for (const auto& [key, value] : node.entries) {
      text += (text.size() > 1 ? ", " : "") + key.scalar + ": " + written(value);
    }
    return text + "}";
  }
  return node.is_null() ? "null" : node.quoted ? Json(node.scalar).dump() : node.scalar;
}

}  // namespace

Tolerance Tolerance::parse(const Node& expect, document::Diagnostics& diagnostics) {
  Tolerance tolerance;
  tolerance.text_ = written(expect);
  if (!expect.is_map()) {
    diagnostics.error(expect, "expect must be a map such as {status: 200} or {max: 5000}, not " +
                                  std::string(kind_name(expect)));
    return tolerance;
  }
  if (expect.entries.empty()) {
    diagnostics.error(expect, "expect is empty: nothing would be judged");
    return tolerance;
  }
  // min, max, equals… on the top level are about `value`.
  Node about_value;
  about_value.kind = Node::Kind::map;
  about_value.file = expect.file;
  about_value.line = expect.line;
  for (const auto& [key, node] : expect.entries) {
    const std::string& name = key.scalar;
    if (std::find(kOperators.begin(), kOperators.end(), name) != kOperators.end()) {
      about_value.entries.push_back({key, node});
    } else if (name == "json") {
      if (!node.is_map()) {
        diagnostics.error(node, "json expects a map from JSON pointers to conditions");
        continue;
      }
      for (const auto& [pointer, condition] : node.entries) {
        if (!pointer.scalar.starts_with('/')) {
          diagnostics.error(pointer, "\"" + pointer.scalar +
                                         "\" is not a JSON pointer: it must begin with \"/\"");
          continue;
        }
        parse_member(pointer.scalar, condition, diagnostics, tolerance);
      }
    } else if (std::find(kMembers.begin(), kMembers.end(), name) != kMembers.end()) {
      parse_member(name, node, diagnostics, tolerance);
    } else {
      diagnostics.error(key,
                        "unknown member \"" + name + "\" in expect" + did_you_mean(name, kMembers));
    }
  }
  if (!about_value.entries.empty()) parse_member("value", about_value, diagnostics, tolerance);
  return tolerance;
}

bool Tolerance::holds(const Json& value) const {
  for (const auto& condition : conditions_) {
    if (!condition->holds(value)) return false;
  }
  return !conditions_.empty();
}

std::string Tolerance::seen(const Json& value) const {
  std::string text;
  for (const auto& condition : conditions_) {
    const std::optional<Json> part = condition->part(value);
    text += (text.empty() ? "" : ", ") + condition->label() + " " + (part ? show(*part) : "absent");
  }
  return text;
}

}  // namespace stormlog::chaos

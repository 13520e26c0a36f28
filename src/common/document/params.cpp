#include "common/document/params.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "common/base/suggest.hpp"
#include "common/base/units.hpp"
#include "common/document/json.hpp"

namespace stormlog::document {
namespace {

using Value = ParamValue;

Error wrong_kind(const ParamSpec& spec, const Node& node) {
  return Error::permanent("must be " + std::string(to_string(spec.type)) + ", this is " +
                          std::string(kind_name(node)));
}

// YAML 1.1 also reads these as booleans; people write them, so a typed reading takes them all.
// Source: yaml.org/type/bool.html (without the single letters).
std::optional<bool> parse_boolean(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (text == "true" || text == "yes" || text == "on") return true;
  if (text == "false" || text == "no" || text == "off") return false;
  return std::nullopt;
}

std::string format_number(double value) {
  std::string text = nlohmann::json(value).dump();
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text;
}

// A bound as a user would write it; bounds of durations are seconds, of bytes bytes, of rates
// events a second.
std::string format_bound(ParamType type, double value) {
  switch (type) {
    case ParamType::duration:
      return units::format_duration(Nanoseconds{static_cast<Nanoseconds::rep>(value * 1e9)});
    case ParamType::bytes:
      return units::format_bytes(static_cast<std::uint64_t>(value));
    case ParamType::rate:
      return units::format_rate(value);
    default:
      return format_number(value);
  }
}

Result<void> check_bounds(const ParamSpec& spec, double value) {
  const bool low = spec.min && value < *spec.min;
  const bool high = spec.max && value > *spec.max;
  if (!low && !high) return {};
  std::string allowed;
  if (spec.min && spec.max) {
    allowed = format_bound(spec.type, *spec.min) + " to " + format_bound(spec.type, *spec.max);
  } else if (spec.min) {
    allowed = "at least " + format_bound(spec.type, *spec.min);
  } else {
    allowed = "at most " + format_bound(spec.type, *spec.max);
  }
  return Error::permanent("must be " + allowed);
}

template <typename T>
Result<Value> bounded(const ParamSpec& spec, const Result<T>& parsed, double measure_of_one) {
  if (!parsed.ok()) return parsed.error();
  double measure = 0;
  if constexpr (std::is_same_v<T, Nanoseconds>) {
    measure = static_cast<double>(parsed->count()) / measure_of_one;
  } else {
    measure = static_cast<double>(*parsed) / measure_of_one;
  }
  if (auto ok = check_bounds(spec, measure); !ok.ok()) return ok.error();
  if constexpr (std::is_same_v<T, std::uint64_t>) {
    return Value(static_cast<std::int64_t>(*parsed));
  } else {
    return Value(*parsed);
  }
}

Result<Value> read_scalar(const ParamSpec& spec, const std::string& text) {
  switch (spec.type) {
    case ParamType::integer:
      return bounded(spec, units::parse_int(text), 1);
    case ParamType::number:
      return bounded(spec, units::parse_double(text), 1);
    case ParamType::duration:
      return bounded(spec, units::parse_duration(text), 1e9);
    case ParamType::bytes:
      return bounded(spec, units::parse_bytes(text), 1);
    case ParamType::rate:
      return bounded(spec, units::parse_rate(text), 1);
    case ParamType::boolean:
      if (const auto value = parse_boolean(text)) return Value(*value);
      return Error::permanent("\"" + text + "\" is not true or false");
    default:
      break;
  }
  if (!spec.choices.empty() &&
      std::find(spec.choices.begin(), spec.choices.end(), text) == spec.choices.end()) {
    return Error::permanent("\"" + text + "\" is none of its values" +
                            did_you_mean(text, spec.choices));
  }
  return Value(text);
}

Result<Value> read_list(const ParamSpec& spec, const Node& node) {
  std::vector<std::string> texts;
  if (node.is_scalar()) {  // one word where a list is meant
    texts.push_back(node.scalar);
  } else if (node.is_list()) {
    for (const auto& item : node.items) {
      if (!item.is_scalar()) {
        return Error::permanent("must be a list of texts, one of them is " +
                                std::string(kind_name(item)));
      }
      texts.push_back(item.scalar);
    }
  } else {
    return wrong_kind(spec, node);
  }
  for (const auto& text : texts) {
    if (spec.choices.empty()) break;
    if (std::find(spec.choices.begin(), spec.choices.end(), text) == spec.choices.end()) {
      return Error::permanent("\"" + text + "\" is none of its values" +
                              did_you_mean(text, spec.choices));
    }
  }
  return Value(std::move(texts));
}

Result<Value> read_map(const ParamSpec& spec, const Node& node) {
  if (!node.is_map()) return wrong_kind(spec, node);
  TextMap map;
  for (const auto& [name, value] : node.entries) {
    if (!value.is_scalar() && !value.is_null()) {
      return Error::permanent("must be a map of names to texts, of \"" + name.scalar + "\" it is " +
                              std::string(kind_name(value)));
    }
    map.emplace_back(name.scalar, value.scalar);
  }
  return Value(std::move(map));
}

Result<Value> read_value(const ParamSpec& spec, const Node& node) {
  if (spec.type == ParamType::node) return Value(node);
  if (node.is_null()) return Error::permanent("has no value");
  if (spec.type == ParamType::text_list) return read_list(spec, node);
  if (spec.type == ParamType::text_map) return read_map(spec, node);
  if (!node.is_scalar()) return wrong_kind(spec, node);
  return read_scalar(spec, node.scalar);
}

// A default is written as a user would write it: text, or YAML for lists, maps and nodes.
Result<Node> node_of(const ParamSpec& spec, const std::string& text, const std::string& name) {
  const bool is_yaml = spec.type == ParamType::node || spec.type == ParamType::text_map ||
                       (spec.type == ParamType::text_list && text.starts_with('['));
  if (is_yaml) return parse_yaml(text, name);
  Node node;
  node.kind = Node::Kind::scalar;
  node.scalar = text;
  if (spec.type != ParamType::text_list) return node;
  Node list;
  list.kind = Node::Kind::list;
  std::size_t at = 0;
  while (true) {
    const std::size_t comma = text.find(',', at);
    node.scalar = text.substr(at, comma == std::string::npos ? comma : comma - at);
    list.items.push_back(node);
    if (comma == std::string::npos) return list;
    at = comma + 1;
  }
}

template <typename T>
const T& get_as(const std::map<std::string, Value>& values, const std::string& name) {
  const auto found = values.find(name);
  const T* value = found == values.end() ? nullptr : std::get_if<T>(&found->second);
  // A bug of the caller: without has(), with another type than the spec's, or misspelt.
  if (value == nullptr) throw std::logic_error("parameter \"" + name + "\" read, but not so given");
  return *value;
}

}  // namespace

std::string_view to_string(ParamType type) {
  switch (type) {
    case ParamType::text:
      return "text";
    case ParamType::integer:
      return "a whole number";
    case ParamType::number:
      return "a number";
    case ParamType::boolean:
      return "true or false";
    case ParamType::duration:
      return "a duration";
    case ParamType::bytes:
      return "a size in bytes";
    case ParamType::rate:
      return "a rate";
    case ParamType::text_list:
      return "a list of texts";
    case ParamType::text_map:
      return "a map of names to texts";
    case ParamType::node:
      break;
  }
  return "a YAML value";
}

bool Params::has(const std::string& name) const {
  return values_.contains(name);
}

const std::string& Params::text(const std::string& name) const {
  return get_as<std::string>(values_, name);
}
std::int64_t Params::integer(const std::string& name) const {
  return get_as<std::int64_t>(values_, name);
}
double Params::number(const std::string& name) const {
  return get_as<double>(values_, name);
}
bool Params::boolean(const std::string& name) const {
  return get_as<bool>(values_, name);
}
Nanoseconds Params::duration(const std::string& name) const {
  return get_as<Nanoseconds>(values_, name);
}
std::uint64_t Params::bytes(const std::string& name) const {
  return static_cast<std::uint64_t>(get_as<std::int64_t>(values_, name));
}
double Params::rate(const std::string& name) const {
  return get_as<double>(values_, name);
}
const std::vector<std::string>& Params::text_list(const std::string& name) const {
  return get_as<std::vector<std::string>>(values_, name);
}
const TextMap& Params::text_map(const std::string& name) const {
  return get_as<TextMap>(values_, name);
}
const Node& Params::node(const std::string& name) const {
  return get_as<Node>(values_, name);
}

nlohmann::ordered_json Params::to_json() const {
  auto json = nlohmann::ordered_json::object();
  for (const auto& [name, written] : written_) {
    json[name] = nlohmann::ordered_json::parse(written);
  }
  return json;
}

Params parse_params(const Node& map, const std::vector<ParamSpec>& specs,
                    const std::vector<std::string>& other_keys, const std::string& what,
                    Diagnostics& diagnostics) {
  Params params;
  if (!map.is_map() && !map.is_null()) {
    diagnostics.error(
        map, what + " must be a map of parameters, this is " + std::string(kind_name(map)));
    return params;
  }
  std::vector<std::string> known = other_keys;
  for (const auto& spec : specs) known.push_back(spec.name);
  for (const auto& [key, value] : map.entries) {
    if (std::find(known.begin(), known.end(), key.scalar) == known.end()) {
      diagnostics.error(
          key, what + ": unknown key \"" + key.scalar + "\"" + did_you_mean(key.scalar, known));
    }
  }
  for (const auto& spec : specs) {
    if (const Node* given = map.find(spec.name); given != nullptr) {
      auto value = read_value(spec, *given);
      if (value.ok()) {
        params.values_.emplace(spec.name, std::move(*value));
        params.written_[spec.name] = document::to_json(*given).dump(
            -1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
      } else {
        diagnostics.error(*given, what + ": \"" + spec.name + "\": " + value.error().message);
      }
    } else if (!spec.default_text.empty()) {
      auto node = node_of(spec, spec.default_text, "default of " + spec.name);
      if (!node.ok()) throw std::logic_error("bad default: " + node.error().message);
      auto value = read_value(spec, *node);
      if (!value.ok()) {
        throw std::logic_error("bad default of \"" + spec.name + "\": " + value.error().message);
      }
      params.values_.emplace(spec.name, std::move(*value));
    } else if (spec.required) {
      diagnostics.error(map, what + " needs \"" + spec.name + "\": " + spec.description);
    }
  }
  return params;
}

Result<Params> parse_params(const std::vector<std::string>& words,
                            const std::vector<ParamSpec>& specs, const std::string& what) {
  Diagnostics diagnostics;
  Node map;
  map.kind = Node::Kind::map;
  for (const auto& word : words) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0) {
      diagnostics.error("", what + ": \"" + word + "\" is not key=value");
      continue;
    }
    Node key;
    key.kind = Node::Kind::scalar;
    key.scalar = word.substr(0, equals);
    if (map.find(key.scalar) != nullptr) {
      diagnostics.error("", what + ": \"" + key.scalar + "\" is given twice");
      continue;
    }
    const auto spec = std::find_if(specs.begin(), specs.end(),
                                   [&](const ParamSpec& s) { return s.name == key.scalar; });
    auto value = node_of(spec == specs.end() ? ParamSpec{} : *spec, word.substr(equals + 1), word);
    if (!value.ok()) {
      diagnostics.error("", value.error().message);
      continue;
    }
    map.entries.push_back({std::move(key), std::move(*value)});
  }
  Params params = parse_params(map, specs, {}, what, diagnostics);
  if (!diagnostics.ok()) return Error::permanent(diagnostics.text());
  return params;
}

}  // namespace stormlog::document

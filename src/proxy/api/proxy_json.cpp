#include "proxy/api/proxy_json.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>

#include "common/base/suggest.hpp"

namespace stormlog::proxy {
namespace {

Error bad(const std::string& message) {
  return Error::permanent(message, "400");
}
Error bad_body(const std::string& why) {
  return bad("bad request body: " + why);
}
Error missing(const char* field) {
  return bad(std::string("missing required field: ") + field);
}

bool same_key(const std::string& a, const std::string& b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return std::tolower(static_cast<unsigned char>(x)) ==
                  std::tolower(static_cast<unsigned char>(y));
         });
}

// Null when it is absent, or null itself.
const Json* field(const Json& body, const std::string& key) {
  const auto exact = body.find(key);
  if (exact != body.end()) return exact->is_null() ? nullptr : &*exact;
  for (auto one = body.begin(); one != body.end(); ++one) {
    if (same_key(one.key(), key)) return one->is_null() ? nullptr : &*one;
  }
  return nullptr;
}

std::string kind_of(const Json& value) {
  if (value.is_string()) return "a string";
  if (value.is_boolean()) return "a boolean";
  if (value.is_number_integer()) return "the integer " + value.dump();
  if (value.is_number()) return "the number " + value.dump();
  if (value.is_array()) return "an array";
  if (value.is_object()) return "an object";
  return "null";
}

Error wrong_type(const std::string& key, const Json& value, const std::string& wanted) {
  return bad_body("\"" + key + "\" must be " + wanted + ", not " + kind_of(value));
}

Result<void> read_text(const Json& body, const char* key, std::string& into) {
  const Json* value = field(body, key);
  if (value == nullptr) return {};
  if (!value->is_string()) return wrong_type(key, *value, "a string");
  into = value->get<std::string>();
  return {};
}

Result<void> read_seed(const Json& body, std::optional<std::uint64_t>& into) {
  const Json* value = field(body, "seed");
  if (value == nullptr) return {};
  if (!value->is_number_unsigned()) return wrong_type("seed", *value, "an integer from 0 on");
  into = value->get<std::uint64_t>();
  return {};
}

Result<void> read_toxicity(const Json& body, double& into) {
  const Json* value = field(body, "toxicity");
  if (value == nullptr) return {};
  if (!value->is_number()) return wrong_type("toxicity", *value, "a number from 0 to 1");
  const double number = value->get<double>();
  if (!(number >= 0 && number <= 1)) {
    return wrong_type("toxicity", *value, "a number from 0 to 1");
  }
  into = number;
  return {};
}

Result<AttributeValue> value_of(const AttributeSpec& spec, const Json& value) {
  const auto wrong = [&] { return wrong_type("attributes." + spec.name, value, type_of(spec)); };
  if (std::holds_alternative<std::int64_t>(spec.fallback)) {
    constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    const bool fits = value.is_number_integer() &&
                      (!value.is_number_unsigned() || value.get<std::uint64_t>() <= kMost);
    if (!fits) return wrong();
    return AttributeValue{value.get<std::int64_t>()};
  }
  if (std::holds_alternative<double>(spec.fallback)) {
    if (!value.is_number()) return wrong();
    return AttributeValue{value.get<double>()};
  }
  if (!value.is_string()) return wrong();
  return AttributeValue{value.get<std::string>()};
}

// Over what `attributes` holds.
Result<Attributes> read_attributes(const Json& body, const ToxicType& type, Attributes attributes) {
  static const Json kNone = Json::object();
  const Json* given = field(body, "attributes");
  if (given == nullptr) given = &kNone;
  if (!given->is_object()) return wrong_type("attributes", *given, "an object");
  std::vector<std::string> names;
  for (const auto& spec : type.attributes) names.push_back(spec.name);
  for (auto one = given->begin(); one != given->end(); ++one) {
    const auto spec =
        std::find_if(type.attributes.begin(), type.attributes.end(),
                     [&](const auto& known) { return same_key(known.name, one.key()); });
    if (spec == type.attributes.end()) {
      if (type.toxiproxy) continue;
      return bad_body("a toxic of type " + type.name + " has no attribute \"" + one.key() + "\"" +
                      did_you_mean(one.key(), names));
    }
    if (one->is_null()) continue;
    auto value = value_of(*spec, *one);
    if (!value.ok()) return value.error();
    if (auto set = attributes.set(*spec, *value); !set.ok()) return bad_body(set.error().message);
  }
  const std::string conflict = type.conflict == nullptr ? "" : type.conflict(attributes);
  if (!conflict.empty()) return bad_body(conflict);
  return attributes;
}

Result<Stream> read_stream(const std::string& text) {
  for (const Stream stream : {Stream::upstream, Stream::downstream}) {
    if (same_key(text, std::string(to_string(stream)))) return stream;
  }
  return bad("stream was invalid, can be either upstream or downstream");
}

Error no_such_type(const std::string& type) {
  std::vector<std::string> names;
  for (const ToxicType* known : toxic_types()) names.push_back(known->name);
  return bad("invalid toxic type: \"" + type + "\"" + did_you_mean(type, names));
}

Json attributes_json(const Toxic& toxic) {
  Json json = Json::object();
  for (const auto& spec : toxic.type->attributes) {
    const AttributeValue& value = toxic.attributes.all().at(spec.name);
    if (spec.own && value == spec.fallback) continue;
    std::visit([&](const auto& plain) { json[spec.name] = plain; }, value);
  }
  return json;
}

// 1 and not 1.0, as Go writes it.
Json number_json(double number) {
  if (number == std::floor(number)) return static_cast<std::int64_t>(number);
  return number;
}

}  // namespace

Result<Json> parse_json(std::string_view body) {
  try {
    return Json::parse(body);
  } catch (const Json::parse_error& error) {
    const std::string what = error.what();
    const std::size_t text = what.find("parse error");
    return bad_body(body.empty() ? "EOF" : text == std::string::npos ? what : what.substr(text));
  } catch (const Json::out_of_range& error) {
    // A number beyond what a double holds, such as 1e309.
    const std::string what = error.what();
    return bad_body(what.substr(std::min(what.size(), what.find("number overflow"))));
  }
}

Json to_json(const Toxic& toxic) {
  Json json{{"attributes", attributes_json(toxic)},
            {"name", toxic.name},
            {"type", toxic.type->name},
            {"stream", to_string(toxic.stream)},
            {"toxicity", number_json(toxic.toxicity)}};
  if (toxic.seed) json["seed"] = *toxic.seed;
  return json;
}

Json to_json(const Toxics& toxics) {
  Json list = Json::array();
  for (const auto& toxic : toxics) list.push_back(to_json(*toxic));
  return list;
}

Json to_json(const Proxy& proxy) {
  return {{"name", proxy.name},         {"listen", proxy.listen},
          {"upstream", proxy.upstream}, {"enabled", proxy.enabled()},
          {"seed", proxy.seed},         {"toxics", to_json(proxy.toxics)}};
}

Result<ProxyInput> read_proxy(const Json& body, ProxyInput input, bool name_too) {
  if (body.is_null()) return input;
  if (!body.is_object()) return bad_body("a proxy must be an object, not " + kind_of(body));
  std::string name;
  for (auto& [key, into] :
       {std::pair{"name", &name}, {"listen", &input.listen}, {"upstream", &input.upstream}}) {
    if (auto read = read_text(body, key, *into); !read.ok()) return read.error();
  }
  if (name_too) input.name = name;
  if (const Json* enabled = field(body, "enabled"); enabled != nullptr) {
    if (!enabled->is_boolean()) return wrong_type("enabled", *enabled, "a boolean");
    input.enabled = enabled->get<bool>();
  }
  if (auto read = read_seed(body, input.seed); !read.ok()) return read.error();
  return input;
}

Result<ProxyInput> read_new_proxy(const Json& body) {
  auto input = read_proxy(body, {}, true);
  if (!input.ok()) return input;
  if (input->name.empty()) return missing("name");
  if (input->upstream.empty()) return missing("upstream");
  return input;
}

Result<std::vector<ProxyInput>> read_proxies(const Json& body) {
  if (body.is_null()) return std::vector<ProxyInput>{};
  if (!body.is_array()) {
    return bad_body("a list of proxies must be an array, not " + kind_of(body));
  }
  std::vector<ProxyInput> inputs;
  for (const auto& one : body) {
    auto input = read_new_proxy(one);
    if (!input.ok()) {
      return bad(input.error().message + " at proxy " + std::to_string(inputs.size() + 1));
    }
    inputs.push_back(std::move(*input));
  }
  return inputs;
}

Result<CanaryInput> read_canary(const Json& body) {
  if (!body.is_object()) return bad_body("a canary must be an object, not " + kind_of(body));
  CanaryInput canary;
  for (auto& [key, into] : {std::pair{"client", &canary.client}, {"upstream", &canary.upstream}}) {
    std::string text;
    if (auto read = read_text(body, key, text); !read.ok()) return read.error();
    if (text.empty()) return missing(key);
    const auto found = literal_address(text);
    if (found.empty()) {
      return bad_body(std::string("\"") + key +
                      "\" must be an address and port, such as 127.0.0.1:41234, not \"" + text +
                      "\"");
    }
    *into = found.front();
  }
  return canary;
}

Result<Toxic> read_new_toxic(const Json& body, const Toxics& present, std::uint64_t id) {
  if (!body.is_object()) return bad_body("a toxic must be an object, not " + kind_of(body));
  std::string name;
  std::string type;
  std::string stream_name = "downstream";
  double toxicity = 1;
  for (auto& [key, into] : {std::pair{"name", &name}, {"type", &type}, {"stream", &stream_name}}) {
    if (auto read = read_text(body, key, *into); !read.ok()) return read.error();
  }
  if (auto read = read_toxicity(body, toxicity); !read.ok()) return read.error();
  const auto stream = read_stream(stream_name);
  if (!stream.ok()) return stream.error();
  if (name.empty()) name = type + "_" + stream_name;
  const ToxicType* known = find_toxic_type(type);
  if (known == nullptr) return no_such_type(type);
  const bool taken = std::any_of(present.begin(), present.end(),
                                 [&](const auto& toxic) { return toxic->name == name; });
  if (taken) return Error::permanent("toxic already exists", "409");
  std::optional<std::uint64_t> seed;
  if (auto read = read_seed(body, seed); !read.ok()) return read.error();
  auto attributes = read_attributes(body, *known, Attributes(known->attributes));
  if (!attributes.ok()) return attributes.error();
  return Toxic{id, name, known, *stream, toxicity, std::move(*attributes), seed};
}

Result<Toxic> read_changed_toxic(const Json& body, const Toxic& toxic) {
  if (body.is_null()) return toxic;
  if (!body.is_object()) return bad_body("a toxic must be an object, not " + kind_of(body));
  double toxicity = toxic.toxicity;
  if (auto read = read_toxicity(body, toxicity); !read.ok()) return read.error();
  auto attributes = read_attributes(body, *toxic.type, toxic.attributes);
  if (!attributes.ok()) return attributes.error();
  Toxic changed = toxic;
  changed.toxicity = toxicity;
  changed.attributes = std::move(*attributes);
  return changed;
}

}  // namespace stormlog::proxy

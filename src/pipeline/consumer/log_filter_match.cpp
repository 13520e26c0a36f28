#include <simdjson.h>

#include <algorithm>
#include <charconv>

#include "common/base/units.hpp"
#include "pipeline/consumer/log_filter.hpp"

// The filter on an event as the cache keeps it.
namespace stormlog::pipeline {
namespace {

namespace ondemand = simdjson::ondemand;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool contains(std::string_view text, std::string_view wanted) {
  return std::search(text.begin(), text.end(), wanted.begin(), wanted.end(),
                     [](char a, char b) { return lower(a) == lower(b); }) != text.end();
}

// A number as sign, digits without zeros at either end, and exponent: 1, 1.0 and 10e-1 are one, as
// for PostgreSQL, however many digits they have.
struct Decimal {
  bool negative = false;
  std::string digits;
  std::int64_t exponent = 0;  // of the last digit

  explicit Decimal(std::string_view text) {
    negative = text.starts_with('-');
    if (negative) text.remove_prefix(1);
    const std::size_t e = text.find_first_of("eE");
    if (e != std::string_view::npos) {
      std::string_view power = text.substr(e + 1);
      if (power.starts_with('+')) power.remove_prefix(1);
      std::from_chars(power.data(), power.data() + power.size(), exponent);
      text = text.substr(0, e);
    }
    const std::size_t point = text.find('.');
    if (point != std::string_view::npos) {
      exponent -= static_cast<std::int64_t>(text.size() - point - 1);
    }
    for (const char c : text) {
      if (c != '.') digits += c;
    }
    digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
    while (digits.ends_with('0')) {
      digits.pop_back();
      ++exponent;
    }
    if (digits.empty()) {
      negative = false;
      exponent = 0;
    }
  }
  bool operator==(const Decimal&) const = default;
};

// One of a document's fields, in any order; false where it is not there.
template <typename T>
bool get(ondemand::document& document, const char* name, T& out) {
  document.rewind();
  return document.find_field_unordered(name).get(out) == simdjson::SUCCESS;
}

bool text_is(ondemand::document& document, const char* name, std::string_view wanted) {
  std::string_view text;
  return get(document, name, text) && text == wanted;
}

bool body_holds(ondemand::document& document, std::string_view wanted) {
  ondemand::value body;
  if (!get(document, "body", body)) return false;
  ondemand::json_type type{};
  if (body.type().get(type) != simdjson::SUCCESS) return false;
  std::string_view text;
  switch (type) {
    case ondemand::json_type::string:
      return body.get_string().get(text) == simdjson::SUCCESS && contains(text, wanted);
    case ondemand::json_type::object: {
      ondemand::object object;
      if (body.get_object().get(object) != simdjson::SUCCESS) return false;
      return object.raw_json().get(text) == simdjson::SUCCESS && contains(text, wanted);
    }
    case ondemand::json_type::array: {
      ondemand::array array;
      if (body.get_array().get(array) != simdjson::SUCCESS) return false;
      return array.raw_json().get(text) == simdjson::SUCCESS && contains(text, wanted);
    }
    default:
      text = body.raw_json_token();
      return contains(text, wanted);
  }
}

std::string_view trimmed(std::string_view token) {
  const std::size_t end = token.find_last_not_of(" \t\r\n");
  return token.substr(0, end == std::string_view::npos ? 0 : end + 1);
}

bool attribute_is(ondemand::document& document, const AttributeFilter& wanted) {
  ondemand::object attributes;
  if (!get(document, "attributes", attributes)) return false;
  for (auto field : attributes) {
    std::string_view key;
    ondemand::value value;
    if (field.unescaped_key().get(key) != simdjson::SUCCESS) return false;
    const bool found = key == wanted.key;
    if (field.value().get(value) != simdjson::SUCCESS) return false;
    if (!found) continue;
    ondemand::json_type type{};
    if (value.type().get(type) != simdjson::SUCCESS) return false;
    if (type == ondemand::json_type::string) {
      std::string_view text;
      return value.get_string().get(text) == simdjson::SUCCESS && text == wanted.text;
    }
    if (wanted.json.empty()) return false;
    const std::string_view token = trimmed(value.raw_json_token());
    const bool truth = wanted.json == "true" || wanted.json == "false";
    if (type == ondemand::json_type::boolean) return token == wanted.json;
    if (type != ondemand::json_type::number || truth) return false;
    return Decimal(token) == Decimal(wanted.json);
  }
  return false;
}

}  // namespace

bool LogFilter::matches(std::string_view json) const {
  thread_local ondemand::parser parser;
  const simdjson::padded_string padded(json);
  ondemand::document document;
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS) return false;
  if (service && !text_is(document, "service", *service)) return false;
  if (severity_at_least > 0) {
    std::int64_t number = 0;
    if (!get(document, "severity_number", number) || number < severity_at_least) return false;
  }
  if (!text.empty() && !body_holds(document, text)) return false;
  if (!trace_id.empty() && !text_is(document, "trace_id", trace_id)) return false;
  if (!span_id.empty() && !text_is(document, "span_id", span_id)) return false;
  return std::all_of(attributes.begin(), attributes.end(), [&](const AttributeFilter& attribute) {
    return attribute_is(document, attribute);
  });
}

}  // namespace stormlog::pipeline

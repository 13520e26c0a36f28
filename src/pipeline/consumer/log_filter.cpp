#include "pipeline/consumer/log_filter.hpp"

#include <simdjson.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/base/units.hpp"
#include "pipeline/event/json_text.hpp"
#include "pipeline/event/limits.hpp"
#include "pipeline/event/severity.hpp"

namespace stormlog::pipeline {
namespace {

Result<int> parse_severity(const std::string& text) {
  if (const int named = severity_number_of(text); named > 0) return named;
  const Result<std::int64_t> number = units::parse_int(text);
  if (number.ok() && *number >= 1 && *number <= 24) return static_cast<int>(*number);
  return Error::permanent("severity must be 1 to 24 or a name like INFO, WARN, ERROR; it is \"" +
                          text + "\"");
}

Result<std::string> parse_hex(const std::string& name, const std::string& text,
                              std::size_t digits) {
  const bool hex = std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  });
  if (!hex || text.size() != digits) {
    return Error::permanent(name + " must be " + std::to_string(digits) +
                            " hexadecimal digits; it is \"" + text + "\"");
  }
  std::string lower = text;
  for (char& c : lower) {
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

Result<AttributeFilter> parse_attribute(const std::string& name, const std::string& value) {
  AttributeFilter filter;
  filter.key = name.substr(name.find('.') + 1);
  if (filter.key.empty() || filter.key.size() > limits::kMaxNameBytes) {
    return Error::permanent(name + ": the attribute's name behind the dot must have 1 to " +
                            std::to_string(limits::kMaxNameBytes) + " bytes");
  }
  filter.text = value;
  if (value.starts_with('"')) {
    const nlohmann::json text = nlohmann::json::parse(value, nullptr, false);
    if (!text.is_string()) {
      return Error::permanent(name + ": what begins with a quote must be a JSON string; it is " +
                              value);
    }
    filter.text = text.get<std::string>();
    if (filter.text.find('\0') != std::string::npos) {
      return Error::permanent(name + " must not hold a NUL character");
    }
  } else if (value == "true" || value == "false" ||
             json_text::check_number(value) == json_text::NumberCheck::ok) {
    filter.json = value;
  }
  return filter;
}

// "{"key":value}" for jsonb's @>.
std::string as_object(const std::string& key, const std::string& json) {
  std::string out = "{";
  json_text::append_quoted(key, out);
  return out + ':' + json + '}';
}

bool is_utf8(const std::string& text) {
  return simdjson::validate_utf8(text.data(), text.size());
}

// What LIKE takes literally.
std::string like_pattern(const std::string& text) {
  std::string pattern = "%";
  for (const char c : text) {
    if (c == '%' || c == '_' || c == '\\') pattern += '\\';
    pattern += c;
  }
  return pattern + '%';
}

}  // namespace

std::string Statement::bind(postgres::Param value) {
  params.push_back(std::move(value));
  return "$" + std::to_string(params.size());
}

void Statement::where(const std::string& condition) {
  sql += (has_condition_ ? " AND " : " WHERE ") + condition;
  has_condition_ = true;
}

Result<bool> LogFilter::read(const std::string& name, const std::string& value) {
  if (name == "service") {
    service = value;
  } else if (name == "severity") {
    const Result<int> severity = parse_severity(value);
    if (!severity) return severity.error();
    severity_at_least = *severity;
  } else if (name == "trace_id" || name == "span_id") {
    Result<std::string> hex = parse_hex(name, value, name == "trace_id" ? 32 : 16);
    if (!hex) return hex.error();
    (name == "trace_id" ? trace_id : span_id) = std::move(*hex);
  } else if (name == "text") {
    if (value.empty() || value.size() > kMaxText) {
      return Error::permanent("text must have 1 to " + std::to_string(kMaxText) +
                              " bytes; it has " + std::to_string(value.size()));
    }
    text = value;
  } else if (name.starts_with("attr.")) {
    if (attributes.size() == kMaxAttributes) {
      return Error::permanent(name + ": at most " + std::to_string(kMaxAttributes) +
                              " attributes can be asked for");
    }
    Result<AttributeFilter> attribute = parse_attribute(name, value);
    if (!attribute) return attribute.error();
    attributes.push_back(std::move(*attribute));
  } else {
    return false;
  }
  return true;
}

void LogFilter::add_to(Statement& statement) const {
  if (service) statement.where("service = " + statement.bind(*service));
  if (severity_at_least > 0) {
    statement.where("severity_number >= " + statement.bind(severity_at_least));
  }
  if (!trace_id.empty()) statement.where("trace_id = " + statement.bind(trace_id));
  if (!span_id.empty()) statement.where("span_id = " + statement.bind(span_id));
  for (const AttributeFilter& attribute : attributes) {
    std::string quoted;
    json_text::append_quoted(attribute.text, quoted);
    std::string condition =
        "attributes @> " + statement.bind(as_object(attribute.key, quoted)) + "::jsonb";
    if (!attribute.json.empty()) {
      condition = "(" + condition + " OR attributes @> " +
                  statement.bind(as_object(attribute.key, attribute.json)) + "::jsonb)";
    }
    statement.where(condition);
  }
  // The collation makes it the same in every database, and an index that has it can serve.
  if (!text.empty()) {
    statement.where("body COLLATE \"C\" ILIKE " + statement.bind(like_pattern(text)));
  }
}

Result<void> check_params(const std::vector<std::pair<std::string, std::string>>& params) {
  for (std::size_t i = 0; i < params.size(); ++i) {
    const auto& [name, value] = params[i];
    if (!is_utf8(name)) return Error::permanent("a parameter's name is not UTF-8");
    for (std::size_t j = 0; j < i; ++j) {
      if (params[j].first == name) return Error::permanent(name + " is given twice");
    }
    if (name.find('\0') != std::string::npos || value.find('\0') != std::string::npos) {
      return Error::permanent(name.substr(0, name.find('\0')) + " must not hold a NUL character");
    }
    if (!is_utf8(value)) return Error::permanent(name + " is not UTF-8");
  }
  return {};
}

}  // namespace stormlog::pipeline

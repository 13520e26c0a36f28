#include "pipeline/event/json_walk.hpp"

#include <algorithm>
#include <charconv>

#include "pipeline/event/limits.hpp"

namespace stormlog::pipeline {

using simdjson::error_code;

std::string_view scalar_token(ondemand::value& value) {
  std::string_view token = value.raw_json_token();
  const std::size_t last = token.find_last_not_of(" \t\r\n");
  return token.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

json_text::RawString raw_string(ondemand::raw_json_string text) {
  return json_text::scan_string(text.raw());
}

bool at_end(ondemand::document& document) {
  const char* location = nullptr;
  return document.current_location().get(location) == simdjson::OUT_OF_BOUNDS;
}

error_code is_null_value(ondemand::value& value, bool& null) {
  ondemand::json_type type;
  if (const error_code error = value.type().get(type)) return error;
  null = type == ondemand::json_type::null;
  return null && scalar_token(value) != "null" ? simdjson::N_ATOM_ERROR : simdjson::SUCCESS;
}

void JsonWalk::begin_record() {
  error_.reset();
  names_.clear();
  attribute_names_.clear();
  decoded_names_.clear();
  members_ = 0;
}

void JsonWalk::refuse(std::string code, std::string_view field, std::string detail) {
  if (!error_) error_ = FieldError{std::move(code), std::string(field), std::move(detail)};
}

error_code JsonWalk::add_name(json_text::RawString name, std::string_view field,
                              std::string_view& decoded) {
  decoded = name.text;
  if (name.escaped) {
    std::string& text = decoded_names_.emplace_back();
    if (!json_text::decode(name, text)) return simdjson::STRING_ERROR;
    decoded = text;
  }
  if (name.text.size() > max_name_bytes_) {
    refuse("too_large", field,
           "a member's name is longer than " + std::to_string(max_name_bytes_) + " bytes");
  }
  if (++members_ > max_members_) {
    refuse("too_large", field,
           "the event has more than " + std::to_string(max_members_) + " members in all");
  } else {
    names_.push_back(decoded);
  }
  return simdjson::SUCCESS;
}

void JsonWalk::end_names(std::size_t begin, std::string_view field) {
  const auto first = names_.begin() + static_cast<std::ptrdiff_t>(begin);
  std::sort(first, names_.end());
  const auto twice = std::adjacent_find(first, names_.end());
  if (twice != names_.end()) {
    refuse("duplicate", field, "\"" + std::string(*twice) + "\" is given twice in one object");
  }
  names_.erase(first, names_.end());
}

error_code JsonWalk::copy_value(ondemand::value& value, int depth, std::string_view field,
                                std::string& out) {
  ondemand::json_type type;
  if (const error_code error = value.type().get(type)) return error;
  const bool nested = type == ondemand::json_type::object || type == ondemand::json_type::array;
  if (!nested) return copy_scalar(value, field, out);
  if (depth > limits::kMaxDepth) {
    refuse("too_deep", field,
           "values are nested deeper than " + std::to_string(limits::kMaxDepth) + " levels");
    return simdjson::SUCCESS;  // the iterator skips what is not read
  }
  return type == ondemand::json_type::object ? copy_object(value, depth, field, out)
                                             : copy_array(value, depth, field, out);
}

error_code JsonWalk::copy_object(ondemand::value& value, int depth, std::string_view field,
                                 std::string& out) {
  ondemand::object object;
  if (const error_code error = value.get_object().get(object)) return error;
  std::size_t count = 0;
  out += '{';
  if (const error_code error = copy_members(object, depth, field, out, count)) return error;
  out += '}';
  return simdjson::SUCCESS;
}

error_code JsonWalk::copy_members(ondemand::object& object, int depth, std::string_view field,
                                  std::string& out, std::size_t& count,
                                  std::vector<std::string_view>* names) {
  return for_each_member(
      object, field, [&](json_text::RawString raw, std::string_view name, ondemand::value& value) {
        if (names != nullptr) names->push_back(name);
        ++count;
        return copy_member(raw, value, depth + 1, field, out);
      });
}

error_code JsonWalk::copy_member(json_text::RawString name, ondemand::value& value, int depth,
                                 std::string_view field, std::string& out) {
  if (!out.empty() && out.back() != '{') out += ',';
  if (!json_text::append_clean(name, out)) return simdjson::STRING_ERROR;
  out += ':';
  return copy_value(value, depth, field, out);
}

error_code JsonWalk::copy_array(ondemand::value& value, int depth, std::string_view field,
                                std::string& out) {
  ondemand::array array;
  if (const error_code error = value.get_array().get(array)) return error;
  out += '[';
  bool first = true;
  for (auto element : array) {
    ondemand::value item;
    if (const error_code error = element.get(item)) return error;
    if (!first) out += ',';
    first = false;
    if (const error_code error = copy_value(item, depth + 1, field, out)) return error;
  }
  out += ']';
  return simdjson::SUCCESS;
}

error_code JsonWalk::copy_scalar(ondemand::value& value, std::string_view field, std::string& out) {
  ondemand::json_type type;
  if (const error_code error = value.type().get(type)) return error;
  if (type == ondemand::json_type::string) {
    ondemand::raw_json_string text;
    if (const error_code error = value.get_raw_json_string().get(text)) return error;
    return json_text::append_clean(raw_string(text), out) ? simdjson::SUCCESS
                                                          : simdjson::STRING_ERROR;
  }
  const std::string_view token = scalar_token(value);
  if (type == ondemand::json_type::number) {
    const json_text::NumberCheck check = json_text::check_number(token);
    if (check == json_text::NumberCheck::malformed) return simdjson::NUMBER_ERROR;
    if (check == json_text::NumberCheck::out_of_range) {
      refuse("invalid", field,
             "the number " + std::string(token.substr(0, 32)) +
                 " does not fit: write it as a string, or within a double and " +
                 std::to_string(limits::kMaxNumberChars) + " characters");
    }
  } else if (token != "true" && token != "false" && token != "null") {
    return simdjson::TAPE_ERROR;
  }
  out += token;
  return simdjson::SUCCESS;
}

error_code JsonWalk::read_text(ondemand::value& value, std::size_t limit, std::string_view field,
                               std::string& out) {
  ondemand::json_type type;
  if (const error_code error = value.type().get(type)) return error;
  if (type != ondemand::json_type::string) {
    refuse("invalid", field, std::string(field) + " must be a string");
    std::string ignored;
    return copy_value(value, 2, field, ignored);
  }
  ondemand::raw_json_string text;
  if (const error_code error = value.get_raw_json_string().get(text)) return error;
  if (!json_text::decode(raw_string(text), out)) return simdjson::STRING_ERROR;
  if (out.size() > limit) {
    refuse("too_large", field,
           std::string(field) + " is longer than " + std::to_string(limit) + " bytes");
  }
  return simdjson::SUCCESS;
}

error_code JsonWalk::read_integer(ondemand::value& value, std::string_view field,
                                  std::optional<std::int64_t>& out) {
  out.reset();
  std::string copy;
  if (const error_code error = copy_value(value, 2, field, copy)) return error;
  std::int64_t number = 0;
  const auto result = std::from_chars(copy.data(), copy.data() + copy.size(), number);
  if (result.ec != std::errc() || result.ptr != copy.data() + copy.size()) {
    refuse("invalid", field, std::string(field) + " must be a whole number of 64 bits");
    return simdjson::SUCCESS;
  }
  out = number;
  return simdjson::SUCCESS;
}

}  // namespace stormlog::pipeline

// One CloudEvent in binary mode: its context is in headers ce-*, its data are the body.
// Source: CloudEvents 1.0.2, HTTP Protocol Binding §3.1.
#include <algorithm>

#include "common/base/base64.hpp"
#include "pipeline/event/json_text.hpp"
#include "pipeline/event/json_walk.hpp"
#include "pipeline/format/cloud_event.hpp"
#include "pipeline/format/formats.hpp"
#include "pipeline/format/json_records.hpp"

namespace stormlog::pipeline {
namespace {

constexpr std::string_view kPrefix = "ce-";

// The attribute's name of a header "ce-…"; "" for others.
std::string attribute_name(std::string_view header) {
  const std::string name = http::lower_case(header);
  return name.rfind(kPrefix, 0) == 0 ? name.substr(kPrefix.size()) : std::string();
}

bool is_json(std::string_view media_type) {
  constexpr std::string_view kSuffix = "+json";
  return media_type.empty() || media_type == "application/json" || media_type == "text/json" ||
         (media_type.size() > kSuffix.size() &&
          media_type.substr(media_type.size() - kSuffix.size()) == kSuffix);
}

class CloudEventBinaryFormat final : public Format {
 public:
  Result<ParsedRecords> parse(std::string& body, const IngestContext& context) override;

 private:
  std::optional<FieldError> read_context(const http::Headers& headers, CloudEvent& event);
  Result<void> read_data(const http::Headers& headers, std::string& body, CloudEvent& event);
  simdjson::error_code copy_json(ondemand::document& document, std::size_t& values);
  Result<void> read_json(std::string& body);

  ondemand::parser parser_;
  JsonWalk walk_;
  EventFields fields_;
};

std::optional<FieldError> CloudEventBinaryFormat::read_context(const http::Headers& headers,
                                                               CloudEvent& event) {
  std::vector<std::string> seen;
  for (const auto& [header, text] : headers) {
    const std::string name = attribute_name(header);
    if (name.empty()) continue;
    if (name == "datacontenttype") {
      return FieldError{"invalid", name, "in binary mode Content-Type says it"};
    }
    if (std::find(seen.begin(), seen.end(), name) != seen.end()) {
      return FieldError{"duplicate", name, "the header ce-" + name + " is given twice"};
    }
    seen.push_back(name);
    const auto value = http::percent_decode(text, false);
    if (!value || !simdjson::validate_utf8(value->data(), value->size())) {
      return FieldError{"invalid", name, "the header ce-" + name + " is not percent-encoded UTF-8"};
    }
    if (auto error = event.set(name, *value)) return error;
  }
  const std::string_view type = headers.get("Content-Type");
  if (!type.empty()) {
    if (!simdjson::validate_utf8(type.data(), type.size())) {
      return FieldError{"invalid", "datacontenttype", "Content-Type is not UTF-8"};
    }
    if (auto error = event.set("datacontenttype", type)) return error;
  }
  return event.finish();
}

simdjson::error_code CloudEventBinaryFormat::copy_json(ondemand::document& document,
                                                       std::size_t& values) {
  ondemand::array array;
  if (const auto error = document.get_array().get(array)) return error;
  for (auto element : array) {
    ondemand::value value;
    if (const auto error = element.get(value)) return error;
    fields_.body.clear();
    ++values;
    if (const auto error = walk_.copy_value(value, 2, "data", fields_.body)) return error;
  }
  return at_end(document) ? simdjson::SUCCESS : simdjson::TRAILING_CONTENT;
}

// As the only element of an array: simdjson hands out any kind of value there, also a scalar.
Result<void> CloudEventBinaryFormat::read_json(std::string& body) {
  body.insert(body.begin(), '[');
  body += ']';
  ondemand::document document;
  if (const auto error = parser_.iterate(padded(body)).get(document)) {
    return malformed_json(error, nullptr, body);
  }
  std::size_t values = 0;
  if (const auto error = copy_json(document, values)) {
    return malformed_json(error, &document, body);
  }
  if (values == 1) return {};
  return malformed_json(values == 0 ? simdjson::EMPTY : simdjson::TRAILING_CONTENT, nullptr, body);
}

Result<void> CloudEventBinaryFormat::read_data(const http::Headers& headers, std::string& body,
                                               CloudEvent& event) {
  if (body.empty()) return {};
  if (is_json(http::media_type(headers.get("Content-Type")))) return read_json(body);
  if (simdjson::validate_utf8(body.data(), body.size())) {
    json_text::append_quoted(body, fields_.body);
    return {};
  }
  fields_.body = '"';
  append_base64(body, fields_.body);
  fields_.body += '"';
  event.note_base64();
  return {};
}

Result<ParsedRecords> CloudEventBinaryFormat::parse(std::string& body,
                                                    const IngestContext& context) {
  ParsedRecords records;
  records.single = true;
  RecordWriter writer(records, context, body.size());
  fields_.clear();
  walk_.begin_record();
  CloudEvent event(fields_);
  static const http::Headers kNone;
  const http::Headers& headers = context.headers != nullptr ? *context.headers : kNone;
  auto refusal = read_context(headers, event);
  const auto data = read_data(headers, body, event);
  if (!data.ok()) return data.error();
  if (!refusal) refusal = walk_.error();
  if (refusal) {
    writer.refuse(*std::move(refusal));
  } else {
    writer.add(fields_);
  }
  return records;
}

}  // namespace

std::unique_ptr<Format> cloud_event_binary_format() {
  return std::make_unique<CloudEventBinaryFormat>();
}

}  // namespace stormlog::pipeline

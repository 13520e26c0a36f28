// CloudEvents in structured mode: one as a JSON object, or a batch of them as an array.
// Source: CloudEvents 1.0.2, JSON Event Format §3 and §4; HTTP Protocol Binding §3.2 and §3.3.
#include <utility>

#include "common/base/base64.hpp"
#include "pipeline/event/limits.hpp"
#include "pipeline/format/cloud_event.hpp"
#include "pipeline/format/formats.hpp"
#include "pipeline/format/json_event.hpp"
#include "pipeline/format/json_records.hpp"

namespace stormlog::pipeline {
namespace {

using simdjson::error_code;

class CloudEventReader {
 public:
  CloudEventReader(JsonWalk& walk, EventFields& fields)
      : walk_(walk), fields_(fields), event_(fields) {}

  error_code read(std::string_view name, ondemand::value& value);
  void finish() { note(event_.finish()); }

 private:
  error_code read_attribute(std::string_view name, ondemand::value& value);
  error_code read_base64(ondemand::value& value);
  error_code read_data(std::string_view name, ondemand::value& value);
  void note(std::optional<FieldError> error) {
    if (error) walk_.refuse(std::move(error->code), error->field, std::move(error->detail));
  }

  JsonWalk& walk_;
  EventFields& fields_;
  CloudEvent event_;
  std::string text_;
  bool has_data_ = false;
};

error_code CloudEventReader::read(std::string_view name, ondemand::value& value) {
  if (name == "data" || name == "data_base64") return read_data(name, value);
  bool null = false;  // means absent, as in JSON Event Format §2.2
  if (const error_code error = is_null_value(value, null)) return error;
  return null ? simdjson::SUCCESS : read_attribute(name, value);
}

error_code CloudEventReader::read_attribute(std::string_view name, ondemand::value& value) {
  ondemand::json_type type;
  if (const error_code error = value.type().get(type)) return error;
  if (type == ondemand::json_type::string) {
    if (const error_code error = walk_.read_text(value, limits::kMaxEventBytes, name, text_)) {
      return error;
    }
    note(event_.set(name, text_));
    return simdjson::SUCCESS;
  }
  text_.clear();
  if (const error_code error = walk_.copy_value(value, 2, name, text_)) return error;
  if (type == ondemand::json_type::number || type == ondemand::json_type::boolean) {
    note(event_.set_json(name, text_));
  } else {
    walk_.refuse("invalid", name, std::string(name) + " must be a string, a number or a boolean");
  }
  return simdjson::SUCCESS;
}

error_code CloudEventReader::read_data(std::string_view name, ondemand::value& value) {
  if (std::exchange(has_data_, true)) {
    walk_.refuse("duplicate", name, "data and data_base64 are the same: give one of them");
  }
  if (name == "data") return walk_.copy_value(value, 2, name, fields_.body);
  bool null = false;
  if (const error_code error = is_null_value(value, null)) return error;
  return null ? simdjson::SUCCESS : read_base64(value);
}

error_code CloudEventReader::read_base64(ondemand::value& value) {
  if (const error_code error =
          walk_.read_text(value, limits::kMaxEventBytes, "data_base64", text_)) {
    return error;
  }
  if (!is_base64(text_)) walk_.refuse("invalid", "data_base64", "data_base64 is not base64");
  fields_.body.clear();
  json_text::append_quoted(text_, fields_.body);
  event_.note_base64();
  return simdjson::SUCCESS;
}

class CloudEventFormat final : public Format {
 public:
  explicit CloudEventFormat(JsonRecords::Shape shape) : shape_(shape) {}
  Result<ParsedRecords> parse(std::string& body, const IngestContext& context) override {
    return records_.parse(body, context, shape_);
  }

 private:
  JsonRecords::Shape shape_;
  JsonRecords records_{read_cloud_event};
};

}  // namespace

error_code read_cloud_event(ondemand::object& object, JsonWalk& walk, EventFields& fields) {
  CloudEventReader reader(walk, fields);
  const error_code error = walk.for_each_member(
      object, "", [&](json_text::RawString, std::string_view name, ondemand::value& value) {
        return reader.read(name, value);
      });
  if (error) return error;
  reader.finish();
  return simdjson::SUCCESS;
}

std::unique_ptr<Format> cloud_event_format() {
  return std::make_unique<CloudEventFormat>(JsonRecords::Shape::object);
}

std::unique_ptr<Format> cloud_event_batch_format() {
  return std::make_unique<CloudEventFormat>(JsonRecords::Shape::array);
}

}  // namespace stormlog::pipeline

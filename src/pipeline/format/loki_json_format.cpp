// Loki's push in JSON. A value of the wrong type makes the whole request malformed; a bad timestamp
// refuses its entry alone. Source: Loki HTTP API, "Ingest logs".
#include "pipeline/format/formats.hpp"
#include "pipeline/format/json_message.hpp"
#include "pipeline/format/json_records.hpp"
#include "pipeline/format/loki_event.hpp"

namespace stormlog::pipeline {
namespace {

using json_message::for_each_member;
using json_message::for_each_object;
using json_text::RawString;
using simdjson::error_code;

class LokiJsonFormat final : public Format {
 public:
  Result<ParsedRecords> parse(std::string& body, const IngestContext& context) override;

 private:
  error_code read_stream(ondemand::object& stream, RecordWriter& writer);
  error_code read_labels(ondemand::object& stream);
  error_code read_entries(ondemand::value& values, RecordWriter& writer);
  error_code read_entry(ondemand::array& entry, RecordWriter& writer);
  error_code read_part(std::size_t at, ondemand::value& value);
  error_code read_time(ondemand::value& value);
  error_code read_metadata(ondemand::value& value);

  ondemand::parser parser_;
  LokiEvent event_;
  json_message::Texts texts_;  // of one stream's labels, or of one entry
  bool too_many_ = false;
};

error_code LokiJsonFormat::read_labels(ondemand::object& stream) {
  event_.begin_stream();
  texts_.clear();
  const error_code error = for_each_member(stream, [&](RawString name, ondemand::value& value) {
    if (name.text != "stream") return simdjson::SUCCESS;
    ondemand::object labels;
    if (const error_code failed = value.get_object().get(labels)) return failed;
    return for_each_member(labels, [&](RawString label, ondemand::value& text) {
      std::string_view key;
      std::string_view of_label;
      if (const error_code failed = texts_.keep(label, key)) return failed;
      if (const error_code failed = texts_.keep(text, of_label)) return failed;
      event_.label(key, of_label);
      return simdjson::SUCCESS;
    });
  });
  event_.end_stream();
  return error;
}

error_code LokiJsonFormat::read_time(ondemand::value& value) {
  std::string_view digits;
  if (const error_code error = texts_.keep(value, digits)) return error;
  std::uint64_t unix_ns = 0;
  const char* end = digits.data() + digits.size();
  const auto result = std::from_chars(digits.data(), end, unix_ns);
  if (result.ec != std::errc() || result.ptr != end) {
    event_.refuse("invalid", "timestamp", "a timestamp is a string of Unix nanoseconds");
  } else {
    event_.take_time(unix_ns);
  }
  return simdjson::SUCCESS;
}

error_code LokiJsonFormat::read_metadata(ondemand::value& value) {
  ondemand::object metadata;
  if (const error_code error = value.get_object().get(metadata)) return error;
  return for_each_member(metadata, [&](RawString name, ondemand::value& text) {
    std::string_view key;
    std::string_view of_key;
    if (const error_code error = texts_.keep(name, key)) return error;
    if (const error_code error = texts_.keep(text, of_key)) return error;
    event_.metadata(key, of_key);
    return simdjson::SUCCESS;
  });
}

error_code LokiJsonFormat::read_part(std::size_t at, ondemand::value& value) {
  if (at == 0) return read_time(value);
  if (at == 2) return read_metadata(value);
  if (at > 2) return simdjson::INCORRECT_TYPE;
  std::string_view line;
  if (const error_code error = texts_.keep(value, line)) return error;
  event_.take_line(line);
  return simdjson::SUCCESS;
}

error_code LokiJsonFormat::read_entry(ondemand::array& entry, RecordWriter& writer) {
  event_.begin_entry();
  texts_.clear();
  std::size_t parts = 0;
  for (auto part : entry) {
    ondemand::value value;
    if (const error_code error = part.get(value)) return error;
    if (const error_code error = read_part(parts++, value)) return error;
  }
  if (parts < 2) return simdjson::INCORRECT_TYPE;
  event_.end_entry(writer);
  return simdjson::SUCCESS;
}

error_code LokiJsonFormat::read_entries(ondemand::value& values, RecordWriter& writer) {
  ondemand::array entries;
  if (const error_code error = values.get_array().get(entries)) return error;
  for (auto element : entries) {
    ondemand::array entry;
    if (const error_code error = element.get_array().get(entry)) return error;
    too_many_ = too_many_ || writer.full();
    if (too_many_) return simdjson::CAPACITY;
    if (const error_code error = read_entry(entry, writer)) return error;
  }
  return simdjson::SUCCESS;
}

error_code LokiJsonFormat::read_stream(ondemand::object& stream, RecordWriter& writer) {
  // The labels may stand behind the entries.
  if (const error_code error = read_labels(stream)) return error;
  if (const error_code error = stream.reset().error()) return error;
  return for_each_member(stream, [&](RawString name, ondemand::value& value) {
    return name.text == "values" ? read_entries(value, writer) : simdjson::SUCCESS;
  });
}

Result<ParsedRecords> LokiJsonFormat::parse(std::string& body, const IngestContext& context) {
  return json_message::parse_message(parser_, body, context, "streams", too_many_,
                                     [this](ondemand::object& stream, RecordWriter& writer) {
                                       return read_stream(stream, writer);
                                     });
}

}  // namespace

std::unique_ptr<Format> loki_json_format() {
  return std::make_unique<LokiJsonFormat>();
}

}  // namespace stormlog::pipeline

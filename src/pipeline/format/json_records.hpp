#pragma once

#include <string>
#include <string_view>

#include "common/base/result.hpp"
#include "pipeline/event/event_fields.hpp"
#include "pipeline/event/json_walk.hpp"
#include "pipeline/format/parsed_records.hpp"
#include "pipeline/format/record_writer.hpp"

// Private to this folder's .cpp files.
namespace stormlog::pipeline {

// Says what is wrong with a text as JSON, and where when simdjson knows.
Error malformed_json(simdjson::error_code error, ondemand::document* document,
                     std::string_view text);

// Makes room for what simdjson reads behind the end.
simdjson::padded_string_view padded(std::string& text);

// Texts whose records are JSON objects, of whatever members.
//
// Threads: caller synchronises.
class JsonRecords {
 public:
  // Reads one object into the fields. Errors of the record are kept by the walk; those that are
  // returned are of the text as JSON.
  using ReadRecord = simdjson::error_code (*)(ondemand::object&, JsonWalk&, EventFields&);
  enum class Shape { object, array, either };

  explicit JsonRecords(ReadRecord read) : read_(read) {}

  // A body that is one object, an array of them, or either.
  Result<ParsedRecords> parse(std::string& body, const IngestContext& context, Shape shape);
  // One record that is a text of its own. Simdjson's padding must be readable behind it.
  void add_text(const simdjson::padded_string_view& text, RecordWriter& writer);

 private:
  simdjson::error_code parse_array(ondemand::document& document, RecordWriter& writer);
  simdjson::error_code parse_object(ondemand::document& document, RecordWriter& writer);
  simdjson::error_code parse_record(ondemand::object& object, RecordWriter& writer);
  simdjson::error_code read_text(ondemand::document& document, bool& is_object);

  ReadRecord read_;
  ondemand::parser parser_;
  JsonWalk walk_;
  EventFields fields_;
  bool too_many_ = false;
};

}  // namespace stormlog::pipeline

// Reads the stored form back.

#include "pipeline/event/event.hpp"
#include "pipeline/event/identity.hpp"
#include "pipeline/event/json_walk.hpp"
#include "pipeline/event/limits.hpp"

namespace stormlog::pipeline {
namespace {

using simdjson::error_code;

// One for each thread: they keep their memory between records.
struct Decoder {
  ondemand::parser parser;
  // Of a byte of a name six may become, when it is a control character.
  JsonWalk walk{6};
  std::string buffer;
  std::string text;
};

class StoredReader {
 public:
  StoredReader(JsonWalk& walk, std::string& scratch, EventRecord& record)
      : walk_(walk), scratch_(scratch), record_(record) {}

  error_code read(std::string_view name, ondemand::value& value);
  void finish();

 private:
  error_code read_id(ondemand::value& value);
  error_code read_body(ondemand::value& value);
  error_code read_object(std::string_view name, ondemand::value& value, std::string& out);
  error_code read_number(std::string_view name, ondemand::value& value, std::int64_t min,
                         std::int64_t max, std::optional<std::int64_t>& out);
  error_code read_int(std::string_view name, ondemand::value& value, int max, int& out);
  error_code read_hex(std::string_view name, ondemand::value& value, std::size_t digits,
                      std::string& out);

  JsonWalk& walk_;
  std::string& scratch_;
  EventRecord& record_;
  std::optional<std::int64_t> version_;
  std::optional<std::int64_t> timestamp_;
  std::optional<std::int64_t> observed_;
  bool has_id_ = false;
};

error_code StoredReader::read(std::string_view name, ondemand::value& value) {
  constexpr std::int64_t kAny = std::numeric_limits<std::int64_t>::max();
  if (name == "v") return read_number(name, value, 1, 1, version_);
  if (name == "id") return read_id(value);
  if (name == "timestamp") return read_number(name, value, 0, kAny, timestamp_);
  if (name == "observed_timestamp") return read_number(name, value, 0, kAny, observed_);
  if (name == "severity_number") return read_int(name, value, 24, record_.severity_number);
  if (name == "severity_text") {
    return walk_.read_text(value, limits::kMaxSeverityTextBytes, name, record_.severity_text);
  }
  if (name == "service") {
    return walk_.read_text(value, limits::kMaxServiceBytes, name, record_.service);
  }
  if (name == "event_name") {
    return walk_.read_text(value, limits::kMaxEventNameBytes, name, record_.event_name);
  }
  if (name == "trace_id") return read_hex(name, value, 32, record_.trace_id);
  if (name == "span_id") return read_hex(name, value, 16, record_.span_id);
  if (name == "trace_flags") return read_int(name, value, 255, record_.trace_flags);
  if (name == "body") return read_body(value);
  if (name == "attributes") return read_object(name, value, record_.attributes);
  if (name == "resource") return read_object(name, value, record_.resource);
  if (name == "scope") return read_object(name, value, record_.scope);
  // A later writer's member: checked as JSON and left.
  scratch_.clear();
  return walk_.copy_value(value, 2, name, scratch_);
}

error_code StoredReader::read_id(ondemand::value& value) {
  if (const error_code error = walk_.read_text(value, 36, "id", scratch_)) return error;
  if (walk_.error()) return simdjson::SUCCESS;
  const auto id = Uuid::parse(scratch_);
  if (!id) walk_.refuse("invalid", "id", "id must be a UUID");
  record_.id = id.value_or(Uuid{});
  has_id_ = true;
  return simdjson::SUCCESS;
}

error_code StoredReader::read_body(ondemand::value& value) {
  ondemand::json_type type;
  if (const error_code error = value.type().get(type)) return error;
  record_.body_is_json = type != ondemand::json_type::string;
  if (!record_.body_is_json) {
    return walk_.read_text(value, limits::kMaxEventBytes, "body", record_.body);
  }
  return walk_.copy_value(value, 2, "body", record_.body);
}

error_code StoredReader::read_object(std::string_view name, ondemand::value& value,
                                     std::string& out) {
  ondemand::json_type type;
  if (const error_code error = value.type().get(type)) return error;
  if (type != ondemand::json_type::object) {
    walk_.refuse("invalid", name, std::string(name) + " must be an object");
  }
  out.clear();
  return walk_.copy_value(value, 2, name, out);
}

error_code StoredReader::read_number(std::string_view name, ondemand::value& value,
                                     std::int64_t min, std::int64_t max,
                                     std::optional<std::int64_t>& out) {
  if (const error_code error = walk_.read_integer(value, name, out)) return error;
  if (out && (*out < min || *out > max)) {
    walk_.refuse("invalid", name, std::string(name) + " is out of range");
  }
  return simdjson::SUCCESS;
}

error_code StoredReader::read_int(std::string_view name, ondemand::value& value, int max,
                                  int& out) {
  std::optional<std::int64_t> number;
  if (const error_code error = read_number(name, value, 0, max, number)) return error;
  if (number && !walk_.error()) out = static_cast<int>(*number);
  return simdjson::SUCCESS;
}

error_code StoredReader::read_hex(std::string_view name, ondemand::value& value, std::size_t digits,
                                  std::string& out) {
  if (const error_code error = walk_.read_text(value, digits, name, out)) return error;
  if (!walk_.error() && !normalise_hex_id(out, digits)) {
    walk_.refuse("invalid", name,
                 std::string(name) + " must be " + std::to_string(digits) + " hex digits");
  }
  return simdjson::SUCCESS;
}

void StoredReader::finish() {
  if (!version_) walk_.refuse("missing", "v", "the version of the stored form is missing");
  if (!has_id_) walk_.refuse("missing", "id", "id is missing");
  if (!timestamp_) walk_.refuse("missing", "timestamp", "timestamp is missing");
  record_.timestamp_ns = timestamp_.value_or(0);
  record_.observed_timestamp_ns = observed_.value_or(record_.timestamp_ns);
  for (std::string* object : {&record_.attributes, &record_.resource, &record_.scope}) {
    if (object->empty()) *object = "{}";
  }
}

error_code read_members(Decoder& decoder, EventRecord& record) {
  ondemand::document document;
  const auto padded = simdjson::padded_string_view(decoder.buffer.data(), decoder.buffer.size(),
                                                   decoder.buffer.capacity());
  if (const error_code error = decoder.parser.iterate(padded).get(document)) return error;
  ondemand::object object;
  if (const error_code error = document.get_object().get(object)) return error;
  StoredReader reader(decoder.walk, decoder.text, record);
  const error_code error = decoder.walk.for_each_member(
      object, "", [&](json_text::RawString, std::string_view name, ondemand::value& value) {
        return reader.read(name, value);
      });
  if (error) return error;
  reader.finish();
  return at_end(document) ? simdjson::SUCCESS : simdjson::TRAILING_CONTENT;
}

}  // namespace

Result<EventRecord> decode_stored(std::string_view payload) {
  static thread_local Decoder decoder;
  // Beyond what any edge writes; a foreign writer's giant must not be kept in memory twice.
  if (payload.size() > 2 * limits::kMaxEventBytes) {
    return Error::permanent("stored form: too large: " + std::to_string(payload.size()) + " bytes");
  }
  decoder.buffer.reserve(payload.size() + simdjson::SIMDJSON_PADDING);
  decoder.buffer.assign(payload);
  decoder.walk.begin_record();
  EventRecord record;
  if (const error_code error = read_members(decoder, record)) {
    return Error::permanent(std::string("stored form: not a JSON object: ") +
                            simdjson::error_message(error));
  }
  if (const auto& error = decoder.walk.error()) {
    return Error::permanent("stored form: " + (error->field.empty() ? "" : error->field + ": ") +
                            error->detail);
  }
  return record;
}

}  // namespace stormlog::pipeline

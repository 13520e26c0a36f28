// One event a line, in our own JSON. A line that is no event is refused by its index, also when it
// is not JSON or not UTF-8; lines of white space are skipped and not counted.
// Source: the NDJSON and JSON Lines pages; https://jsonlines.org.
#include "pipeline/event/limits.hpp"
#include "pipeline/format/formats.hpp"
#include "pipeline/format/json_event.hpp"
#include "pipeline/format/json_records.hpp"

namespace stormlog::pipeline {
namespace {

class NdjsonFormat final : public Format {
 public:
  Result<ParsedRecords> parse(std::string& body, const IngestContext& context) override;

 private:
  JsonRecords records_{read_event};
};

Result<ParsedRecords> NdjsonFormat::parse(std::string& body, const IngestContext& context) {
  ParsedRecords records;
  RecordWriter writer(records, context, body.size());
  const simdjson::padded_string_view whole = padded(body);
  std::size_t at = 0;
  while (at < whole.size()) {
    const std::size_t end = std::min(whole.find('\n', at), whole.size());
    const std::string_view line = whole.substr(at, end - at);
    if (line.find_first_not_of(" \t\r") != std::string_view::npos) {
      if (writer.full()) return too_many_records();
      records_.add_text(
          simdjson::padded_string_view(line.data(), line.size(),
                                       whole.size() - at + simdjson::SIMDJSON_PADDING),
          writer);
    }
    at = end + 1;
  }
  if (records.total == 0) return malformed_json(simdjson::EMPTY, nullptr, body);
  return records;
}

}  // namespace

std::unique_ptr<Format> ndjson_format() {
  return std::make_unique<NdjsonFormat>();
}

}  // namespace stormlog::pipeline

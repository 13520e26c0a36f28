// Our own JSON: one event as an object, or an array of them. Source: RFC 8259; docs/event.md.
#include "pipeline/format/formats.hpp"
#include "pipeline/format/json_event.hpp"
#include "pipeline/format/json_records.hpp"

namespace stormlog::pipeline {
namespace {

class JsonFormat final : public Format {
 public:
  Result<ParsedRecords> parse(std::string& body, const IngestContext& context) override {
    return records_.parse(body, context, JsonRecords::Shape::either);
  }

 private:
  JsonRecords records_{read_event};
};

}  // namespace

std::unique_ptr<Format> json_format() {
  return std::make_unique<JsonFormat>();
}

}  // namespace stormlog::pipeline

// A record of the topic, which others may write to as well: it becomes a row or a dead letter, and
// nothing of it gets lost.
#include "fuzz.hpp"
#include "pipeline/consumer/parse_record.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stormlog;
  using namespace stormlog::pipeline;
  fuzz::Input input(data, size);
  SourceRecord record;
  record.partition = 3;
  record.offset = 17;
  record.key = input.line();
  record.payload = input.rest();
  const auto parsed = parse(record);
  if (const auto* row = std::get_if<LogRow>(&parsed)) {
    FUZZ_CHECK(row->partition == 3 && row->offset == 17);
    FUZZ_CHECK(row->key == record.key && row->payload == record.payload);
    FUZZ_CHECK(row->event.severity_number >= 0 && row->event.severity_number <= 24);
  } else {
    const auto& letter = std::get<DeadLetter>(parsed);
    FUZZ_CHECK(letter.code == "decode" && !letter.reason.empty());
    FUZZ_CHECK(letter.key == record.key && letter.payload == record.payload);
  }
  return 0;
}

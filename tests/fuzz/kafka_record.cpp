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
  PartitionBatch batch;
  parse(record, batch);
  FUZZ_CHECK(batch.rows.size() + batch.dead.size() == 1);
  FUZZ_CHECK(batch.bytes == record.payload.size());
  for (const LogRow& row : batch.rows) {
    FUZZ_CHECK(row.partition == 3 && row.offset == 17);
    FUZZ_CHECK(row.key == record.key && row.payload == record.payload);
    FUZZ_CHECK(row.event.severity_number >= 0 && row.event.severity_number <= 24);
  }
  for (const DeadLetter& letter : batch.dead) {
    FUZZ_CHECK(letter.code == "decode" && !letter.reason.empty());
    FUZZ_CHECK(letter.key == record.key && letter.payload == record.payload);
  }
  return 0;
}

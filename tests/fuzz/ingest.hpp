#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "common/base/clock.hpp"
#include "common/base/random.hpp"
#include "fuzz.hpp"
#include "pipeline/event/batch_codec.hpp"
#include "pipeline/event/event.hpp"
#include "pipeline/format/formats.hpp"

namespace stormlog::fuzz {

// What holds for every format and whatever is sent: records are counted once each, and what would
// be stored can be read back. Returns whether the body was taken with every record of it.
inline bool check_format(pipeline::Format& format, std::string_view input,
                         const http::Headers* headers = nullptr) {
  static ManualClock clock;
  static UuidV7Generator ids(clock, Random(1));
  pipeline::IngestContext context;
  context.received_ns = 1'769'860'800'500'000'000;
  context.ids = &ids;
  context.headers = headers;
  context.max_body_bytes = 1024 * 1024;
  std::string body(input);
  const auto records = format.parse(body, context);
  if (!records.ok()) {
    FUZZ_CHECK(records.error().code == "400" || records.error().code == "413");
    return false;
  }
  FUZZ_CHECK(records->count + records->errors.size() == records->total);
  FUZZ_CHECK(records->errors.empty() || records->indices.size() == records->count);
  const auto events = pipeline::decode_frames(records->frames, records->count);
  FUZZ_CHECK(events.ok());
  for (std::size_t i = 0; i < records->indices.size(); ++i) {
    FUZZ_CHECK(records->indices[i] < records->total);
    FUZZ_CHECK(i == 0 || records->indices[i - 1] < records->indices[i]);
  }
  for (const pipeline::EventView& event : *events) {
    FUZZ_CHECK(event.payload.find('\0') == std::string_view::npos);
    FUZZ_CHECK(pipeline::decode_stored(event.payload).ok());
  }
  return records->errors.empty();
}

}  // namespace stormlog::fuzz

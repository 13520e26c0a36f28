#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hpp"
#include "common/base/uuid.hpp"
#include "pipeline/event/event.hpp"

// How events travel from the gateway to a producer, and the answer back. Numbers are little-endian.
//
//   batch    "SLB1", u32 count, then frames
//   frame    id 16 bytes, i64 received_ns, u16 key length, u8 traceparent length,
//            u32 payload length, key, traceparent, payload
//            Where the highest bit of the traceparent's length is set, which no length needs, there
//            is a tracestate: u16 tracestate length behind the payload length, and the tracestate
//            behind the traceparent. Producers that read it are to be started before gateways that
//            write it; whoever sends none never notices.
//   results  "SLR1", u32 count, then one byte an event: EventOutcome
//
// A frame is written once, by the parser, and is only copied from there on.
namespace stormlog::pipeline {

inline constexpr std::string_view kBatchType = "application/vnd.stormlog.batch.v1";
inline constexpr std::string_view kResultsType = "application/vnd.stormlog.results.v1";
inline constexpr std::size_t kBatchHeaderBytes = 8;

// An event in someone else's bytes.
struct EventView {
  Uuid id;
  std::int64_t received_ns = 0;  // Unix time at the edge
  std::string_view key;
  std::string_view traceparent;
  std::string_view tracestate;
  std::string_view payload;
};

// What became of one event at a producer.
enum class EventOutcome : std::uint8_t {
  accepted = 0,     // acknowledged by Kafka
  too_large = 1,    // Kafka refuses its size: never retry
  unavailable = 2,  // not in Kafka: retry later
  unknown = 3,      // may be in Kafka: retry with the same id
  refused = 4,      // Kafka refuses it for another reason: never retry
};
std::string_view to_string(EventOutcome outcome);

// Writes one frame whose payload is appended to `out` between begin() and end().
class FrameWriter {
 public:
  explicit FrameWriter(std::string& out) : out_(out) {}
  void begin(const Uuid& id, std::int64_t received_ns, std::string_view key,
             std::string_view traceparent, std::string_view tracestate = {});
  // The bytes of the payload.
  std::size_t end();
  // Takes back what begin() and later writes appended.
  void abandon();

 private:
  std::string& out_;
  std::size_t start_ = 0;
  std::size_t payload_ = 0;
};

void append_frame(const EventView& event, std::string& out);
// The key of the first of whole frames, "" where there is none.
std::string_view first_key(std::string_view frames);
void append_batch_header(std::uint32_t count, std::string& out);

// Whole frames, or a permanent error that says where they end. The views point into `frames`.
Result<std::vector<EventView>> decode_frames(std::string_view frames, std::uint32_t count);
Result<std::vector<EventView>> decode_batch(std::string_view batch);

std::string encode_results(const std::vector<EventOutcome>& outcomes);
Result<std::vector<EventOutcome>> decode_results(std::string_view results);

}  // namespace stormlog::pipeline

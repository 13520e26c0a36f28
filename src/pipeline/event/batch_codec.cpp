#include "pipeline/event/batch_codec.hpp"

#include <cstring>

#include "pipeline/event/limits.hpp"
#include "pipeline/event/tracestate.hpp"

namespace stormlog::pipeline {
namespace {

constexpr std::string_view kBatchMagic = "SLB1";
constexpr std::string_view kResultsMagic = "SLR1";
constexpr std::size_t kFrameHeaderBytes = 16 + 8 + 2 + 1 + 4;
constexpr std::uint8_t kHasTracestate = 0x80;  // of the traceparent's length

template <typename T>
void append_little(T value, std::string& out) {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    out += static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i));
  }
}

// Takes bytes from the front; each call tells whether there were enough.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  template <typename T>
  bool little(T& value) {
    if (rest_.size() < sizeof(T)) return false;
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      bits |= static_cast<std::uint64_t>(static_cast<unsigned char>(rest_[i])) << (8 * i);
    }
    value = static_cast<T>(bits);
    rest_.remove_prefix(sizeof(T));
    return true;
  }
  bool take(std::size_t length, std::string_view& value) {
    if (rest_.size() < length) return false;
    value = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return true;
  }
  std::size_t left() const { return rest_.size(); }

 private:
  std::string_view rest_;
};

bool read_frame(Reader& reader, EventView& event) {
  std::string_view id;
  std::uint16_t key = 0;
  std::uint8_t traceparent = 0;
  std::uint32_t payload = 0;
  std::uint16_t tracestate = 0;
  if (!reader.take(event.id.bytes.size(), id) || !reader.little(event.received_ns) ||
      !reader.little(key) || !reader.little(traceparent) || !reader.little(payload)) {
    return false;
  }
  if ((traceparent & kHasTracestate) != 0) {
    traceparent &= static_cast<std::uint8_t>(~kHasTracestate);
    // An empty one would have a second way to be written.
    if (!reader.little(tracestate) || tracestate == 0) return false;
  }
  std::memcpy(event.id.bytes.data(), id.data(), id.size());
  return reader.take(key, event.key) && reader.take(traceparent, event.traceparent) &&
         reader.take(tracestate, event.tracestate) && reader.take(payload, event.payload);
}

Result<std::uint32_t> read_header(Reader& reader, std::string_view magic, const char* what) {
  std::string_view found;
  std::uint32_t count = 0;
  if (!reader.take(magic.size(), found) || found != magic || !reader.little(count)) {
    return Error::permanent(std::string(what) + " does not start with " + std::string(magic) +
                            " and a count");
  }
  return count;
}

Result<std::vector<EventView>> read_frames(Reader& reader, std::uint32_t count) {
  // Checked before memory is taken: the count comes from outside.
  if (count > reader.left() / kFrameHeaderBytes) {
    return Error::permanent("batch of " + std::to_string(count) + " events in only " +
                            std::to_string(reader.left()) + " bytes");
  }
  std::vector<EventView> events(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    if (!read_frame(reader, events[i])) {
      return Error::permanent("event " + std::to_string(i) + " of the batch is cut short");
    }
    if (events[i].payload.size() > limits::kMaxEventBytes ||
        events[i].key.size() > limits::kMaxKeyBytes ||
        events[i].tracestate.size() > kMaxTracestateBytes) {
      return Error::permanent("event " + std::to_string(i) + " of the batch is too large");
    }
  }
  if (reader.left() != 0) {
    return Error::permanent(std::to_string(reader.left()) + " bytes behind the batch's last event");
  }
  return events;
}

}  // namespace

std::string_view to_string(EventOutcome outcome) {
  switch (outcome) {
    case EventOutcome::accepted:
      return "accepted";
    case EventOutcome::too_large:
      return "too_large";
    case EventOutcome::unavailable:
      return "unavailable";
    case EventOutcome::unknown:
      return "unknown";
    case EventOutcome::refused:
      return "refused";
  }
  return "unknown";
}

void FrameWriter::begin(const Uuid& id, std::int64_t received_ns, std::string_view key,
                        std::string_view traceparent, std::string_view tracestate) {
  start_ = out_.size();
  out_.append(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size());
  append_little(received_ns, out_);
  append_little(static_cast<std::uint16_t>(key.size()), out_);
  const std::uint8_t marked = tracestate.empty() ? 0 : kHasTracestate;
  append_little(static_cast<std::uint8_t>(traceparent.size() | marked), out_);
  append_little(std::uint32_t{0}, out_);
  if (marked != 0) append_little(static_cast<std::uint16_t>(tracestate.size()), out_);
  out_ += key;
  out_ += traceparent;
  out_ += tracestate;
  payload_ = out_.size();
}

std::size_t FrameWriter::end() {
  const std::size_t length = out_.size() - payload_;
  const std::size_t at = start_ + kFrameHeaderBytes - 4;
  for (std::size_t i = 0; i < 4; ++i) out_[at + i] = static_cast<char>(length >> (8 * i));
  return length;
}

void FrameWriter::abandon() {
  out_.resize(start_);
}

void append_frame(const EventView& event, std::string& out) {
  FrameWriter writer(out);
  writer.begin(event.id, event.received_ns, event.key, event.traceparent, event.tracestate);
  out += event.payload;
  writer.end();
}

std::string_view first_key(std::string_view frames) {
  Reader reader(frames);
  EventView first;
  return read_frame(reader, first) ? first.key : std::string_view();
}

void append_batch_header(std::uint32_t count, std::string& out) {
  out += kBatchMagic;
  append_little(count, out);
}

Result<std::vector<EventView>> decode_frames(std::string_view frames, std::uint32_t count) {
  Reader reader(frames);
  return read_frames(reader, count);
}

Result<std::vector<EventView>> decode_batch(std::string_view batch) {
  Reader reader(batch);
  const auto count = read_header(reader, kBatchMagic, "batch");
  if (!count.ok()) return count.error();
  return read_frames(reader, *count);
}

std::string encode_results(const std::vector<EventOutcome>& outcomes) {
  std::string out(kResultsMagic);
  append_little(static_cast<std::uint32_t>(outcomes.size()), out);
  for (const EventOutcome outcome : outcomes) out += static_cast<char>(outcome);
  return out;
}

Result<std::vector<EventOutcome>> decode_results(std::string_view results) {
  Reader reader(results);
  const auto count = read_header(reader, kResultsMagic, "answer");
  if (!count.ok()) return count.error();
  std::string_view bytes;
  if (reader.left() != *count || !reader.take(*count, bytes)) {
    return Error::permanent("answer for " + std::to_string(*count) + " events holds " +
                            std::to_string(reader.left()));
  }
  std::vector<EventOutcome> outcomes;
  outcomes.reserve(bytes.size());
  for (const char byte : bytes) {
    if (static_cast<unsigned char>(byte) > static_cast<unsigned char>(EventOutcome::refused)) {
      return Error::permanent("answer holds an unknown outcome");
    }
    outcomes.push_back(static_cast<EventOutcome>(byte));
  }
  return outcomes;
}

}  // namespace stormlog::pipeline

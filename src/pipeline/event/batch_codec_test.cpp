#include "pipeline/event/batch_codec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/random.hpp"
#include "pipeline/event/limits.hpp"

namespace stormlog::pipeline {
namespace {

using ::testing::HasSubstr;

std::string batch_of(int events) {
  std::string batch;
  append_batch_header(static_cast<std::uint32_t>(events), batch);
  for (int i = 0; i < events; ++i) {
    EventView event;
    event.id.bytes[15] = static_cast<std::uint8_t>(i);
    event.received_ns = 1'700'000'000'000'000'000 + i;
    const std::string key = "key-" + std::to_string(i);
    const std::string payload = R"({"n":)" + std::to_string(i) + "}";
    event.key = key;
    event.traceparent = i % 2 == 0 ? "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" : "";
    event.tracestate = i % 4 == 0 ? "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE" : "";
    event.payload = payload;
    append_frame(event, batch);
  }
  return batch;
}

TEST(BatchCodec, ReadsWhatItWrote) {
  const std::string batch = batch_of(3);
  const auto events = decode_batch(batch);
  ASSERT_TRUE(events.ok()) << events.error().message;
  ASSERT_EQ(events->size(), 3U);
  EXPECT_EQ((*events)[2].id.bytes[15], 2);
  EXPECT_EQ((*events)[2].received_ns, 1'700'000'000'000'000'002);
  EXPECT_EQ((*events)[2].key, "key-2");
  EXPECT_EQ((*events)[2].payload, R"({"n":2})");
  EXPECT_EQ((*events)[0].traceparent.size(), 55U);
  EXPECT_EQ((*events)[1].traceparent, "");
  EXPECT_EQ((*events)[0].tracestate, "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE");
  EXPECT_EQ((*events)[1].tracestate, "");
}

TEST(BatchCodec, AnEmptyBatchIsABatch) {
  const auto events = decode_batch(batch_of(0));
  ASSERT_TRUE(events.ok());
  EXPECT_TRUE(events->empty());
}

TEST(BatchCodec, AbandonedFramesLeaveNothing) {
  std::string out = "before";
  FrameWriter writer(out);
  writer.begin(Uuid{}, 1, "key", "");
  out += "payload";
  writer.abandon();
  EXPECT_EQ(out, "before");
}

TEST(BatchCodec, EveryTruncationIsRefused) {
  const std::string batch = batch_of(4);
  for (std::size_t length = 0; length < batch.size(); ++length) {
    EXPECT_FALSE(decode_batch(batch.substr(0, length)).ok()) << length;
  }
}

TEST(BatchCodec, TrailingBytesAreRefused) {
  const auto events = decode_batch(batch_of(2) + "x");
  ASSERT_FALSE(events.ok());
  EXPECT_THAT(events.error().message, HasSubstr("behind the batch's last event"));
}

TEST(BatchCodec, AHugeCountTakesNoMemory) {
  std::string batch;
  append_batch_header(0xFFFFFFFF, batch);
  batch.append(100, 'x');
  EXPECT_FALSE(decode_batch(batch).ok());
}

TEST(BatchCodec, PayloadsBeyondTheLimitAreRefused) {
  std::string batch;
  append_batch_header(1, batch);
  const std::string payload(limits::kMaxEventBytes + 1, 'x');
  EventView event;
  event.payload = payload;
  append_frame(event, batch);
  ASSERT_FALSE(decode_batch(batch).ok());
}

// Whatever the bytes: an error, or views that lie within them.
TEST(BatchCodec, SurvivesFlippedBits) {
  Random random(7);
  const std::string batch = batch_of(5);
  int refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = batch;
    const auto flips = 1 + random.below(3);
    for (std::uint64_t i = 0; i < flips; ++i) {
      const std::size_t at = random.below(bytes.size());
      bytes[at] = static_cast<char>(bytes[at] ^ static_cast<char>(1U << random.below(8)));
    }
    const auto events = decode_batch(bytes);
    refused += events.ok() ? 0 : 1;
    if (!events.ok()) continue;
    for (const EventView& event : *events) {
      for (const std::string_view part :
           {event.key, event.traceparent, event.tracestate, event.payload}) {
        ASSERT_GE(part.data(), bytes.data());
        ASSERT_LE(part.data() + part.size(), bytes.data() + bytes.size());
      }
    }
  }
  EXPECT_GT(refused, 1'000);
}

TEST(BatchCodec, SurvivesNoise) {
  Random random(11);
  for (int round = 0; round < 5'000; ++round) {
    std::string bytes = "SLB1";
    const auto length = random.below(200);
    for (std::uint64_t i = 0; i < length; ++i) bytes += static_cast<char>(random.below(256));
    if (bytes.size() >= 8) bytes[5] = bytes[6] = bytes[7] = 0;
    (void)decode_batch(bytes);
    (void)decode_results(bytes);
  }
}

TEST(BatchCodec, ResultsTravel) {
  const std::vector<EventOutcome> outcomes = {EventOutcome::accepted, EventOutcome::unknown,
                                              EventOutcome::too_large};
  const std::string bytes = encode_results(outcomes);
  const auto back = decode_results(bytes);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(*back, outcomes);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(decode_results(bytes.substr(0, length)).ok());
  }
  EXPECT_FALSE(decode_results(bytes + '\0').ok());
  std::string bad = bytes;
  bad.back() = 9;
  EXPECT_FALSE(decode_results(bad).ok());
}

TEST(BatchCodec, ATracestateThatIsTooLongIsRefused) {
  std::string batch;
  append_batch_header(1, batch);
  EventView event;
  const std::string longest(512, 't');
  event.tracestate = longest;
  std::string good = batch;
  append_frame(event, good);
  ASSERT_TRUE(decode_batch(good).ok());
  EXPECT_EQ((*decode_batch(good))[0].tracestate, longest);
  const std::string longer(513, 't');
  event.tracestate = longer;
  append_frame(event, batch);
  EXPECT_FALSE(decode_batch(batch).ok());
}

TEST(BatchCodec, TheFirstKeyIsFoundWithoutDecodingTheRest) {
  EXPECT_EQ(first_key(""), "");
  EventView event;
  event.key = "checkout";
  event.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  event.tracestate = "vendor=1";
  event.payload = "{}";
  std::string frames;
  append_frame(event, frames);
  event.key = "billing";
  append_frame(event, frames);
  EXPECT_EQ(first_key(frames), "checkout");
  EXPECT_EQ(first_key(std::string_view(frames).substr(0, 40)), "") << "cut short";
}

}  // namespace
}  // namespace stormlog::pipeline

#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/toxic/toxic_type.hpp"

namespace stormlog::proxy {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// What came out of a stage, and when.
struct Recorder final : Output {
  struct Seen {
    Nanoseconds at;
    std::string bytes;
  };

  void chunk(Chunk chunk) override {
    EXPECT_FALSE(ended || closed || was_reset) << "data after the end";
    EXPECT_FALSE(chunk.bytes.empty()) << "an empty chunk";
    seen.push_back({now - start, std::string(chunk.bytes.view())});
  }
  void end() override {
    EXPECT_FALSE(ended) << "ended twice";
    ended = now - start;
  }
  void close() override { closed = now - start; }
  void reset() override { was_reset = now - start; }

  bool over() const { return closed || was_reset; }
  std::string bytes() const {
    std::string all;
    for (const auto& one : seen) all += one.bytes;
    return all;
  }

  MonotonicTime start{std::chrono::hours(1)};
  MonotonicTime now = start;
  std::vector<Seen> seen;
  std::optional<Nanoseconds> ended;
  std::optional<Nanoseconds> closed;
  std::optional<Nanoseconds> was_reset;
};

// One stage and its time, which moves only as told and stops at each deadline on the way.
class StageDriver {
 public:
  using Values = std::vector<std::pair<std::string, AttributeValue>>;

  explicit StageDriver(const std::string& type, const Values& values = {}, std::uint64_t seed = 1)
      : type_(*find_toxic_type(type)), attributes_(type_.attributes) {
    set(values);
    stage_ = type_.make(attributes_, Random(seed), out.now);
  }

  void push(const std::string& bytes) {
    stage_->push({ByteSlice::copy_of(bytes), out.now}, out.now, out);
  }
  void end() { stage_->end(out.now, out); }
  void update(const Values& values) {
    set(values);
    stage_->update(attributes_, out.now, out);
  }
  void remove() { stage_->remove(out.now, out); }

  void run_until(Nanoseconds since_start) {
    const MonotonicTime target = out.start + since_start;
    while (!out.over()) {
      const auto due = stage_->deadline();
      if (!due || *due > target) break;
      out.now = std::max(out.now, *due);
      stage_->wake(out.now, out);
    }
    out.now = std::max(out.now, target);
  }

  Recorder out;
  Stage& stage() { return *stage_; }

 private:
  void set(const Values& values) {
    for (const auto& [name, value] : values) {
      const AttributeSpec* spec = type_.attribute(name);
      ASSERT_NE(spec, nullptr) << name;
      const auto done = attributes_.set(*spec, value);
      ASSERT_TRUE(done.ok()) << done.error().message;
    }
  }

  const ToxicType& type_;
  Attributes attributes_;
  std::unique_ptr<Stage> stage_;
};

inline AttributeValue whole(std::int64_t value) {
  return value;
}

}  // namespace stormlog::proxy

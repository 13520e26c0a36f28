#pragma once

#include <string>
#include <string_view>

#include "fuzz.hpp"
#include "proxy/toxic/chain.hpp"

namespace stormlog::fuzz {

// What came out of a chain. A stage that breaks the contract of proxy::Output fails here.
struct Recorder final : proxy::Output {
  void chunk(proxy::Chunk chunk) override {
    FUZZ_CHECK(!ended && !over);
    FUZZ_CHECK(!chunk.bytes.empty());
    bytes += chunk.bytes.view();
  }
  void end() override {
    FUZZ_CHECK(!ended && !over);
    ended = true;
  }
  void close() override { over = true; }
  void reset() override { over = true; }

  std::string bytes;
  bool ended = false;
  bool over = false;
};

// Both directions of a connection under the same toxics, and its time.
class Connection {
 public:
  void apply(const proxy::Toxics& toxics) {
    up_.apply(toxics, now_);
    down_.apply(toxics, now_);
    wake();
  }
  void push(bool upstream, std::string_view bytes) {
    if (over()) return;
    chain(upstream).push({proxy::ByteSlice::copy_of(bytes), now_}, now_);
    wake();
  }
  void end(bool upstream) {
    if (over()) return;
    chain(upstream).end(now_);
    wake();
  }
  void pass(Nanoseconds time) {
    now_ += time;
    wake();
  }
  bool over() const { return up_.over() || down_.over(); }
  std::size_t held(bool upstream) const { return (upstream ? up_ : down_).held(); }

  Recorder at_server;
  Recorder at_client;

 private:
  // Many more than any toxic needs for what an input can hold: a stage that is due again and again
  // at the same moment would hang a worker of the proxy.
  static constexpr int kMostWakes = 100'000;

  proxy::Chain& chain(bool upstream) { return upstream ? up_ : down_; }
  void wake() {
    int wakes = 0;
    for (proxy::Chain* chain : {&up_, &down_}) {
      for (auto due = chain->deadline(); !over() && due && *due <= now_; due = chain->deadline()) {
        chain->wake(now_);
        FUZZ_CHECK(++wakes < kMostWakes);
      }
    }
  }

  MonotonicTime now_{std::chrono::hours(1)};
  proxy::Chain::Both both_;
  proxy::Chain up_{proxy::Stream::upstream, {.random = Random(1)}, at_server, &both_};
  proxy::Chain down_{proxy::Stream::downstream, {.random = Random(2)}, at_client, &both_};
};

}  // namespace stormlog::fuzz

#include <algorithm>

#include "proxy/toxic/correlated.hpp"
#include "proxy/toxic/segments.hpp"
#include "proxy/toxic/types.hpp"

namespace stormlog::proxy {
namespace {

// As netem's corrupt: one bit at a random place of a segment that is hit.
class Corrupt final : public Stage {
 public:
  Corrupt(const Attributes& attributes, Random random)
      : draws_(random.fork("hits")), places_(random.fork("places")) {
    read(attributes);
  }

  void push(Chunk chunk, MonotonicTime, Output& out) override {
    for (std::size_t begin = 0; begin < chunk.bytes.size(); begin += kSegmentBytes) {
      if (draws_.next(correlation_) >= probability_) continue;
      const std::size_t size = std::min(kSegmentBytes, chunk.bytes.size() - begin);
      const std::uint64_t bit = places_.below(size * 8);
      char& byte = chunk.bytes.writable()[begin + bit / 8];
      byte = static_cast<char>(static_cast<unsigned char>(byte) ^ (1U << (bit % 8)));
    }
    out.chunk(std::move(chunk));
  }
  void update(const Attributes& attributes, MonotonicTime, Output&) override { read(attributes); }
  void remove(MonotonicTime, Output&) override {}

 private:
  void read(const Attributes& attributes) {
    probability_ = attributes.number("probability");
    correlation_ = attributes.number("correlation");
  }

  Correlated draws_;
  Random places_;
  double probability_ = 0;
  double correlation_ = 0;
};

}  // namespace

const ToxicType& corrupt_toxic() {
  static const ToxicType type{
      .name = "corrupt",
      .summary = "Flips single bits of the data.",
      .attributes =
          {{"probability", 0.0, "", "That a segment of 1448 bytes has one bit flipped.", 0, 1, {}},
           {"correlation", 0.0, "", "How much a hit resembles the one before.", 0, 1, {}}},
      .make = [](const Attributes& attributes, Random random, MonotonicTime)
          -> std::unique_ptr<Stage> { return std::make_unique<Corrupt>(attributes, random); }};
  return type;
}

}  // namespace stormlog::proxy

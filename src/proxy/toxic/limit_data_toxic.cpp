#include "proxy/toxic/types.hpp"

namespace stormlog::proxy {
namespace {

class LimitData final : public Stage {
 public:
  explicit LimitData(const Attributes& attributes) { read(attributes); }

  void push(Chunk chunk, MonotonicTime, Output& out) override {
    const std::uint64_t left = limit_ > passed_ ? limit_ - passed_ : 0;
    Chunk front{chunk.bytes.take_front(left), chunk.at, chunk.arrived};
    passed_ += front.bytes.size();
    if (!front.bytes.empty()) out.chunk(std::move(front));
    if (passed_ >= limit_) out.close();
  }
  // The count goes on: a limit below it closes the connection at its next byte.
  void update(const Attributes& attributes, MonotonicTime, Output&) override { read(attributes); }
  void remove(MonotonicTime, Output&) override {}

 private:
  void read(const Attributes& attributes) {
    limit_ = static_cast<std::uint64_t>(attributes.integer("bytes"));
  }

  std::uint64_t limit_ = 0;
  std::uint64_t passed_ = 0;
};

}  // namespace

const ToxicType& limit_data_toxic() {
  static const ToxicType type{
      .name = "limit_data",
      .summary = "Closes the connection after a number of bytes.",
      .attributes = {{"bytes",
                      std::int64_t{0},
                      "B",
                      "Passed on, in this direction and since it was added, before it closes.",
                      0,
                      9e18,
                      {}}},
      .toxiproxy = true,
      .make = [](const Attributes& attributes, Random, MonotonicTime) -> std::unique_ptr<Stage> {
        return std::make_unique<LimitData>(attributes);
      }};
  return type;
}

}  // namespace stormlog::proxy

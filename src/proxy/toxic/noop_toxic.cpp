#include "proxy/toxic/types.hpp"

namespace stormlog::proxy {
namespace {

class Noop final : public Stage {
 public:
  void push(Chunk chunk, MonotonicTime, Output& out) override { out.chunk(std::move(chunk)); }
  void update(const Attributes&, MonotonicTime, Output&) override {}
  void remove(MonotonicTime, Output&) override {}
};

}  // namespace

const ToxicType& noop_toxic() {
  static const ToxicType type{
      .name = "noop",
      .summary = "Passes everything on; what an idle toxic costs.",
      .attributes = {},
      .toxiproxy = true,
      .make = [](const Attributes&, Random, MonotonicTime) -> std::unique_ptr<Stage> {
        return std::make_unique<Noop>();
      }};
  return type;
}

}  // namespace stormlog::proxy

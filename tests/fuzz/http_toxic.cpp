// The `http` toxic between a client and a server that both send whatever they like, cut anywhere.
// Where it hits nothing, it changes nothing; where it hits, it still comes to an end.

#include <array>
#include <string>

#include "fuzz.hpp"
#include "recorder.hpp"

namespace stormlog::proxy {
namespace {

constexpr std::array<const char*, 3> kAborts = {"", "close", "reset"};

Toxic make_toxic(fuzz::Input& input) {
  const std::uint8_t what = input.byte();
  const ToxicType* type = find_toxic_type("http");
  Attributes attributes(type->attributes);
  const auto set = [&](const char* name, AttributeValue value) {
    FUZZ_CHECK(attributes.set(*type->attribute(name), std::move(value)).ok());
  };
  set("share", what % 2 == 0 ? 0.0 : 1.0);
  set("status", std::int64_t{what & 2 ? 503 : 0});
  set("delay", std::int64_t{what & 4 ? 10 : 0});
  set("abort", std::string(kAborts[(what >> 3) % kAborts.size()]));
  set("body", std::string(what & 64 ? "busy" : ""));
  return {.id = 1, .name = "http", .type = type, .stream = {}, .attributes = std::move(attributes)};
}

}  // namespace
}  // namespace stormlog::proxy

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stormlog;
  using namespace stormlog::proxy;
  fuzz::Input input(data, size);
  const Toxic toxic = make_toxic(input);
  const bool hits = toxic.attributes.number("share") > 0;
  fuzz::Connection connection;
  connection.apply({std::make_shared<const Toxic>(toxic)});
  std::array<std::string, 2> sent;
  // A piece: one byte for its direction and length, then what it holds.
  while (!input.empty() && !connection.over()) {
    const std::uint8_t head = input.byte();
    const bool upstream = (head & 1) == 0;
    const std::string_view bytes = input.bytes(1U + (head >> 1));
    if (bytes.empty()) break;
    sent[upstream ? 0 : 1] += bytes;
    connection.push(upstream, bytes);
    connection.pass(std::chrono::milliseconds(5));
  }
  connection.end(true);
  connection.end(false);
  connection.pass(std::chrono::seconds(60));
  connection.apply({});
  connection.pass(std::chrono::seconds(60));
  if (hits) return 0;
  FUZZ_CHECK(!connection.over());
  FUZZ_CHECK(connection.at_server.bytes == sent[0]);
  FUZZ_CHECK(connection.at_client.bytes == sent[1]);
  FUZZ_CHECK(connection.at_server.ended && connection.at_client.ended);
  return 0;
}

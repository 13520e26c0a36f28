#include "proxy/api/proxy_json.hpp"

#include <gmock/gmock.h>

namespace stormlog::proxy {
namespace {

using testing::HasSubstr;

Result<Toxic> new_toxic(const std::string& body, const Toxics& present = {}) {
  const auto json = parse_json(body);
  if (!json.ok()) return json.error();
  return read_new_toxic(*json, present, 1);
}

std::string error_of(const std::string& body) {
  const auto toxic = new_toxic(body);
  return toxic.ok() ? "" : toxic.error().message;
}

TEST(ProxyJson, DefaultsOfAToxic) {
  const auto toxic = new_toxic(R"({"type":"latency"})");
  ASSERT_TRUE(toxic.ok());
  EXPECT_EQ(toxic->name, "latency_downstream");
  EXPECT_EQ(toxic->stream, Stream::downstream);
  EXPECT_EQ(toxic->toxicity, 1);
  EXPECT_EQ(to_json(*toxic).dump(),
            R"({"attributes":{"latency":0,"jitter":0},"name":"latency_downstream",)"
            R"("type":"latency","stream":"downstream","toxicity":1})");
}

TEST(ProxyJson, KeysAreFoundWithoutRegardToCase) {
  const auto toxic = new_toxic(R"({"Type":"latency","ATTRIBUTES":{"Latency":7}})");
  ASSERT_TRUE(toxic.ok()) << toxic.error().message;
  EXPECT_EQ(toxic->attributes.integer("latency"), 7);
}

TEST(ProxyJson, MistakesAreNamed) {
  EXPECT_EQ(error_of(""), "bad request body: EOF");
  EXPECT_THAT(error_of("{"), HasSubstr("bad request body: parse error"));
  EXPECT_THAT(error_of("[]"), HasSubstr("a toxic must be an object, not an array"));
  EXPECT_THAT(error_of(R"({"type":"latncy"})"), HasSubstr("did you mean \"latency\"?"));
  EXPECT_THAT(error_of(R"({"type":7})"), HasSubstr("\"type\" must be a string, not the integer 7"));
  EXPECT_THAT(error_of(R"({"type":"latency","toxicity":1.5})"), HasSubstr("from 0 to 1"));
  EXPECT_THAT(error_of(R"({"type":"latency","attributes":{"latency":1.5}})"),
              HasSubstr("\"attributes.latency\" must be an integer, not the number 1.5"));
  EXPECT_THAT(error_of(R"({"type":"latency","attributes":{"latency":-1}})"), HasSubstr("latency"));
  EXPECT_THAT(error_of(R"({"type":"latency","attributes":{"latency":9223372036854775808}})"),
              HasSubstr("must be an integer"));
  EXPECT_THAT(error_of(R"({"type":"slicer"})"), HasSubstr("average_size"));
  EXPECT_THAT(error_of(R"({"type":"http","attributes":{"status":99}})"), HasSubstr("status"));
}

TEST(ProxyJson, ANumberBeyondADoubleIsRefused) {
  EXPECT_THAT(error_of(R"({"type":"latency","toxicity":1e309})"),
              HasSubstr("bad request body: number overflow parsing '1e309'"));
}

TEST(ProxyJson, AnUpdateMergesAndAFailedOneChangesNothing) {
  const auto toxic = new_toxic(R"({"type":"latency","attributes":{"latency":7,"jitter":3}})");
  ASSERT_TRUE(toxic.ok());
  const auto changed = read_changed_toxic(*parse_json(R"({"attributes":{"jitter":4}})"), *toxic);
  ASSERT_TRUE(changed.ok());
  EXPECT_EQ(changed->attributes.integer("latency"), 7);
  EXPECT_EQ(changed->attributes.integer("jitter"), 4);
  EXPECT_EQ(changed->id, toxic->id);
  EXPECT_FALSE(read_changed_toxic(*parse_json(R"({"attributes":{"jitter":"x"}})"), *toxic).ok());
  EXPECT_FALSE(read_changed_toxic(*parse_json(R"({"toxicity":-0.1})"), *toxic).ok());
}

TEST(ProxyJson, ProxiesAreCheckedAllAtOnce) {
  const auto two = read_proxies(*parse_json(R"([{"name":"a","upstream":"x:1"},{"name":"b"}])"));
  ASSERT_FALSE(two.ok());
  EXPECT_EQ(two.error().message, "missing required field: upstream at proxy 2");
  EXPECT_EQ(two.error().code, "400");
  const auto one = read_proxies(*parse_json(R"([{"name":"a","upstream":"x:1","seed":5}])"));
  ASSERT_TRUE(one.ok());
  EXPECT_EQ(one->front().seed, 5U);
  EXPECT_TRUE(one->front().enabled);
}

// Valid bodies with bytes changed, doubled, cut and joined: whatever comes is answered, and what is
// taken can be shown.
TEST(ProxyJson, WhateverComesIsTakenOrRefused) {
  const std::vector<std::string> seeds = {
      R"({"name":"a","listen":"127.0.0.1:0","upstream":"localhost:9","enabled":true,"seed":7})",
      R"([{"name":"a","listen":"127.0.0.1:0","upstream":"x:1"},{"name":"b","upstream":"y:2"}])",
      R"({"name":"l","type":"latency","stream":"upstream","toxicity":0.5,"attributes":{"latency":1}})",
      R"({"type":"loss","attributes":{"probability":0.1,"correlation":0.2,"rto":200}})",
      R"({"type":"http","attributes":{"method":"GET","path":"/a*","share":1,"status":503}})",
      R"({"client":"127.0.0.1:1","upstream":"[::1]:2"})"};
  const std::string alphabet = "{}[]\":,0123456789.eE+-truefalsn\\u \x01\xff";
  Random random(4);
  int taken = 0;
  for (int round = 0; round < 60'000; ++round) {
    std::string body = seeds[random.below(seeds.size())];
    for (std::uint64_t change = random.below(5); change > 0 && !body.empty(); --change) {
      const std::size_t at = random.below(body.size());
      switch (random.below(4)) {
        case 0:
          body[at] = alphabet[random.below(alphabet.size())];
          break;
        case 1:
          body.erase(at, 1 + random.below(6));
          break;
        case 2:
          body.insert(at, 1, alphabet[random.below(alphabet.size())]);
          break;
        default:
          body.insert(at, body.substr(random.below(body.size()), 1 + random.below(10)));
      }
    }
    const auto json = parse_json(body);
    if (!json.ok()) continue;
    if (json->is_object()) {
      const auto toxic = read_new_toxic(*json, {}, 1);
      if (toxic.ok()) {
        ++taken;
        const auto again = read_new_toxic(to_json(*toxic), {}, 1);
        ASSERT_TRUE(again.ok()) << body << ": " << again.error().message;
        ASSERT_EQ(again->attributes, toxic->attributes) << body;
        ASSERT_EQ(read_changed_toxic(*json, *toxic).ok(), true) << body;
      }
      (void)read_new_proxy(*json);
      (void)read_canary(*json);
    }
    (void)read_proxies(*json);
  }
  EXPECT_GT(taken, 5'000);
}

}  // namespace
}  // namespace stormlog::proxy

// Whatever is done to a toxic in the middle of a stream: those that must not touch the bytes lose,
// double and reorder none, and the end comes once and last.

#include "proxy/toxic/stage_test_support.hpp"

namespace stormlog::proxy {
namespace {

AttributeValue random_value(const AttributeSpec& spec, Random& random) {
  if (!spec.choices.empty()) return spec.choices[random.below(spec.choices.size())];
  if (std::holds_alternative<double>(spec.fallback)) {
    return random.uniform() * std::min(spec.most.value_or(1), 1'000.0);
  }
  const auto least = static_cast<std::int64_t>(spec.least.value_or(0));
  return least + static_cast<std::int64_t>(random.below(200));
}

StageDriver::Values random_values(const ToxicType& type, Random& random) {
  while (true) {
    StageDriver::Values values;
    Attributes attributes(type.attributes);
    for (const auto& spec : type.attributes) {
      values.emplace_back(spec.name, random_value(spec, random));
      EXPECT_TRUE(attributes.set(spec, values.back().second).ok());
    }
    if (type.conflict == nullptr || type.conflict(attributes).empty()) return values;
  }
}

class StreamProperty : public testing::TestWithParam<std::string> {};

TEST_P(StreamProperty, EveryByteOnceAndInOrder) {
  const ToxicType& type = *find_toxic_type(GetParam());
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    StageDriver driver(type.name, random_values(type, random), seed);
    std::string sent;
    Nanoseconds time{0};
    const auto steps = random.below(40);
    for (std::uint64_t step = 0; step < steps; ++step) {
      switch (random.below(4)) {
        case 0:
          driver.update(random_values(type, random));
          break;
        case 1:
          time += microseconds(random.below(200'000));
          driver.run_until(time);
          break;
        default: {
          std::string bytes(1 + random.below(3'000), '\0');
          for (char& byte : bytes) byte = static_cast<char>(random.next());
          driver.push(bytes);
          sent += bytes;
        }
      }
      ASSERT_EQ(driver.out.bytes().size() + driver.stage().held(), sent.size());
    }
    const bool ends = random.chance(0.7);
    if (ends) driver.end();
    if (random.chance(0.5)) driver.run_until(time + std::chrono::hours(1'000'000));
    driver.remove();
    ASSERT_EQ(driver.out.bytes(), sent);
    ASSERT_EQ(driver.out.ended.has_value(), ends);
    ASSERT_EQ(driver.stage().held(), 0U);
    ASSERT_FALSE(driver.stage().deadline());
  }
}

INSTANTIATE_TEST_SUITE_P(Toxics, StreamProperty,
                         testing::Values("latency", "bandwidth", "slicer", "slow_close", "loss",
                                         "noop"),
                         [](const auto& instance) { return instance.param; });

}  // namespace
}  // namespace stormlog::proxy

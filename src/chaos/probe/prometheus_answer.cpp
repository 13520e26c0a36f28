#include "chaos/probe/prometheus_answer.hpp"

#include <cmath>

#include "common/base/units.hpp"

namespace stormlog::chaos {
namespace {

using Json = nlohmann::ordered_json;

// Members of whatever the other side sent: absent or of another type reads as empty.
const Json& member(const Json& object, const char* name) {
  static const Json kNone;
  if (!object.is_object()) return kNone;
  const auto found = object.find(name);
  return found == object.end() ? kNone : *found;
}

std::string text_member(const Json& object, const char* name) {
  const Json& value = member(object, name);
  return value.is_string() ? value.get<std::string>() : std::string();
}

}  // namespace

ProbeResult read_prometheus_answer(const std::string& body) {
  const Json answer = Json::parse(body, nullptr, false);
  if (!answer.is_object()) return ProbeResult::none("the answer is not a JSON object");
  if (text_member(answer, "status") != "success") {
    const std::string error = text_member(answer, "error");
    return ProbeResult::none("the server refused the query: " +
                             (error.empty() ? "no reason given" : error));
  }
  const Json& data = member(answer, "data");
  const Json& result = member(data, "result");
  const std::string type = text_member(data, "resultType");
  Json sample;
  if (type == "scalar") {
    sample = result;
  } else if (type == "vector" && result.is_array() && result.size() == 1) {
    sample = member(result[0], "value");
  } else if (type == "vector" && result.is_array() && result.size() > 1) {
    return ProbeResult::none("the query gives " + std::to_string(result.size()) +
                             " series: aggregate them, as in sum(…)");
  } else if (!type.empty() && type != "vector") {
    return ProbeResult::none("the query gives a " + type + ", not a number");
  }
  if (!sample.is_array() || sample.size() != 2 || !sample[1].is_string()) {
    return ProbeResult::none("the query gives no sample");
  }
  const std::string text = sample[1].get<std::string>();
  if (text == "+Inf") return ProbeResult::of({{"value", HUGE_VAL}});
  if (text == "-Inf") return ProbeResult::of({{"value", -HUGE_VAL}});
  const auto number = units::parse_double(text);
  if (!number.ok() || std::isnan(*number)) return ProbeResult::none("the query gives " + text);
  return ProbeResult::of({{"value", *number}});
}

}  // namespace stormlog::chaos

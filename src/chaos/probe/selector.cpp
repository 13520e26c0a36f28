#include "chaos/probe/selector.hpp"

#include <algorithm>
#include <numeric>

namespace stormlog::chaos {
namespace {

bool name_character(char c, bool first) {
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
  return letter || (!first && c >= '0' && c <= '9');
}

class Reader {
 public:
  explicit Reader(const std::string& text) : text_(text) {}

  void skip_spaces() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool take(std::string_view token) {
    skip_spaces();
    if (text_.compare(at_, token.size(), token) != 0) return false;
    at_ += token.size();
    return true;
  }
  std::string name() {
    skip_spaces();
    const std::size_t from = at_;
    while (at_ < text_.size() && name_character(text_[at_], at_ == from)) ++at_;
    return text_.substr(from, at_ - from);
  }
  bool quoted(std::string& out) {
    if (!take("\"")) return false;
    while (at_ < text_.size() && text_[at_] != '"') {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      out += text_[at_++];
    }
    return take("\"");
  }
  bool done() {
    skip_spaces();
    return at_ == text_.size();
  }

 private:
  const std::string& text_;
  std::size_t at_ = 0;
};

Error bad(const std::string& text, const std::string& why) {
  return Error::permanent("query \"" + text + "\": " + why +
                          "; a metrics page answers name{label=\"value\"} inside sum, max, min, "
                          "avg or count; anything more needs a Prometheus server (server: URL)");
}

}  // namespace

Result<Selector> Selector::parse(const std::string& text) {
  static const std::vector<std::string> kAggregates = {"sum", "max", "min", "avg", "count"};
  Reader reader(text);
  Selector selector;
  selector.name = reader.name();
  if (selector.name.empty()) return bad(text, "a metric's name is missing");
  bool parenthesis = false;
  if (std::find(kAggregates.begin(), kAggregates.end(), selector.name) != kAggregates.end() &&
      reader.take("(")) {
    parenthesis = true;
    selector.aggregate = selector.name;
    selector.name = reader.name();
    if (selector.name.empty()) return bad(text, "a metric's name is missing");
  }
  if (reader.take("{")) {
    while (!reader.take("}")) {
      Matcher matcher;
      matcher.label = reader.name();
      if (matcher.label.empty()) return bad(text, "a label's name is missing");
      if (reader.take("!=")) {
        matcher.equal = false;
      } else if (!reader.take("=")) {
        return bad(text, "expected = or != after label " + matcher.label);
      }
      if (!reader.quoted(matcher.value)) return bad(text, "label values stand in double quotes");
      selector.matchers.push_back(std::move(matcher));
      reader.take(",");
    }
  }
  if (parenthesis && !reader.take(")")) return bad(text, "\")\" is missing");
  if (!reader.done()) return bad(text, "not understood to its end");
  return selector;
}

Result<double> Selector::evaluate(const std::vector<telemetry::Sample>& samples) const {
  std::vector<double> values;
  for (const telemetry::Sample& sample : samples) {
    if (sample.name != name) continue;
    const bool matches = std::all_of(matchers.begin(), matchers.end(), [&](const Matcher& matcher) {
      const auto label = sample.labels.find(matcher.label);
      // An absent label equals the empty string, as in PromQL.
      const std::string value = label == sample.labels.end() ? "" : label->second;
      return (value == matcher.value) == matcher.equal;
    });
    if (matches) values.push_back(sample.value);
  }
  if (values.empty()) return Error::retriable("no sample matches " + name);
  if (aggregate == "count") return static_cast<double>(values.size());
  if (aggregate == "max") return *std::max_element(values.begin(), values.end());
  if (aggregate == "min") return *std::min_element(values.begin(), values.end());
  const double sum = std::accumulate(values.begin(), values.end(), 0.0);
  if (aggregate == "sum") return sum;
  if (aggregate == "avg") return sum / static_cast<double>(values.size());
  if (values.size() > 1) {
    return Error::permanent(std::to_string(values.size()) + " series match " + name +
                            ": aggregate them, as in sum(" + name + ")");
  }
  return values.front();
}

}  // namespace stormlog::chaos

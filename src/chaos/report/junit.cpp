#include "chaos/report/junit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/base/units.hpp"

namespace stormlog::chaos {
namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// For attributes and text alike. XML 1.0 has no way at all to write most control characters, and
// a foreign system's bytes may not be UTF-8: both become U+FFFD.
std::string escape(const std::string& text) {
  std::string valid = Json::parse(dump(text)).get<std::string>();
  std::string out;
  for (const char c : valid) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\n':
        out += "&#10;";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 && c != '\t') {
          out += "\xEF\xBF\xBD";
        } else {
          out += c;
        }
    }
  }
  return out;
}

double seconds(Nanoseconds duration) {
  return static_cast<double>(duration.count()) / 1e9;
}

struct Case {
  std::string name;
  std::string tag;  // "", "failure", "error", "skipped"
  std::string message;
  std::string detail;
};

Case case_of(const CheckReport& check, bool run_was_judged) {
  Case result;
  result.name = check.check;
  if (!check.params.empty()) result.name += " " + dump(check.params);
  switch (check.result.outcome) {
    case CheckOutcome::passed:
      return result;
    case CheckOutcome::failed:
      result.tag = "failure";
      break;
    case CheckOutcome::unknown:
      result.tag = run_was_judged ? "error" : "skipped";
      break;
  }
  result.message = check.result.reason;
  result.detail = (check.place.empty() ? "" : check.place + "\n") + "measured " +
                  dump(check.result.measured) + "\nexpected " + dump(check.result.expected);
  return result;
}

// A verdict that no check's result explains: the run itself went wrong.
bool unexplained(const RunOutcome& outcome) {
  const auto any = [&](CheckOutcome wanted) {
    return std::any_of(outcome.checks.begin(), outcome.checks.end(),
                       [&](const CheckReport& check) { return check.result.outcome == wanted; });
  };
  switch (outcome.verdict) {
    case Verdict::passed:
      return false;
    case Verdict::failed:
      return !any(CheckOutcome::failed);
    case Verdict::unknown:
      return !any(CheckOutcome::unknown);
    default:
      return true;
  }
}

}  // namespace

std::string junit_xml(const RunOutcome& outcome) {
  const bool judged = outcome.verdict != Verdict::invalid && outcome.verdict != Verdict::aborted;
  std::vector<Case> cases;
  if (unexplained(outcome)) {
    const std::string verdict(to_string(outcome.verdict));
    cases.push_back({"run", outcome.verdict == Verdict::failed ? "failure" : "error",
                     verdict + ": " + outcome.reason, ""});
  }
  for (const CheckReport& check : outcome.checks) cases.push_back(case_of(check, judged));

  const auto count = [&](const std::string& tag) {
    return std::count_if(cases.begin(), cases.end(),
                         [&](const Case& one) { return one.tag == tag; });
  };
  const RunRecord& run = outcome.record;
  const std::string suite = escape(run.title);
  std::string xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n";
  xml += fmt::format(
      "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" "
      "time=\"{:.3f}\" timestamp=\"{}\">\n",
      suite, cases.size(), count("failure"), count("error"), count("skipped"),
      seconds(run.duration), units::format_rfc3339(run.started, 0));
  xml += fmt::format(
      "    <properties>\n      <property name=\"run\" value=\"{}\"/>\n      <property "
      "name=\"seed\" value=\"{}\"/>\n      <property name=\"verdict\" value=\"{}\"/>\n    "
      "</properties>\n",
      escape(outcome.name), run.seed, to_string(outcome.verdict));
  for (const Case& one : cases) {
    // The run's time is the suite's; its checks take none of their own.
    xml += fmt::format("    <testcase classname=\"{}\" name=\"{}\" time=\"0\"", suite,
                       escape(one.name));
    if (one.tag.empty()) {
      xml += "/>\n";
      continue;
    }
    xml += fmt::format(">\n      <{} message=\"{}\"", one.tag, escape(one.message));
    xml += one.detail.empty() ? "/>" : fmt::format(">{}</{}>", escape(one.detail), one.tag);
    xml += "\n    </testcase>\n";
  }
  return xml + "  </testsuite>\n</testsuites>\n";
}

}  // namespace stormlog::chaos

#include "chaos/load/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/base/units.hpp"

namespace stormlog::chaos {
namespace {

struct Quantile {
  const char* name;
  double at;
};
constexpr Quantile kQuantiles[] = {
    {"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}, {"max", 1.0}};

double milliseconds(Nanoseconds duration) {
  return static_cast<double>(duration.count()) / 1e6;
}

std::string latency_line(const char* label, const Histogram& latency) {
  std::string line = fmt::format("  {:<14}", label);
  if (latency.empty()) return line + "no request reached the server\n";
  for (const Quantile& quantile : kQuantiles) {
    line += fmt::format("{} {:<10}", quantile.name,
                        units::human_duration(latency.quantile(quantile.at)));
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

nlohmann::ordered_json latency_json(const Histogram& latency) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  if (latency.empty()) return json;
  for (const Quantile& quantile : kQuantiles) {
    json[quantile.name] = milliseconds(latency.quantile(quantile.at));
  }
  json["mean"] = milliseconds(latency.mean());
  return json;
}

}  // namespace

double LoadReport::seconds() const {
  return static_cast<double>((to - from).count()) / 1e9;
}

double LoadReport::requests_per_second() const {
  return to > from ? static_cast<double>(latency.count()) / seconds() : 0;
}

double LoadReport::events_per_second() const {
  return to > from ? static_cast<double>(events.acked) / seconds() : 0;
}

LoadReport summarize(const std::vector<RequestSample>& samples, const LoadSnapshot& events,
                     std::vector<LoadError> errors) {
  LoadReport report;
  report.events = events;
  report.errors = std::move(errors);
  report.requests = samples.size();
  if (!samples.empty()) report.from = Nanoseconds::max();
  for (const RequestSample& sample : samples) {
    report.from = std::min(report.from, sample.intended);
    report.to = std::max(report.to, sample.done);
    ++report.codes[sample.status];
    if (sample.outcome == Outcome::acked) ++report.requests_acked;
    if (sample.outcome == Outcome::unsent) continue;
    report.latency.record(sample.latency());
    report.service_time.record(sample.service_time());
  }
  return report;
}

std::string to_text(const LoadReport& report) {
  const LoadSnapshot& events = report.events;
  std::string text =
      fmt::format("  {:<14}{:.0f} events/s acked, {:.0f} requests/s, for {:.1f} s\n", "throughput",
                  report.events_per_second(), report.requests_per_second(), report.seconds());
  text +=
      fmt::format("  {:<14}{} sent: {} acked, {} rejected, {} indeterminate, {} unsent\n", "events",
                  events.sent, events.acked, events.rejected, events.indeterminate, events.unsent);
  text += latency_line("latency", report.latency);
  text += latency_line("server alone", report.service_time);
  text += fmt::format("  {:<14}", "codes");
  bool first = true;
  for (const auto& [code, requests] : report.codes) {
    if (!first) text += ", ";
    first = false;
    text += code == 0 ? fmt::format("no response × {}", requests)
                      : fmt::format("{} × {}", code, requests);
  }
  text += first ? "none\n" : "\n";
  for (const LoadError& error : report.errors) {
    text += fmt::format("  {:<14}{} × {}{}\n", &error == report.errors.data() ? "errors" : "",
                        error.kind, error.requests,
                        error.example.empty() ? "" : " (" + error.example + ")");
  }
  return text;
}

nlohmann::ordered_json to_json(const LoadReport& report) {
  nlohmann::ordered_json codes = nlohmann::ordered_json::object();
  for (const auto& [code, requests] : report.codes) {
    codes[code == 0 ? "none" : std::to_string(code)] = requests;
  }
  nlohmann::ordered_json errors = nlohmann::ordered_json::array();
  for (const LoadError& error : report.errors) {
    nlohmann::ordered_json entry = {{"kind", error.kind}, {"requests", error.requests}};
    if (!error.example.empty()) entry["example"] = error.example;
    errors.push_back(std::move(entry));
  }
  return {
      {"duration_ms", milliseconds(report.to - report.from)},
      {"requests", report.requests},
      {"requests_per_second", report.requests_per_second()},
      {"events_per_second", report.events_per_second()},
      {"events",
       {{"sent", report.events.sent},
        {"acked", report.events.acked},
        {"rejected", report.events.rejected},
        {"indeterminate", report.events.indeterminate},
        {"unsent", report.events.unsent}}},
      {"latency_ms", latency_json(report.latency)},
      {"service_time_ms", latency_json(report.service_time)},
      {"codes", std::move(codes)},
      {"errors", std::move(errors)},
  };
}

}  // namespace stormlog::chaos

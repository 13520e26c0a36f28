#include "chaos/ledger/reconciliation_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace stormlog::chaos {
namespace {

using Json = nlohmann::ordered_json;

// Of each list, for people; JSON has all that are remembered.
constexpr std::size_t kShown = 5;

double milliseconds(Nanoseconds offset) {
  return static_cast<double>(offset.count()) / 1e6;
}

double seconds(Nanoseconds offset) {
  return static_cast<double>(offset.count()) / 1e9;
}

Json events_json(const std::vector<EventReference>& events) {
  Json list = Json::array();
  for (const EventReference& event : events) {
    Json entry = {{"id", event.id}, {"key", event.key}, {"seq", event.seq}};
    if (event.sent) entry["sent_ms"] = milliseconds(*event.sent);
    if (!event.where.empty()) entry["where"] = event.where;
    list.push_back(std::move(entry));
  }
  return list;
}

std::string events_text(const char* label, const char* preposition, std::uint64_t count,
                        const std::vector<EventReference>& events) {
  std::string text;
  for (std::size_t i = 0; i < std::min(events.size(), kShown); ++i) {
    const EventReference& event = events[i];
    text +=
        fmt::format("  {:<12}{} {} seq {}", i == 0 ? label : "", event.id, event.key, event.seq);
    if (event.sent) text += fmt::format(", sent at {:.3f} s", seconds(*event.sent));
    if (!event.where.empty()) text += fmt::format(", {} {}", preposition, event.where);
    text += "\n";
  }
  if (count > kShown) text += fmt::format("  {:<12}and {} more\n", "", count - kShown);
  return text;
}

std::string windows_text(const std::vector<Reconciliation::Window>& windows) {
  if (windows.empty()) return {};
  std::size_t width = 6;
  for (const auto& window : windows) width = std::max(width, window.name.size());
  std::string text =
      fmt::format("\n  {:<{}}  {:>8}  {:>8} {:>10} {:>10} {:>8} {:>13} {:>8} {:>10} {:>6} {:>10}\n",
                  "window", width, "from", "to", "sent", "acked", "rejected", "indeterminate",
                  "unsent", "delivered", "lost", "duplicated");
  for (const auto& window : windows) {
    text += fmt::format(
        "  {:<{}}  {:>7.1f}s {:>8} {:>10} {:>10} {:>8} {:>13} {:>8} {:>10} {:>6} {:>10}\n",
        window.name, width, seconds(window.from),
        window.to == Nanoseconds::max() ? std::string("end")
                                        : fmt::format("{:.1f}s", seconds(window.to)),
        window.sent, window.acked, window.rejected, window.indeterminate, window.unsent,
        window.delivered, window.lost, window.duplicated);
  }
  return text;
}

// Each acked event is one of these three once the sinks were read.
bool sinks_unread(const Reconciliation& result) {
  return !result.complete && result.delivered + result.dead_lettered + result.lost < result.acked;
}

}  // namespace

Json to_json(const Reconciliation& result) {
  Json json = {{"complete", result.complete}};
  if (!result.complete) json["why_incomplete"] = result.why_incomplete;
  json.update(Json{{"sent", result.sent},
                   {"acked", result.acked},
                   {"rejected", result.rejected},
                   {"indeterminate", result.indeterminate},
                   {"unsent", result.unsent},
                   {"delivered", result.delivered},
                   {"dead_lettered", result.dead_lettered},
                   {"lost", result.lost},
                   {"duplicated", result.duplicated},
                   {"reordered", result.reordered},
                   {"order_known", result.order_known},
                   {"stored_unacked", result.stored_unacked},
                   {"stored_rejected", result.stored_rejected},
                   {"unknown_in_sink", result.unknown_in_sink},
                   {"lost_events", events_json(result.lost_events)},
                   {"duplicated_events", events_json(result.duplicated_events)},
                   {"reordered_events", events_json(result.reordered_events)}});
  Json windows = Json::array();
  for (const auto& window : result.windows) {
    Json entry = {{"name", window.name}, {"from_ms", milliseconds(window.from)}};
    if (window.to != Nanoseconds::max()) entry["to_ms"] = milliseconds(window.to);
    entry.update(Json{{"sent", window.sent},
                      {"acked", window.acked},
                      {"rejected", window.rejected},
                      {"indeterminate", window.indeterminate},
                      {"unsent", window.unsent},
                      {"delivered", window.delivered},
                      {"lost", window.lost},
                      {"duplicated", window.duplicated}});
    windows.push_back(std::move(entry));
  }
  json["windows"] = std::move(windows);
  return json;
}

std::string to_text(const Reconciliation& result) {
  std::string text =
      fmt::format("  {:<12}{}: {} acked, {} rejected, {} indeterminate, {} unsent\n", "sent",
                  result.sent, result.acked, result.rejected, result.indeterminate, result.unsent);
  if (sinks_unread(result)) {
    text += fmt::format("  {:<12}not known\n", "found");
  } else {
    text +=
        fmt::format("  {:<12}{} delivered, {} dead-lettered, {} lost, {} duplicated, {}\n", "found",
                    result.delivered, result.dead_lettered, result.lost, result.duplicated,
                    result.order_known ? fmt::format("{} reordered", result.reordered)
                                       : std::string("order not known"));
  }
  const auto also = [&text](std::uint64_t count, const char* what) {
    if (count > 0) text += fmt::format("  {:<12}{} {}\n", "", count, what);
  };
  also(result.stored_unacked, "indeterminate, and stored (neither loss nor duplicate)");
  also(result.stored_rejected, "rejected or unsent, and stored all the same");
  also(result.unknown_in_sink, "of this run in a sink, but not in the ledger");
  text += windows_text(result.windows);
  text += events_text("lost", "missing from", result.lost, result.lost_events);
  text += events_text("duplicated", "in", result.duplicated, result.duplicated_events);
  text += events_text("reordered", "in", result.reordered, result.reordered_events);
  return text;
}

}  // namespace stormlog::chaos

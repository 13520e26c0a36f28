#include "chaos/report/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "chaos/report/timeline.hpp"
#include "common/base/units.hpp"

namespace stormlog::chaos {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMeasuredWidth = 52;
constexpr std::size_t kMostEntries = 40;
constexpr std::size_t kIdsShown = 5;

class Painter {
 public:
  explicit Painter(bool colour) : colour_(colour) {}
  std::string operator()(const char* code, const std::string& text) const {
    return colour_ ? std::string("\x1b[") + code + "m" + text + "\x1b[0m" : text;
  }

 private:
  bool colour_;
};

constexpr const char* kRed = "31";
constexpr const char* kGreen = "32";
constexpr const char* kYellow = "33";
constexpr const char* kBold = "1";

// Columns on a terminal: bytes that begin a character.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

std::string pad(const std::string& text, std::size_t width) {
  const std::size_t used = width_of(text);
  return text + std::string(used < width ? width - used : 0, ' ');
}

// {"p99_ms": 0.8} → "p99 800 µs"; lists and maps are for verdict.json.
std::string member_text(const std::string& key, const Json& value) {
  if (value.is_structured() || value.is_null()) return {};
  if (key.ends_with("_ms") && value.is_number()) {
    const Nanoseconds duration{static_cast<Nanoseconds::rep>(value.get<double>() * 1e6)};
    const std::string text = duration == Nanoseconds{0} ? "0 ms" : units::human_duration(duration);
    return key.substr(0, key.size() - 3) + " " + text;
  }
  if (value.is_boolean()) return (value.get<bool>() ? "" : "no ") + key;
  if (value.is_number_float()) return key + " " + fmt::format("{:.3g}", value.get<double>());
  return key + " " + (value.is_string() ? value.get<std::string>() : value.dump());
}

// As many members as fit; those that are judged come first.
std::string short_text(const Json& members, const Json& judged, std::size_t width) {
  if (!members.is_object()) return "-";
  std::vector<std::string> parts;
  for (const bool first : {true, false}) {
    for (const auto& [key, value] : members.items()) {
      if (judged.contains(key) != first) continue;
      if (auto part = member_text(key, value); !part.empty()) parts.push_back(std::move(part));
    }
  }
  std::string text;
  for (const std::string& part : parts) {
    if (!text.empty() && width_of(text) + 2 + width_of(part) > width) break;
    text += (text.empty() ? "" : ", ") + part;
  }
  std::replace(text.begin(), text.end(), '_', ' ');
  return text.empty() ? "-" : text;
}

std::string mark(CheckOutcome outcome, const Painter& paint) {
  switch (outcome) {
    case CheckOutcome::passed:
      return paint(kGreen, "✓");
    case CheckOutcome::failed:
      return paint(kRed, "✗");
    case CheckOutcome::unknown:
      break;
  }
  return paint(kYellow, "?");
}

std::string timeline_text(const RunRecord& run, const Painter& paint) {
  const std::vector<TimelineEntry> entries = timeline_of(run);
  if (entries.empty()) return {};
  // The beginning and the end tell the story; a flapping breaker in between must not bury it.
  const std::size_t skipped = entries.size() > kMostEntries ? entries.size() - kMostEntries : 0;
  std::string text = paint(kBold, "Timeline") + "\n";
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (skipped > 0 && i == kMostEntries / 2) {
      text += fmt::format("{:>13}  {} more in journal.ndjson\n", "…", skipped);
      i += skipped;
    }
    const TimelineEntry& entry = entries[i];
    const std::string line = entry.tone == TimelineEntry::Tone::trouble ? paint(kYellow, entry.text)
                             : entry.tone == TimelineEntry::Tone::good  ? paint(kGreen, entry.text)
                                                                        : entry.text;
    text += fmt::format("  {:>9.3f} s  {}\n", static_cast<double>(entry.at.count()) / 1e9, line);
  }
  return text + "\n";
}

std::string checks_text(const std::vector<CheckReport>& checks, const Painter& paint) {
  if (checks.empty()) return {};
  std::size_t width = 5;
  for (const CheckReport& check : checks) width = std::max(width, width_of(check.check));
  std::string text = paint(kBold, "Checks") + "\n";
  text += "  " + pad("", width + 4) + pad("measured", kMeasuredWidth) + "  expected\n";
  for (const CheckReport& check : checks) {
    const CheckResult& result = check.result;
    text += "  " + mark(result.outcome, paint) + " " + pad(check.check, width) + "  " +
            pad(short_text(result.measured, result.expected, kMeasuredWidth), kMeasuredWidth) +
            "  " + short_text(result.expected, result.expected, kMeasuredWidth) + "\n";
    if (!result.reason.empty()) {
      text += "    " + pad("", width + 2) +
              paint(result.outcome == CheckOutcome::failed ? kRed : kYellow, result.reason) + "\n";
    }
  }
  return text + "\n";
}

std::string ids_text(const char* what, const std::vector<EventReference>& events,
                     std::uint64_t count) {
  if (events.empty()) return {};
  std::string text = std::string("        ") + what + ":";
  const std::size_t shown = std::min(events.size(), kIdsShown);
  for (std::size_t i = 0; i < shown; ++i) text += " " + events[i].id;
  if (count > shown) text += fmt::format(" and {} more", count - shown);
  return text + "\n";
}

std::string ledger_text(const std::optional<Reconciliation>& ledger, const Painter& paint) {
  if (!ledger) return {};
  std::string text = fmt::format("sent {}, acked {}, delivered {}", ledger->sent, ledger->acked,
                                 ledger->delivered);
  const auto bad = [&](const char* what, std::uint64_t count) {
    const std::string part = fmt::format("{} {}", what, count);
    text += ", " + (count > 0 ? paint(kRed, part) : part);
  };
  bad("lost", ledger->lost);
  bad("duplicated", ledger->duplicated);
  text += fmt::format(", indeterminate {}", ledger->indeterminate);
  const auto also = [&](const char* what, std::uint64_t count) {
    if (count > 0) text += fmt::format(", {} {}", what, count);
  };
  also("rejected", ledger->rejected);
  also("unsent", ledger->unsent);
  also("dead-lettered", ledger->dead_lettered);
  also("reordered", ledger->reordered);
  also("stored though not acked", ledger->stored_unacked);
  also("stored though refused", ledger->stored_rejected);
  also("stored but never sent", ledger->unknown_in_sink);
  std::string out = paint(kBold, "Ledger") + "  " + text + "\n";
  if (!ledger->complete) {
    out += "        " + paint(kYellow, "incomplete: " + ledger->why_incomplete) + "\n";
  }
  out += ids_text("lost", ledger->lost_events, ledger->lost);
  out += ids_text("duplicated", ledger->duplicated_events, ledger->duplicated);
  return out;
}

}  // namespace

std::string render_text(const RunOutcome& outcome, bool colour) {
  const Painter paint(colour);
  const RunRecord& run = outcome.record;
  std::string text = "\n" + paint(kBold, run.title) + "\n\n";
  text += timeline_text(run, paint);
  text += checks_text(outcome.checks, paint);
  text += ledger_text(run.ledger, paint);
  const char* code = outcome.verdict == Verdict::passed   ? kGreen
                     : outcome.verdict == Verdict::failed ? kRed
                                                          : kYellow;
  std::string verdict(to_string(outcome.verdict));
  std::transform(verdict.begin(), verdict.end(), verdict.begin(),
                 [](char c) { return static_cast<char>(c - 'a' + 'A'); });
  text += fmt::format("{} {}{}  ({}, seed {})\n", paint(kBold, "VERDICT"), paint(code, verdict),
                      outcome.reason.empty() ? "" : ": " + outcome.reason,
                      units::human_duration(run.duration), run.seed);
  text += "Run     " + outcome.folder.string() + "\n";
  return text;
}

}  // namespace stormlog::chaos

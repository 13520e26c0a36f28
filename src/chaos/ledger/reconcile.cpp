#include <algorithm>
#include <array>

#include "chaos/ledger/id_index.hpp"
#include "chaos/ledger/ledger.hpp"

namespace stormlog::chaos {
namespace {

constexpr std::size_t kFirstFew = 20;
constexpr Nanoseconds kEver = Nanoseconds::max();

// Also the 32 digits without dashes, as some stores write UUIDs.
std::optional<Uuid> parse_id(std::string_view text) {
  if (text.size() != 32) return Uuid::parse(text);
  std::string dashed(text);
  for (const std::size_t at : {20U, 16U, 12U, 8U}) dashed.insert(at, 1, '-');
  return Uuid::parse(dashed);
}

// How often one sink holds each event; counts beyond 255 read as 255.
struct SinkCounts {
  std::string name;
  SinkSpec::Role role = SinkSpec::Role::store;
  std::vector<std::uint8_t> times;
};

class Reconciler {
 public:
  explicit Reconciler(const Ledger& ledger)
      : ledger_(ledger), ids_(ledger.entries), reordered_(ledger.entries.size(), 0) {
    for (const LedgerEntry& entry : ledger.entries) count_outcome(entry.outcome, result_);
    result_.sent = ledger.entries.size();
  }

  Result<void> read(Sink& sink) {
    SinkCounts counts{sink.spec().name, sink.spec().role, {}};
    counts.times.assign(ledger_.entries.size(), 0);
    const bool store = counts.role == SinkSpec::Role::store;
    const bool count_unknown = sink.only_this_run();
    bool told_order = false;
    std::vector<std::uint64_t> last_seq;  // by key: the highest acked so far in this sink

    Result<void> done = sink.read(ledger_.header, [&](SinkEvent&& event) {
      const std::optional<Uuid> id = parse_id(event.id);
      const std::uint32_t index = id ? ids_.find(*id) : IdIndex::kNone;
      if (index == IdIndex::kNone) {
        if (count_unknown) ++unknown_;
        return;
      }
      std::uint8_t& times = counts.times[index];
      const bool first_time = times == 0;
      if (times < 255) ++times;
      if (!store || !sink.ordered() || event.key.empty() || !event.seq) return;
      told_order = true;
      if (first_time) follow_order(index, last_seq);
    });
    if (!done) return done;
    order_known_ = order_known_ || told_order;
    sinks_.push_back(std::move(counts));
    return {};
  }

  void judge(const std::vector<FaultWindow>& windows) {
    open_windows(windows);
    for (std::size_t i = 0; i < ledger_.entries.size(); ++i) judge_event(i);
    result_.order_known = order_known_;
    result_.unknown_in_sink = unknown_;
  }

  // The windows without what sinks tell.
  void count_sent(const std::vector<FaultWindow>& windows) {
    open_windows(windows);
    for (const LedgerEntry& entry : ledger_.entries) {
      for_windows(entry, [&](Reconciliation::Window& window) {
        ++window.sent;
        count_outcome(entry.outcome, window);
      });
    }
  }

  Reconciliation result_;

 private:
  template <typename Counts>
  static void count_outcome(Outcome outcome, Counts& counts) {
    switch (outcome) {
      case Outcome::acked:
        ++counts.acked;
        break;
      case Outcome::rejected:
        ++counts.rejected;
        break;
      case Outcome::indeterminate:
        ++counts.indeterminate;
        break;
      case Outcome::unsent:
        ++counts.unsent;
        break;
    }
  }

  // Only acked events have an order to keep: the client went on without waiting for the others.
  void follow_order(std::uint32_t index, std::vector<std::uint64_t>& last_seq) {
    const LedgerEntry& entry = ledger_.entries[index];
    if (entry.outcome != Outcome::acked) return;
    if (last_seq.size() <= entry.event.key) last_seq.resize(entry.event.key + 1, 0);
    std::uint64_t& last = last_seq[entry.event.key];
    if (entry.event.seq < last) reordered_[index] = 1;
    last = std::max(last, entry.event.seq);
  }

  void open_windows(const std::vector<FaultWindow>& windows) {
    if (windows.empty()) return;
    std::vector<FaultWindow> sorted = windows;
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto& a, const auto& b) { return a.from < b.from; });
    const auto add = [this](const std::string& name, Nanoseconds from, Nanoseconds to) {
      Reconciliation::Window window;
      window.name = name;
      window.from = from;
      window.to = to;
      result_.windows.push_back(window);
    };
    // Offsets before 0 do not happen: the ledger begins at or after offset 0.
    if (sorted.front().from > Nanoseconds{0}) add("before", Nanoseconds{0}, sorted.front().from);
    Nanoseconds covered = sorted.front().from;
    for (const FaultWindow& window : sorted) {
      if (window.from > covered) add("between", covered, window.from);
      add(window.name, window.from, window.to);
      covered = std::max(covered, window.to);
    }
    Nanoseconds end = covered;
    for (const LedgerEntry& entry : ledger_.entries) end = std::max(end, entry.sent);
    if (end > covered) add("after", covered, end + Nanoseconds{1});
  }

  template <typename Visit>
  void for_windows(const LedgerEntry& entry, Visit visit) {
    for (Reconciliation::Window& window : result_.windows) {
      if (entry.sent >= window.from && (entry.sent < window.to || window.to == kEver)) {
        visit(window);
      }
    }
  }

  EventReference reference(std::size_t index, std::string where) const {
    const LedgerEntry& entry = ledger_.entries[index];
    return {entry.event.id.to_string(), "k" + std::to_string(entry.event.key), entry.event.seq,
            entry.sent, std::move(where)};
  }

  // Names of the stores that hold the event `fits` times.
  template <typename Fits>
  std::string stores_where(std::size_t index, Fits fits) const {
    std::string names;
    for (const SinkCounts& sink : sinks_) {
      if (sink.role != SinkSpec::Role::store || !fits(sink.times[index])) continue;
      names += (names.empty() ? "" : ", ") + sink.name;
    }
    return names;
  }

  void remember(std::vector<EventReference>& list, std::size_t index, std::string where) const {
    if (list.size() < kFirstFew) list.push_back(reference(index, std::move(where)));
  }

  void judge_event(std::size_t index) {
    const LedgerEntry& entry = ledger_.entries[index];
    bool in_all_stores = true;
    bool found = false;
    bool dead_lettered = false;
    bool duplicated = false;
    for (const SinkCounts& sink : sinks_) {
      const std::uint8_t times = sink.times[index];
      found = found || times > 0;
      if (sink.role == SinkSpec::Role::dlq) {
        dead_lettered = dead_lettered || times > 0;
      } else {
        in_all_stores = in_all_stores && times > 0;
        duplicated = duplicated || times > 1;
      }
    }

    const bool acked = entry.outcome == Outcome::acked;
    const bool delivered = acked && in_all_stores;
    const bool lost = acked && !in_all_stores && !dead_lettered;
    if (delivered) ++result_.delivered;
    if (acked && !in_all_stores && dead_lettered) ++result_.dead_lettered;
    if (lost) {
      ++result_.lost;
      remember(result_.lost_events, index, stores_where(index, [](int n) { return n == 0; }));
    }
    if (duplicated) {
      ++result_.duplicated;
      remember(result_.duplicated_events, index, stores_where(index, [](int n) { return n > 1; }));
    }
    if (reordered_[index] != 0) {
      ++result_.reordered;
      remember(result_.reordered_events, index, "");
    }
    if (entry.outcome == Outcome::indeterminate && found) ++result_.stored_unacked;
    if ((entry.outcome == Outcome::rejected || entry.outcome == Outcome::unsent) && found) {
      ++result_.stored_rejected;
    }

    for_windows(entry, [&](Reconciliation::Window& window) {
      ++window.sent;
      count_outcome(entry.outcome, window);
      window.delivered += delivered ? 1 : 0;
      window.lost += lost ? 1 : 0;
      window.duplicated += duplicated ? 1 : 0;
    });
  }

  const Ledger& ledger_;
  IdIndex ids_;
  std::vector<SinkCounts> sinks_;
  std::vector<std::uint8_t> reordered_;
  std::uint64_t unknown_ = 0;
  bool order_known_ = false;
};

}  // namespace

Reconciliation reconcile(const Ledger& ledger, const std::vector<std::unique_ptr<Sink>>& sinks,
                         const std::vector<FaultWindow>& windows, bool drained,
                         const std::string& why_not) {
  Reconciler reconciler(ledger);
  std::string unreadable;
  const bool has_store = std::any_of(sinks.begin(), sinks.end(), [](const auto& sink) {
    return sink->spec().role == SinkSpec::Role::store;
  });
  if (!has_store) unreadable = "no sink with the role `store`: nowhere to look for the events";
  for (const auto& sink : sinks) {
    if (!unreadable.empty()) break;
    if (Result<void> done = reconciler.read(*sink); !done) {
      unreadable = "sink " + sink->spec().name + ": " + done.error().message;
    }
  }

  if (!unreadable.empty()) {
    reconciler.count_sent(windows);
    reconciler.result_.why_incomplete = unreadable;
    return std::move(reconciler.result_);
  }
  reconciler.judge(windows);
  reconciler.result_.complete = drained;
  if (!drained) {
    reconciler.result_.why_incomplete = why_not.empty() ? "the system had not drained" : why_not;
  }
  return std::move(reconciler.result_);
}

}  // namespace stormlog::chaos

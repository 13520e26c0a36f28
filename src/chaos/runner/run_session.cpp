#include "chaos/runner/run_session.hpp"

#include <algorithm>
#include <thread>

#include "chaos/check/check.hpp"
#include "chaos/runner/drain.hpp"
#include "chaos/runner/plan.hpp"
#include "common/base/units.hpp"

namespace stormlog::chaos {
namespace {

using Json = nlohmann::ordered_json;

constexpr Nanoseconds kTurn = std::chrono::milliseconds{20};
constexpr Nanoseconds kProgressEvery = std::chrono::seconds{1};
constexpr Nanoseconds kProbeInterval = std::chrono::milliseconds{500};
constexpr Nanoseconds kSteadyWithin = std::chrono::seconds{15};
constexpr Nanoseconds kConnectWithin = std::chrono::seconds{3};
// Without a duration the load ends when this long nothing was amiss after the faults.
constexpr Nanoseconds kQuietEnd = std::chrono::seconds{3};
// Due requests that wait for longer than this are a queue, and the system not yet as before.
constexpr Nanoseconds kMostBehind = std::chrono::seconds{1};
constexpr Nanoseconds kDefaultRecovery = std::chrono::seconds{30};
constexpr Nanoseconds kSpareTime = std::chrono::minutes{10};
// A process may end a little after the fault that ends it.
constexpr Nanoseconds kDeathDelay = std::chrono::seconds{2};

Nanoseconds longest_recovery(const Experiment& experiment) {
  Nanoseconds longest = kDefaultRecovery;
  for (const CheckStep& step : experiment.expect) {
    if (step.check == "recovered") longest = step.params.duration("within");
  }
  return longest + kQuietEnd;
}

Nanoseconds planned(const Experiment& experiment, const std::optional<LoadSpec>& load) {
  Nanoseconds end{0};
  for (const FaultStep& step : experiment.method) {
    const Nanoseconds from = step.at.value_or(end);
    end = std::max(end, from + step.duration.value_or(Nanoseconds{0}));
  }
  if (load && load->duration) end = std::max(end, *load->duration);
  return end;
}

}  // namespace

RunSession::RunSession(const Stack& stack, const Experiment& experiment, const RunOptions& options,
                       const std::atomic<bool>& stop, RunFolder folder,
                       std::unique_ptr<Journal> journal)
    : stack_(stack),
      experiment_(experiment),
      options_(options),
      stop_(stop),
      folder_(std::move(folder)),
      journal_(std::move(journal)) {
  if (experiment.load) load_spec_ = LoadSpec::from(*experiment.load);
}

RunOutcome RunSession::run() {
  record_.title = experiment_.title;
  record_.seed = options_.seed;
  record_.started = SystemClock::instance().wall_now();
  Json plan = make_plan(experiment_, stack_, options_.seed);
  plan["run"] = folder_.name;
  journal_->write("run_started", plan);
  try {
    prepare();
    if (!ended()) reach_steady_state();
    if (!ended()) start_load();
    if (!ended()) play_method();
    if (!ended()) observe_recovery();
  } catch (const std::exception& e) {
    abort(std::string("internal error: ") + e.what());
  }
  // From here on everything is put back and read, however the run went.
  if (faults_) faults_->stop_and_heal();
  finish_load();
  drain_and_reconcile();
  confirm_steady_state();
  collect();
  RunOutcome outcome;
  outcome.name = folder_.name;
  outcome.folder = folder_.path;
  judge(outcome);
  outcome.record = std::move(record_);
  Json end = {{"verdict", std::string(to_string(outcome.verdict))}, {"reason", outcome.reason}};
  journal_->write("run_ended", end);
  if (const auto written = journal_->sync(); !written.ok() && outcome.verdict == Verdict::passed) {
    outcome.verdict = Verdict::unknown;
    outcome.reason = "the journal could not be written: " + written.error().message;
  }
  return outcome;
}

void RunSession::prepare() {
  auto steady = arm(stack_, experiment_.steady_state);
  auto stops = arm(stack_, experiment_.stop_when);
  faults_ = std::make_unique<FaultRunner>(stack_, experiment_, folder_.name, options_.seed,
                                          options_.program, *journal_);
  breakers_ = std::make_unique<BreakerObserver>(stack_, *journal_);
  processes_ = std::make_unique<ProcessWatcher>(stack_, *journal_);
  memory_ = std::make_unique<MemoryWatcher>(stack_, *journal_);
  if (!steady.ok()) return invalidate(steady.error().message);
  if (!stops.ok()) return invalidate(stops.error().message);
  probes_ = std::make_unique<ProbeWatcher>(std::move(*steady), std::move(*stops), *journal_,
                                           kProbeInterval,
                                           [this](const std::string& reason) { abort(reason); });
  if (load_spec_ && !stack_.ledger.send) {
    return invalidate(stack_.file.string() +
                      ": the experiment has a load, but ledger.send does not say how to send");
  }
  if (const auto ready = faults_->preflight(); !ready.ok()) invalidate(ready.error().message);
}

void RunSession::reach_steady_state() {
  progress("steady state");
  const std::string missed = probes_->wait_until_steady(kSteadyWithin);
  if (!missed.empty()) {
    invalidate("the steady state did not hold before: " + missed);
    return;
  }
  journal_->write("steady_state_before", {{"held", true}});
}

void RunSession::start_load() {
  processes_->start();
  breakers_->start();
  breakers_->wait_until_connected(kConnectWithin);
  if (load_spec_) {
    const MonotonicTime epoch = SystemClock::instance().now();
    journal_->set_epoch(epoch);
    record_.started = SystemClock::instance().wall_now();
    load_ = std::make_unique<LoadGenerator>(*stack_.ledger.send, *load_spec_, folder_.name,
                                            options_.seed, folder_.path / kLedgerFile, epoch);
    if (const auto started = load_->start(); !started.ok()) {
      load_.reset();
      invalidate(started.error().message);
      return;
    }
    record_.had_load = true;
    journal_->write("load_started", experiment_.load->to_json());
  } else {
    journal_->set_epoch(SystemClock::instance().now());
    record_.started = SystemClock::instance().wall_now();
  }
  memory_->start();
  probes_->start();
  faults_->start();
}

void RunSession::play_method() {
  while (!ended() && !faults_->finished()) {
    progress("method");
    pause();
  }
}

void RunSession::observe_recovery() {
  if (load_ && load_spec_->duration) {
    while (!ended() && !load_->finished()) {
      progress("load");
      pause();
    }
    return;
  }
  const Nanoseconds over = journal_->now();
  const Nanoseconds limit = over + longest_recovery(experiment_);
  while (!ended() && journal_->now() < limit) {
    progress("recovery");
    const Nanoseconds since = std::max(over, last_trouble());
    if (journal_->now() - since >= kQuietEnd && processes_->all_running() &&
        breakers_->all_closed()) {
      return;
    }
    pause();
  }
}

Nanoseconds RunSession::last_trouble() {
  Nanoseconds last =
      std::max({probes_->last_trouble(), breakers_->last_change(), processes_->last_event()});
  if (load_) {
    const LoadSnapshot now = load_->snapshot();
    const std::uint64_t bad = now.rejected + now.indeterminate + now.unsent;
    if (bad != bad_events_ || now.behind > kMostBehind) {
      bad_events_ = bad;
      last_bad_event_ = journal_->now();
    }
    last = std::max(last, last_bad_event_);
  }
  return last;
}

void RunSession::finish_load() {
  if (!load_) return;
  // What is due is still sent: cut off, it would look as if the system had refused it.
  load_->end();
  const Nanoseconds limit = journal_->now() + 2 * load_spec_->timeout;
  while (!ended() && !load_->finished() && journal_->now() < limit) pause();
  const auto stopped = load_->stop();
  record_.load_to = journal_->now();
  record_.requests = load_->take_samples();
  const LoadSnapshot total = load_->snapshot();
  journal_->write("load_ended", {{"sent", total.sent},
                                 {"acked", total.acked},
                                 {"rejected", total.rejected},
                                 {"indeterminate", total.indeterminate},
                                 {"unsent", total.unsent}});
  if (!stopped.ok()) invalidate("the ledger could not be written: " + stopped.error().message);
}

void RunSession::drain_and_reconcile() {
  if (!record_.had_load || stack_.ledger.sinks.empty()) return;
  progress("drain");
  Reconciliation unreadable;
  const auto give_up = [&](const std::string& why) {
    unreadable.why_incomplete = why;
    record_.ledger = unreadable;
    journal_->write("ledger_unreadable", {{"reason", why}});
  };
  auto sinks = make_sinks(stack_);
  if (!sinks.ok()) return give_up(sinks.error().message);
  const auto ledger = read_ledger(folder_.path / kLedgerFile);
  if (!ledger.ok()) return give_up(ledger.error().message);
  const auto drain = wait_until_drained(stack_, *sinks, ledger->header, stack_.ledger.drain_timeout,
                                        halt_, [this](const std::string&) {
                                          progress("drain");
                                          if (stop_) abort("interrupted");
                                        });
  if (!drain.ok()) return give_up(drain.error().message);
  // Reading the sinks takes memory of the stores that the system did not ask for.
  if (memory_) memory_->stop();
  if (drain->drained) {
    record_.drained = journal_->now();
    journal_->write("drained");
  } else {
    journal_->write("not_drained", {{"reason", drain->why_not}});
  }
  std::vector<FaultWindow> windows;
  for (const FaultRecord& fault : faults_->records()) {
    if (!fault.injected) continue;
    windows.push_back({fault.fault + " " + fault.target, *fault.injected,
                       fault.healed.value_or(record_.load_to)});
  }
  record_.ledger = reconcile(*ledger, *sinks, windows, drain->drained, drain->why_not);
  journal_->write("ledger_read", {{"sent", record_.ledger->sent},
                                  {"acked", record_.ledger->acked},
                                  {"delivered", record_.ledger->delivered},
                                  {"lost", record_.ledger->lost},
                                  {"duplicated", record_.ledger->duplicated},
                                  {"complete", record_.ledger->complete}});
}

void RunSession::confirm_steady_state() {
  if (!probes_ || !record_.had_load || ended()) return;
  probes_->stop();
  if (experiment_.steady_state.empty()) return;
  const std::string missed = probes_->wait_until_steady(kSteadyWithin);
  journal_->write("steady_state_after", {{"held", missed.empty()}, {"missed", missed}});
  CheckReport report;
  report.check = "steady_state";
  report.place = experiment_.file.string();
  report.params = Json::object();
  report.result.outcome = missed.empty() ? CheckOutcome::passed : CheckOutcome::failed;
  report.result.measured = {{"held_after", missed.empty()}};
  report.result.expected = {{"held_after", true}};
  report.result.reason = missed.empty() ? "" : "it does not hold again: " + missed;
  extra_checks_.push_back(std::move(report));
}

void RunSession::collect() {
  if (probes_) {
    probes_->stop();
    record_.steady_state = probes_->observations();
  }
  if (processes_) {
    processes_->stop();
    record_.processes = processes_->events();
    record_.processes_watched = processes_->watched();
  }
  if (memory_) {
    memory_->stop();
    record_.memory = memory_->samples();
  }
  if (breakers_) {
    breakers_->stop();
    record_.transitions = breakers_->transitions();
    record_.breakers_seen = breakers_->breakers();
    record_.breakers_refused = breakers_->refusals();
  }
  if (faults_) record_.faults = faults_->records();
  record_.duration = journal_->now();
  explain_processes();
}

// An end belongs to a fault when the fault hit that very process, or when it was on that service
// at the time: a paused service may be killed by its own supervisor.
void RunSession::explain_processes() {
  for (ProcessEvent& event : record_.processes) {
    for (const FaultRecord& fault : record_.faults) {
      if (fault.target != event.service || !fault.injected) continue;
      const bool hit = fault.measured.is_object() && fault.measured.value("pid", 0) == event.pid &&
                       event.kind == ProcessEvent::Kind::ended;
      const bool during = fault.lasting && event.at >= *fault.injected &&
                          event.at <= fault.healed.value_or(record_.duration) + kDeathDelay;
      if (hit || during) event.fault = fault.id;
    }
  }
}

void RunSession::judge(RunOutcome& outcome) {
  for (const CheckStep& step : experiment_.expect) {
    CheckReport report;
    report.check = step.check;
    report.place = step.place;
    report.params = step.params.to_json();
    report.result = find_check_kind(step.check)->judge(record_, step.params);
    outcome.checks.push_back(std::move(report));
  }
  outcome.checks.insert(outcome.checks.end(), extra_checks_.begin(), extra_checks_.end());
  for (const CheckReport& check : outcome.checks) {
    journal_->write("check", {{"check", check.check},
                              {"result", std::string(to_string(check.result.outcome))},
                              {"measured", check.result.measured},
                              {"expected", check.result.expected},
                              {"reason", check.result.reason}});
  }
  RunEnd end;
  {
    const std::lock_guard lock(mutex_);
    end = end_;
  }
  const bool had_fault = std::any_of(record_.faults.begin(), record_.faults.end(),
                                     [](const FaultRecord& f) { return f.injected.has_value(); });
  if (end.invalid.empty() && record_.had_load && had_fault) {
    const Nanoseconds first = *std::min_element(record_.faults.begin(), record_.faults.end(),
                                                [](const FaultRecord& a, const FaultRecord& b) {
                                                  return a.injected.value_or(Nanoseconds::max()) <
                                                         b.injected.value_or(Nanoseconds::max());
                                                })
                                   ->injected;
    const bool flowed = std::any_of(
        record_.requests.begin(), record_.requests.end(), [&](const RequestSample& request) {
          return request.done < first && request.outcome == Outcome::acked;
        });
    if (!flowed) end.invalid = "nothing was acknowledged before the first fault";
  }
  if (end.invalid.empty() && stack_.proxy) {
    for (const ProcessEvent& event : record_.processes) {
      if (event.service != stack_.proxy->service || event.kind != ProcessEvent::Kind::ended ||
          !event.fault.empty()) {
        continue;
      }
      end.invalid = "the proxy " + event.service + " died: what its links did is not known";
      break;
    }
  }
  outcome.verdict = decide(end, record_, outcome.checks, outcome.reason);
}

void RunSession::abort(const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    if (!end_.aborted.empty()) return;
    end_.aborted = reason;
  }
  halt_ = true;
  journal_->write("run_aborting", {{"reason", reason}});
}

void RunSession::invalidate(const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    if (end_.invalid.empty()) end_.invalid = reason;
  }
  journal_->write("run_invalid", {{"reason", reason}});
}

bool RunSession::ended() const {
  const std::lock_guard lock(mutex_);
  return !end_.aborted.empty() || !end_.invalid.empty();
}

void RunSession::progress(const std::string& phase) {
  if (!options_.on_progress) return;
  const Nanoseconds now = journal_->now();
  if (last_progress_ != Nanoseconds::min() && now >= last_progress_ &&
      now - last_progress_ < kProgressEvery) {
    return;
  }
  last_progress_ = now;
  if (load_) {
    const LoadSnapshot snapshot = load_->snapshot();
    options_.on_progress(phase, now, &snapshot);
  } else {
    options_.on_progress(phase, now, nullptr);
  }
}

void RunSession::pause() {
  if (stop_) return abort("interrupted");
  const Nanoseconds limit = experiment_.limits.max_duration > Nanoseconds{0}
                                ? experiment_.limits.max_duration
                                : planned(experiment_, load_spec_) + kSpareTime;
  if (journal_->now() > limit) {
    return abort("longer than " + units::format_duration(limit));
  }
  std::this_thread::sleep_for(kTurn);
}

}  // namespace stormlog::chaos

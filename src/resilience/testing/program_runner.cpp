#include <algorithm>
#include <cmath>
#include <sstream>

#include "resilience/testing/breaker_program.hpp"

namespace stormlog::resilience::testing {
namespace {

using Metrics = CircuitBreaker::Metrics;

// Both breakers, side by side, and what can be said of the real one without the reference.
class Runner {
 public:
  Runner(const Program& program, Mistake mistake)
      : config_(program.config),
        reference_(program.config, mistake),
        real_("b", program.config, clock_, Random(program.seed)) {
    real_.on_event([this](const BreakerEvent& event) { heard(event); });
  }

  void step(const Step& step);
  void finish();
  const std::string& trouble() const { return trouble_; }

 private:
  struct Out {
    Permit permit;
    int call;
    MonotonicTime start;
    std::uint64_t half_open_stay = 0;  // 0: admitted in another state
  };

  void acquire();
  void settle(const Step& step);
  void compare_metrics();
  void compare();
  void close_in_the_end();
  void heard(const BreakerEvent& event);
  template <typename T>
  void same(const char* what, const T& real, const T& reference) {
    if (real == reference) return;
    std::ostringstream out;
    out << what << " is " << real << ", should be " << reference;
    fail(out.str());
  }
  void fail(const std::string& what) {
    if (trouble_.empty()) trouble_ = what;
  }

  CircuitBreakerConfig config_;
  ManualClock clock_;
  ReferenceBreaker reference_;
  std::vector<std::string> events_;
  BreakerState told_state_ = BreakerState::closed;
  std::uint64_t told_sequence_ = 0;
  std::uint64_t half_open_stay_ = 0;
  int half_open_results_ = 0;
  std::uint64_t settled_ = 0;
  std::string trouble_;
  CircuitBreaker real_;   // after what its listener uses
  std::vector<Out> out_;  // last: permits settle when they go
};

void Runner::heard(const BreakerEvent& event) {
  if (event.sequence != told_sequence_ + 1) fail("an event was left out");
  told_sequence_ = event.sequence;
  if (event.at != clock_.wall_now()) fail("an event does not carry the wall time");
  switch (event.type) {
    case BreakerEvent::Type::state_transition:
      if (event.from != told_state_) fail("a transition does not start where the last one ended");
      told_state_ = event.to;
      if (event.to == BreakerState::half_open) {
        ++half_open_stay_;
        half_open_results_ = 0;
      }
      events_.push_back(std::string(to_string(event.from)) + ">" +
                        std::string(to_string(event.to)) + " " +
                        std::string(to_string(event.reason)));
      break;
    case BreakerEvent::Type::failure_rate_exceeded:
    case BreakerEvent::Type::slow_call_rate_exceeded:
      events_.push_back(std::string(to_string(event.type)) + " " +
                        describe_rate(event.rate_percent));
      break;
    default:
      events_.push_back(std::string(to_string(event.type)));
  }
}

void Runner::acquire() {
  clock_.advance(Nanoseconds(1));  // no two calls start at once: their order is defined
  const MonotonicTime now = clock_.now();
  const bool expected = reference_.would_permit(now);
  same("would_permit", real_.would_permit(), expected);
  Permit permit = real_.acquire();
  const std::optional<int> call = reference_.acquire(now);
  same("admitted", static_cast<bool>(permit), call.has_value());
  if (!permit || !call) return;
  const bool half_open = real_.state() == BreakerState::half_open;
  out_.push_back({std::move(permit), *call, now, half_open ? half_open_stay_ : 0});
  if (!half_open) return;
  const auto probes = std::count_if(out_.begin(), out_.end(), [&](const Out& out) {
    const bool leased =
        config_.half_open_lease.count() == 0 || now - out.start < config_.half_open_lease;
    return out.half_open_stay == half_open_stay_ && leased;
  });
  if (probes + half_open_results_ > config_.half_open_permits) {
    fail("half-open admitted more calls than it has permits");
  }
}

void Runner::settle(const Step& step) {
  using How = ReferenceBreaker::How;
  if (out_.empty()) return;
  const auto at = out_.begin() + static_cast<std::ptrdiff_t>(step.permit % out_.size());
  Out out = std::move(*at);
  out_.erase(at);
  ++settled_;
  const MonotonicTime now = clock_.now();
  const bool probe =
      out.half_open_stay != 0 && out.half_open_stay == half_open_stay_ &&
      real_.state() == BreakerState::half_open &&
      (config_.half_open_lease.count() == 0 || now - out.start < config_.half_open_lease);
  switch (step.kind) {
    case Step::Kind::success:
      step.duration ? out.permit.success(*step.duration) : out.permit.success();
      reference_.settle(out.call, How::success, step.duration, now);
      half_open_results_ += probe;
      break;
    case Step::Kind::failure:
      step.duration ? out.permit.failure(*step.duration) : out.permit.failure();
      reference_.settle(out.call, How::failure, step.duration, now);
      half_open_results_ += probe;
      break;
    case Step::Kind::ignore:
      out.permit.ignore();
      reference_.settle(out.call, How::ignored, std::nullopt, now);
      break;
    default:
      out.permit = Permit();
      reference_.settle(out.call, How::ignored, std::nullopt, now);
  }
  // A permit settles once: whatever is done with it now must change nothing.
  out.permit.failure();
  out.permit.ignore();
}

void Runner::step(const Step& step) {
  switch (step.kind) {
    case Step::Kind::acquire:
      acquire();
      break;
    case Step::Kind::success:
    case Step::Kind::failure:
    case Step::Kind::ignore:
    case Step::Kind::drop:
      settle(step);
      break;
    case Step::Kind::advance:
      clock_.advance(step.time);
      break;
    case Step::Kind::step_wall_clock:
      clock_.step_wall(step.time);
      break;
    case Step::Kind::tick:
      real_.tick();
      reference_.tick(clock_.now());
      break;
    case Step::Kind::transition:
      same("transition_to", real_.transition_to(step.to),
           reference_.transition_to(step.to, clock_.now()));
      break;
    case Step::Kind::reset:
      real_.reset();
      reference_.reset(clock_.now());
      break;
    case Step::Kind::metrics:
      compare_metrics();
      break;
  }
  compare();
}

void Runner::compare() {
  const MonotonicTime now = clock_.now();
  same("state", to_string(real_.state()), to_string(reference_.state()));
  if (!reference_.adopt_open_wait(real_.remaining_open(), now)) {
    fail("the wait in open is " + std::to_string(real_.remaining_open().count()) +
         " ns, out of its bounds");
  }
  same("remaining_open", real_.remaining_open().count(), reference_.remaining_open(now).count());
  same("would_permit", real_.would_permit(), reference_.would_permit(now));
}

void Runner::compare_metrics() {
  const Metrics real = real_.metrics();
  const Metrics reference = reference_.metrics(clock_.now());
  if (real.successful + real.failed + real.ignored != settled_) {
    fail("the totals are not the calls that were settled");
  }
  same("successful", real.successful, reference.successful);
  same("failed", real.failed, reference.failed);
  same("ignored", real.ignored, reference.ignored);
  same("not_permitted", real.not_permitted, reference.not_permitted);
  same("transitions", real.transitions, reference.transitions);
  same("buffered", real.buffered, reference.buffered);
  same("buffered_failed", real.buffered_failed, reference.buffered_failed);
  same("buffered_slow", real.buffered_slow, reference.buffered_slow);
  same("buffered_slow_failed", real.buffered_slow_failed, reference.buffered_slow_failed);
  const auto close = [this](const char* what, double a, double b) {
    if (std::abs(a - b) > 1e-6) same(what, a, b);
  };
  close("successful_seconds", real.successful_seconds, reference.successful_seconds);
  close("failed_seconds", real.failed_seconds, reference.failed_seconds);
  close("ignored_seconds", real.ignored_seconds, reference.ignored_seconds);
  close("successful_max", real.successful_max_seconds, reference.successful_max_seconds);
  close("failed_max", real.failed_max_seconds, reference.failed_max_seconds);
  close("failure_rate", real.failure_rate_percent, reference.failure_rate_percent);
  close("slow_rate", real.slow_rate_percent, reference.slow_rate_percent);
}

// No state is absorbing: with time and successes alone, the breaker closes by itself; those that a
// person forced need one word of a person.
void Runner::close_in_the_end() {
  while (!out_.empty()) {
    out_.pop_back();
    ++settled_;
  }
  switch (real_.state()) {
    case BreakerState::disabled:
    case BreakerState::forced_open:
    case BreakerState::metrics_only:
      if (!real_.transition_to(BreakerState::open)) fail("cannot leave a manual state");
      break;
    default:
      break;
  }
  const int tries = 2 * (config_.half_open_permits + 2);
  for (int i = 0; i < tries && real_.state() != BreakerState::closed; ++i) {
    clock_.advance(real_.remaining_open());
    Permit permit = real_.acquire();
    permit.success(Nanoseconds{0});
  }
  if (real_.state() != BreakerState::closed) fail("it never closes again");
}

void Runner::finish() {
  compare_metrics();
  if (!trouble_.empty()) return;
  for (std::size_t i = 0; i < std::max(events_.size(), reference_.events().size()); ++i) {
    const auto at = [i](const std::vector<std::string>& events) {
      return i < events.size() ? events[i] : std::string("none");
    };
    same("event", at(events_), at(reference_.events()));
  }
  close_in_the_end();
}

}  // namespace

std::optional<std::string> run(const Program& program, Mistake mistake) {
  Runner runner(program, mistake);
  for (std::size_t i = 0; i < program.steps.size(); ++i) {
    runner.step(program.steps[i]);
    if (!runner.trouble().empty()) {
      return "after step " + std::to_string(i) + ": " + runner.trouble();
    }
  }
  runner.finish();
  if (!runner.trouble().empty()) return "in the end: " + runner.trouble();
  return std::nullopt;
}

}  // namespace stormlog::resilience::testing

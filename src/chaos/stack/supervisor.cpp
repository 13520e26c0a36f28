#include "chaos/stack/supervisor.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "chaos/stack/log_rotation.hpp"
#include "chaos/stack/preflight.hpp"
#include "chaos/stack/process_tree.hpp"
#include "common/base/file.hpp"
#include "common/base/log.hpp"
#include "common/base/suggest.hpp"

namespace stormlog::chaos {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr milliseconds kRotationInterval{1'000};
constexpr milliseconds kFirstRequestPatience{30'000};
constexpr milliseconds kLeftoverPoll{10};

Result<int> take_lock(const fs::path& home) {
  for (const char* folder : {"state", "logs", "data"}) {
    if (auto made = file::make_dirs(home / folder); !made.ok()) return made.error();
  }
  const fs::path path = state_folder(home) / "lock";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return Error::permanent("cannot open " + path.string() + ": " + strerror(errno));
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  const int code = errno;
  ::close(fd);
  if (code == EWOULDBLOCK) {
    return Error::retriable("another supervisor runs for " + home.string(), "LOCKED");
  }
  return Error::permanent("cannot lock " + path.string() + ": " + std::strerror(code));
}

// Enough to stop a service by, without its stack file.
ServiceSpec spec_from(const ServiceRecord& record) {
  ServiceSpec spec;
  spec.name = record.state.name;
  spec.stop_signal = record.stop_signal;
  spec.stop_timeout = record.stop_timeout;
  spec.depends_on = record.depends_on;
  spec.restart.when = RestartPolicy::When::never;
  return spec;
}

}  // namespace

Result<std::unique_ptr<Supervisor>> Supervisor::create(SupervisorOptions options) {
  const auto lock = take_lock(options.home);
  if (!lock.ok()) return lock.error();
  std::unique_ptr<Supervisor> supervisor(new Supervisor(std::move(options), *lock));
  if (auto adopted = supervisor->adopt(); !adopted.ok()) return adopted.error();
  return supervisor;
}

Supervisor::Supervisor(SupervisorOptions options, int lock)
    : options_(std::move(options)),
      lock_(lock),
      host_{loop_, SystemClock::instance(), options_.home,
            [this](ServiceUnit& unit) { on_changed(unit); },
            [this](const ServiceUnit& unit) { return orphans_of(unit); }} {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  loop_.after(kRotationInterval, [this] { rotate_logs(); });
  loop_.after(kFirstRequestPatience, [this] {
    used_ = true;
    review_soon();
  });
}

Supervisor::~Supervisor() {
  units_.clear();
  ::close(lock_);
}

// A stack file that cannot be read is no obstacle: what lives can still be stopped.
Result<void> Supervisor::adopt() {
  const auto before = read_supervisor_record(options_.home);
  if (before.ok() && *before && options_.profiles.empty()) {
    options_.profiles = (*before)->profiles;
    options_.variables.insert((*before)->variables.begin(), (*before)->variables.end());
  }
  auto records = read_records(options_.home);
  if (!records.ok()) return records.error();
  auto stack = load_stack(options_.stack_file, options_.profiles, options_.variables);
  if (stack.ok()) {
    stack_ = std::move(*stack);
  } else {
    log::warn("the stack file cannot be read", {{"reason", stack.error().message}});
  }
  save();
  for (const auto& record : *records) {
    const ServiceSpec* spec = stack_.service(record.state.name);
    const bool known = spec != nullptr && spec->managed();
    units_.push_back(std::make_unique<ServiceUnit>(
        known ? *spec : spec_from(record), stack_.variables, stack_.root, record.order, host_));
    units_.back()->adopt(record);
  }
  return {};
}

ServiceUnit* Supervisor::unit(const std::string& name) const {
  for (const auto& one : units_) {
    if (one->spec().name == name) return one.get();
  }
  return nullptr;
}

Result<ServiceUnit*> Supervisor::known_unit(const std::string& name) const {
  if (ServiceUnit* found = unit(name); found != nullptr) return found;
  if (stack_.service(name) != nullptr) {
    return Error::permanent("service \"" + name + "\" was not started by stormlog up");
  }
  std::vector<std::string> names;
  for (const auto& one : units_) names.push_back(one->spec().name);
  return Error::permanent("unknown service \"" + name + "\"" + did_you_mean(name, names));
}

Result<void> Supervisor::read_stack(const UpRequest& request) {
  const bool lives =
      std::any_of(units_.begin(), units_.end(), [](const auto& one) { return one->has_process(); });
  const auto profiles = request.profiles.empty() ? options_.profiles : request.profiles;
  if (lives && profiles != options_.profiles) {
    return Error::permanent("the stack runs with other profiles; stop it first: stormlog down");
  }
  document::Variables variables = options_.variables;
  for (const auto& [name, value] : request.variables) variables[name] = value;
  auto stack = load_stack(request.stack_file, profiles, variables);
  if (!stack.ok()) return stack.error();
  options_.stack_file = request.stack_file;
  stack_ = std::move(*stack);
  options_.profiles = profiles;
  options_.variables = variables;
  save();
  std::vector<std::unique_ptr<ServiceUnit>> units;
  for (std::size_t order = 0; order < stack_.services.size(); ++order) {
    const ServiceSpec& spec = stack_.services[order];
    if (!spec.managed()) continue;
    const auto old = std::find_if(units_.begin(), units_.end(), [&](const auto& one) {
      return one != nullptr && one->spec().name == spec.name;
    });
    if (old == units_.end()) {
      units.push_back(
          std::make_unique<ServiceUnit>(spec, stack_.variables, stack_.root, order, host_));
    } else {
      (*old)->update(spec, stack_.variables, order);
      units.push_back(std::move(*old));
    }
  }
  for (auto& old : units_) {
    if (old == nullptr) continue;
    if (old->has_process()) {
      units.push_back(std::move(old));  // no longer in the file: kept until `down`
    } else {
      remove_record(options_.home, old->spec().name);
    }
  }
  units_ = std::move(units);
  return {};
}

Result<std::vector<std::string>> Supervisor::with_dependencies(
    const std::vector<std::string>& names) const {
  std::vector<std::string> wanted;
  std::vector<std::string> open = names;
  if (open.empty()) {
    for (const auto& service : stack_.services) {
      if (service.managed()) open.push_back(service.name);
    }
  }
  while (!open.empty()) {
    const std::string name = open.back();
    open.pop_back();
    if (std::find(wanted.begin(), wanted.end(), name) != wanted.end()) continue;
    const ServiceSpec* spec = stack_.service(name);
    if (spec == nullptr) {
      return Error::permanent("unknown service \"" + name + "\"" +
                              did_you_mean(name, stack_.service_names()));
    }
    if (!spec->managed()) {
      const bool asked = std::find(names.begin(), names.end(), name) != names.end();
      if (!asked) continue;
      return Error::permanent("service \"" + name + "\" has no command: somebody else starts it");
    }
    wanted.push_back(name);
    open.insert(open.end(), spec->depends_on.begin(), spec->depends_on.end());
  }
  return wanted;
}

Result<void> Supervisor::check_before(const std::vector<std::string>& names) const {
  std::vector<const ServiceSpec*> to_start;
  for (const auto& one : units_) {
    const auto& spec = one->spec();
    const bool asked = std::find(names.begin(), names.end(), spec.name) != names.end();
    const bool under_way = one->has_process() || one->state().phase == ServicePhase::backing_off ||
                           one->state().phase == ServicePhase::crash_loop;
    if (asked && !under_way) to_start.push_back(&spec);
  }
  const auto problems = preflight(stack_, to_start);
  if (problems.empty()) return {};
  std::string text = "nothing was started:";
  for (const auto& problem : problems) text += "\n  " + problem;
  return Error::permanent(text, "PREFLIGHT");
}

std::uint64_t Supervisor::up(const UpRequest& request, OnStackProgress progress, OnDone done) {
  used_ = true;
  const auto refuse = [&](const Error& error) {
    done(error);
    review_soon();
    return std::uint64_t{0};
  };
  if (stopping_) return refuse(Error::retriable("the stack is being stopped; try again"));
  if (auto read = read_stack(request); !read.ok()) return refuse(read.error());
  const auto names = with_dependencies(request.services);
  if (!names.ok()) return refuse(names.error());
  if (auto checked = check_before(*names); !checked.ok()) return refuse(checked.error());
  std::uint64_t id = 0;
  if (request.wait) {
    id = add_waiter(
        {Waiter::For::up, {names->begin(), names->end()}, std::move(progress), std::move(done)});
  } else {
    done({});
  }
  pending_.insert(names->begin(), names->end());
  start_ready();
  review_soon();
  return id;
}

std::uint64_t Supervisor::down(OnStackProgress progress, OnDone done) {
  used_ = true;
  pending_.clear();
  const auto others = waiters_;
  for (const auto& [id, waiter] : others) {
    if (waiter.what != Waiter::For::down) {
      finish(id, Error::permanent("the stack was stopped by stormlog down"));
    }
  }
  Waiter waiter{Waiter::For::down, {}, std::move(progress), std::move(done)};
  for (const auto& one : units_) {
    if (one->has_process()) waiter.services.insert(one->spec().name);
  }
  const std::uint64_t id = add_waiter(std::move(waiter));
  if (!stopping_) {
    log::info("stopping all services");
    stopping_ = true;
    stop_asked_ = host_.clock.now();
    stop_sent_.clear();
  }
  stop_ready();
  review_soon();
  return id;
}

std::uint64_t Supervisor::restart(const std::string& service, OnDone done) {
  auto found = known_unit(service);
  Result<void> begun;
  if (stopping_) {
    begun = Error::retriable("the stack is being stopped");
  } else if (!found.ok()) {
    begun = found.error();
  } else {
    begun = (*found)->restart();
  }
  if (!begun.ok()) {
    done(begun);
    return 0;
  }
  review_soon();
  return add_waiter({Waiter::For::restart, {service}, {}, std::move(done)});
}

Result<void> Supervisor::hold(const std::string& service, const std::string& fault,
                              milliseconds ttl) {
  auto found = known_unit(service);
  if (!found.ok()) return found.error();
  if (stopping_) return Error::retriable("the stack is being stopped");
  log::info("held", {{"name", service}, {"fault", fault}, {"ttl_ms", ttl.count()}});
  (*found)->hold(fault, ttl);
  return {};
}

Result<void> Supervisor::release(const std::string& service, const std::string& fault) {
  auto found = known_unit(service);
  if (!found.ok()) return found.error();
  log::info("released", {{"name", service}, {"fault", fault}});
  (*found)->release(fault);
  return {};
}

void Supervisor::run() {
  loop_.run();
}

// What a killed service has left behind: whoever carries its mark, and children that came to us,
// unless they belong to a service that lives (its helpers may have lost their own parent).
std::vector<ProcessIdentity> Supervisor::orphans_of(const ServiceUnit& ended) const {
  auto orphans = all_started_with(kServiceMark, ended.mark());
  for (const auto& child : children_of(::getpid())) {
    const bool of_living = std::any_of(units_.begin(), units_.end(), [&](const auto& one) {
      if (one == nullptr || one.get() == &ended || !one->has_process()) return false;
      const pid_t pid = one->state().process->pid;
      return pid == child.identity.pid || pid == child.session ||
             started_with(child.identity.pid, kServiceMark, one->mark());
    });
    if (!of_living && !loop_.is_child(child.identity.pid)) orphans.push_back(child.identity);
  }
  return orphans;
}

void Supervisor::rotate_logs() {
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(options_.home / "logs", code)) {
    if (entry.path().extension() != ".log") continue;
    if (auto rotated = rotate_log(entry.path(), {}); !rotated.ok()) {
      log::warn("log not rotated", {{"reason", rotated.error().message}});
    }
  }
  loop_.after(kRotationInterval, [this] { rotate_logs(); });
}

void Supervisor::save() {
  const auto self = process::identify(::getpid());
  if (!self.ok()) return;
  const SupervisorRecord record{*self, options_.stack_file.string(), options_.profiles,
                                options_.variables};
  if (auto written = write_record(options_.home, record); !written.ok()) {
    log::error("cannot write the supervisor's state", {{"reason", written.error().message}});
  }
}

// --- moving on

std::uint64_t Supervisor::add_waiter(Waiter waiter) {
  const std::uint64_t id = next_id_++;
  waiters_[id] = std::move(waiter);
  return id;
}

void Supervisor::finish(std::uint64_t id, const Result<void>& result) {
  const auto found = waiters_.find(id);
  if (found == waiters_.end()) return;
  const OnDone done = std::move(found->second.done);
  waiters_.erase(found);
  if (done) done(result);
}

void Supervisor::on_changed(ServiceUnit& changed) {
  const ServiceState& state = changed.state();
  const auto elapsed = stopping_ ? host_.clock.now() - stop_asked_ : changed.since_start();
  const StackProgress step{state.name, state.phase,
                           std::chrono::duration_cast<milliseconds>(elapsed),
                           state.process ? state.process->pid : 0, state.last_exit};
  for (const auto& [id, waiter] : waiters_) {
    if (waiter.progress && waiter.services.contains(state.name)) waiter.progress(step);
  }
  review_soon();
}

void Supervisor::start_ready() {
  const std::set<std::string> waiting = pending_;
  for (const auto& name : waiting) {
    ServiceUnit* const next = unit(name);
    if (next == nullptr) continue;
    const auto& needs = next->spec().depends_on;
    const bool ready = std::all_of(needs.begin(), needs.end(), [&](const std::string& other) {
      const ServiceUnit* const needed = unit(other);
      return needed == nullptr || needed->healthy();
    });
    if (!ready && !next->has_process()) continue;
    pending_.erase(name);
    next->start();
  }
}

// Whoever depends on a service is stopped before it.
void Supervisor::stop_ready() {
  for (const auto& one : units_) {
    const std::string& name = one->spec().name;
    if (stop_sent_.contains(name)) continue;
    const bool needed = std::any_of(units_.begin(), units_.end(), [&](const auto& other) {
      const auto& needs = other->spec().depends_on;
      return other->has_process() && other->stop_trouble().empty() &&
             std::find(needs.begin(), needs.end(), name) != needs.end();
    });
    if (needed) continue;
    stop_sent_.insert(name);
    one->stop();
  }
}

// Later, from the loop: what changed may be in the middle of changing.
void Supervisor::review_soon() {
  if (review_due_) return;
  review_due_ = true;
  loop_.after(Nanoseconds{0}, [this] { review(); });
}

void Supervisor::review() {
  review_due_ = false;
  if (stopping_) {
    stop_ready();
    return review_down();
  }
  start_ready();
  const auto waiters = waiters_;
  for (const auto& [id, waiter] : waiters) review_up(id, waiter);
  if (used_ && idle() && waiters_.empty()) {
    forget_all();
    loop_.stop();
  }
}

void Supervisor::review_up(std::uint64_t id, const Waiter& waiter) {
  bool all_healthy = true;
  std::string troubles;
  for (const auto& name : waiter.services) {
    const ServiceUnit* const one = unit(name);
    if (one == nullptr) continue;
    all_healthy &= one->healthy();
    std::string trouble = one->trouble();
    if (trouble.empty()) trouble = one->stop_trouble();
    if (!trouble.empty()) {
      troubles += (troubles.empty() ? "" : "\n") + name + ": " + trouble +
                  "; its log: " + log_file(options_.home, name).string();
    }
  }
  if (all_healthy) {
    finish(id, {});
  } else if (!troubles.empty()) {
    finish(id, Error::permanent(troubles, "UNHEALTHY"));
  }
}

void Supervisor::review_down() {
  std::string troubles;
  bool waiting = false;
  for (const auto& one : units_) {
    if (one->is_clear()) continue;
    if (one->stop_trouble().empty()) {
      waiting = true;
    } else {
      troubles += (troubles.empty() ? "" : "\n") + one->spec().name + ": " + one->stop_trouble();
    }
  }
  if (waiting) {
    loop_.after(kLeftoverPoll, [this] { review_soon(); });
    return;
  }
  if (troubles.empty()) {
    forget_all();
    loop_.stop();
  }
  stopping_ = false;
  const auto waiters = waiters_;
  for (const auto& [id, waiter] : waiters) {
    finish(id, troubles.empty() ? Result<void>() : Error::permanent(troubles));
  }
  log::info("stopped");
}

// Nothing of the stack is left that a state file should speak of.
void Supervisor::forget_all() const {
  for (const auto& one : units_) remove_record(options_.home, one->spec().name);
  std::error_code code;
  for (const char* name : {"supervisor.json", "supervisor.sock"}) {
    fs::remove(state_folder(options_.home) / name, code);
  }
}

bool Supervisor::idle() const {
  return pending_.empty() && std::all_of(units_.begin(), units_.end(), [](const auto& one) {
           return !one->has_process() && one->state().phase == ServicePhase::stopped;
         });
}

}  // namespace stormlog::chaos

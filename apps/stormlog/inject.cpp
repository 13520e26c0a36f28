#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <ostream>
#include <thread>

#include "chaos/fault/fault.hpp"
#include "chaos/fault/undo_journal.hpp"
#include "chaos/target/target.hpp"
#include "command.hpp"
#include "common/base/random.hpp"
#include "common/base/suggest.hpp"
#include "common/base/units.hpp"
#include "stop_on_signal.hpp"

namespace stormlog::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kRefused = 3;
constexpr Nanoseconds kDefaultTtl = std::chrono::seconds{60};

std::vector<std::string> fault_names() {
  std::vector<std::string> names;
  for (const chaos::FaultKind* kind : chaos::fault_kinds()) names.push_back(kind->name);
  return names;
}

class Inject final : public Command {
 public:
  std::string name() const override { return "inject"; }
  std::string summary() const override { return "Inject one fault now, checked and healed"; }

  void define(Arguments& arguments) override {
    arguments.positional("FAULT", &fault_, true, "Kind of fault; `stormlog list faults`");
    arguments.positionals("KEY=VALUE", &words_, 0, "Parameters; `stormlog describe FAULT`");
    arguments.option("--target", &target_, "NAME", "Service or link of the stack");
    arguments.option("--for", &for_,
                     "Heal it after this long; else it stays until `heal` or --ttl");
    arguments.option("--ttl", &ttl_, "It is healed at the latest after this, whoever dies");
    arguments.option("--seed", &seed_, "N", "Decides its random choices; drawn without it");
  }

  int run(const Context& context) override {
    const auto stack = context.load_stack();
    if (!stack.ok()) return context.fail(stack.error(), kUsage);
    const chaos::FaultKind* kind = chaos::find_fault_kind(fault_);
    if (kind == nullptr) {
      return context.fail(Error::permanent("unknown fault \"" + fault_ + "\"" +
                                           did_you_mean(fault_, fault_names())),
                          kUsage);
    }
    if (target_.empty()) {
      return context.fail(Error::permanent("--target is missing: a service or link of the stack"),
                          kUsage);
    }
    const auto params =
        document::parse_params(words_, kind->params, "fault \"" + kind->name + "\"");
    if (!params.ok()) return context.fail(params.error(), kUsage);
    if (const auto times = check_times(*kind); !times.ok()) {
      return context.fail(times.error(), kUsage);
    }
    return inject(context, *stack, *kind, *params);
  }

 private:
  Result<void> check_times(const chaos::FaultKind& kind) const {
    using Duration = chaos::FaultKind::Duration;
    if (for_ && kind.duration == Duration::one_off) {
      return Error::permanent("fault \"" + kind.name + "\" happens once and takes no --for");
    }
    if (for_ && *for_ <= Nanoseconds{0}) return Error::permanent("--for must be longer than 0s");
    if (!ttl_) return {};
    if (!for_ && kind.duration != Duration::lasting) {
      return Error::permanent("fault \"" + kind.name + "\" leaves nothing in that a --ttl " +
                              (kind.duration == Duration::either ? "without --for " : "") +
                              "could end");
    }
    if (*ttl_ <= Nanoseconds{0}) return Error::permanent("--ttl must be longer than 0s");
    if (for_ && *ttl_ <= *for_) {
      return Error::permanent("--ttl " + units::format_duration(*ttl_) +
                              " must be longer than --for " + units::format_duration(*for_));
    }
    return {};
  }

  Result<void> record(const chaos::Stack& stack, const std::string& id, Nanoseconds ttl,
                      const Json& undo) const {
    const auto self = process::identify(::getpid());
    if (!self.ok()) return self.error();
    auto watchdog =
        chaos::start_watchdog(stack.home, std::filesystem::read_symlink("/proc/self/exe"));
    if (!watchdog.ok()) return watchdog;
    const WallTime now = SystemClock::instance().wall_now();
    return chaos::UndoJournal(stack.home)
        .add({.id = id,
              .fault = fault_,
              .target = target_,
              .stack_file = stack.file.string(),
              .profiles = stack.profiles,
              .owner = *self,
              .run = {},
              .detached = !for_.has_value(),
              .injected = now,
              .expires = now + ttl,
              .undo = undo});
  }

  int inject(const Context& context, const chaos::Stack& stack, const chaos::FaultKind& kind,
             const document::Params& params) const {
    const StopOnSignal stop;
    if (const auto allowed = chaos::guard(stack, target_, {}, {}); !allowed.ok()) {
      return context.fail(allowed.error(), kRefused);
    }
    const bool lasting = for_ || kind.duration == chaos::FaultKind::Duration::lasting;
    const Nanoseconds ttl = ttl_ ? *ttl_ : for_ ? *for_ + kDefaultTtl : kDefaultTtl;
    const std::string id = chaos::new_fault_id();
    const std::uint64_t seed = seed_ ? *seed_ : Random::entropy_seed() >> 32;
    const auto fault = kind.make({stack, id, target_, ttl, seed}, params, lasting);
    if (const auto ready = fault->preflight(); !ready.ok()) {
      return context.fail(ready.error(), kRefused);
    }
    const Json undo = fault->undo();
    if (!undo.is_null()) {
      if (const auto added = record(stack, id, ttl, undo); !added.ok()) {
        return context.fail(added.error(), kRefused);
      }
    }
    const auto injected = fault->inject();
    const chaos::SelfCheck check = injected.ok() ? fault->verify() : chaos::SelfCheck{};
    const bool confirmed = injected.ok() && check.effect == chaos::Effect::confirmed;
    if (!context.json) {
      context.err << kind.name << " on " << target_ << ": "
                  << (injected.ok() ? std::string(chaos::to_string(check.effect)) + " " +
                                          check.measured.dump()
                                    : injected.error().message)
                  << "\n";
    }
    const bool stays = confirmed && !undo.is_null() && !for_ && !stop.requested();
    Result<void> healed;
    if (!stays) {
      if (confirmed && for_) wait(context, stop, id);
      healed = fault->heal();
      if (healed.ok()) healed = chaos::UndoJournal(stack.home).remove(id);
    }
    if (context.json) {
      context.print({{"id", id},
                     {"fault", kind.name},
                     {"target", target_},
                     {"seed", seed},
                     {"effect", std::string(chaos::to_string(check.effect))},
                     {"measured", check.measured},
                     {"error", !injected.ok() ? Json(injected.error().message)
                               : !healed.ok() ? Json(healed.error().message)
                                              : Json()},
                     {"healed", !stays && healed.ok()}});
    } else if (stays) {
      context.out << id << " is in; `stormlog heal " << id << "` heals it, the watchdog does after "
                  << units::format_duration(ttl) << "\n";
    } else if (!undo.is_null() && healed.ok()) {
      context.out << "healed\n";
    }
    if (!healed.ok() && !context.json) {
      context.fail(healed.error());
      context.err << "the watchdog goes on trying; see: stormlog doctor\n";
    }
    return confirmed && healed.ok() ? kOk : kFailed;
  }

  void wait(const Context& context, const StopOnSignal& stop, const std::string& id) const {
    constexpr std::chrono::milliseconds kLook{20};
    const Clock& clock = SystemClock::instance();
    const MonotonicTime until = clock.now() + *for_;
    if (!context.json && !context.live) {
      context.err << id << " is in for " << units::format_duration(*for_) << "\n";
    }
    std::int64_t shown = -1;
    while (!stop.requested() && clock.now() < until) {
      const auto left = std::chrono::ceil<std::chrono::seconds>(until - clock.now()).count();
      if (context.live && !context.json && left != shown) {
        context.err << "\r\x1b[K" << id << " is in; heals in " << left << " s (Ctrl-C: now)"
                    << std::flush;
        shown = left;
      }
      std::this_thread::sleep_for(kLook);
    }
    if (shown >= 0) context.err << "\r\x1b[K" << std::flush;
  }

  std::string fault_;
  std::vector<std::string> words_;
  std::string target_;
  std::optional<Nanoseconds> for_;
  std::optional<Nanoseconds> ttl_;
  std::optional<std::uint64_t> seed_;
};

}  // namespace

std::unique_ptr<Command> make_inject() {
  return std::make_unique<Inject>();
}

}  // namespace stormlog::cli

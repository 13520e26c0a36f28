#include "chaos/load/load.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>
#include <thread>

#include "chaos/ledger/reconciliation_text.hpp"
#include "chaos/load/report.hpp"
#include "chaos/runner/breaker_observer.hpp"
#include "chaos/runner/journal.hpp"
#include "chaos/runner/run_folder.hpp"
#include "command.hpp"
#include "common/base/file.hpp"
#include "common/base/units.hpp"
#include "ledger_verification.hpp"
#include "stop_on_signal.hpp"

namespace stormlog::cli {
namespace {

using std::chrono::milliseconds;

constexpr const char* kDefaultDuration = "10s";
constexpr Nanoseconds kObserverPatience = std::chrono::seconds{2};

std::string flag_name(const std::string& param) {
  std::string name = "--" + param;
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

const char* value_name(document::ParamType type) {
  switch (type) {
    case document::ParamType::rate:
      return "RATE";
    case document::ParamType::duration:
      return "DURATION";
    case document::ParamType::bytes:
      return "BYTES";
    case document::ParamType::integer:
      return "INT";
    default:
      return "VALUE";
  }
}

std::string transitions_text(const std::vector<chaos::BreakerTransition>& transitions) {
  std::string text;
  for (const chaos::BreakerTransition& transition : transitions) {
    text += fmt::format("  {:<14}{:.3f} s {}: {} {} → {}\n", text.empty() ? "breakers" : "",
                        static_cast<double>(transition.at.count()) / 1e9, transition.service,
                        transition.breaker, transition.from, transition.to);
  }
  return text.empty() ? fmt::format("  {:<14}no transition seen\n", "breakers") : text;
}

nlohmann::ordered_json transitions_json(const std::vector<chaos::BreakerTransition>& transitions) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const chaos::BreakerTransition& transition : transitions) {
    list.push_back({{"at_ms", static_cast<double>(transition.at.count()) / 1e6},
                    {"service", transition.service},
                    {"breaker", transition.breaker},
                    {"from", transition.from},
                    {"to", transition.to}});
  }
  return list;
}

class Load final : public Command {
 public:
  std::string name() const override { return "load"; }
  std::string summary() const override {
    return "Send stamped events and keep the ledger of what became of them";
  }

  void define(Arguments& arguments) override {
    const auto& specs = chaos::LoadSpec::param_specs();
    params_.resize(specs.size());
    for (std::size_t i = 0; i < specs.size(); ++i) {
      std::string help = specs[i].description;
      const std::string fallback =
          specs[i].name == "duration" ? kDefaultDuration : specs[i].default_text;
      if (!fallback.empty()) help += " [" + fallback + "]";
      arguments.option(flag_name(specs[i].name), &params_[i], value_name(specs[i].type), help);
    }
    arguments.option("--url", &url_, "URL", "Send here instead of the stack's ledger.send.url");
    arguments.option("--out", &out_, "DIR",
                     "New folder for the ledger [loads/<time>-load in the stack's home]");
    arguments.option("--seed", &seed_, "INT", "Seed of the random part of event ids");
    arguments.flag("--verify", &verify_, "Then wait until it has drained, and read the sinks");
  }

  int run(const Context& context) override {
    const Result<chaos::LoadSpec> load = load_spec();
    if (!load) return context.fail(load.error(), kUsage);
    const Result<chaos::Stack> stack = context.load_stack();
    if (!stack) return context.fail(stack.error(), kUsage);
    if (!stack->ledger.send) {
      return context.fail(Error::permanent(stack->file.string() +
                                           ": it has no `ledger.send`: it does not say how an "
                                           "event is sent"),
                          kUsage);
    }
    chaos::SendSpec send = *stack->ledger.send;
    if (url_) send.url = *url_;
    const Result<chaos::RunFolder> folder = make_folder(*stack);
    if (!folder) return context.fail(folder.error(), kUsage);

    const Clock& clock = SystemClock::instance();
    const MonotonicTime epoch = clock.now();
    auto journal = chaos::Journal::create(folder->path / "events.ndjson", clock, epoch, nullptr);
    if (!journal) return context.fail(journal.error());
    chaos::BreakerObserver breakers(*stack, **journal);
    breakers.start();
    breakers.wait_until_connected(kObserverPatience);

    const std::filesystem::path ledger = folder->path / chaos::kLedgerFile;
    chaos::LoadGenerator generator(send, *load, folder->name,
                                   seed_.value_or(Random::entropy_seed()), ledger, epoch);
    if (Result<void> started = generator.start(); !started) {
      breakers.stop();
      return context.fail(started.error(), kUsage);
    }
    watch(context, generator);
    const Result<void> stopped = generator.stop();
    breakers.stop();
    if (!stopped) return context.fail(stopped.error());

    const chaos::LoadReport report =
        chaos::summarize(generator.take_samples(), generator.snapshot(), generator.errors());
    return finish(context, *stack, send, report, breakers.transitions(), ledger);
  }

 private:
  Result<chaos::LoadSpec> load_spec() const {
    const auto& specs = chaos::LoadSpec::param_specs();
    std::vector<std::string> words;
    for (std::size_t i = 0; i < specs.size(); ++i) {
      if (params_[i]) {
        words.push_back(specs[i].name + "=" + *params_[i]);
      } else if (specs[i].name == "duration") {
        words.push_back(std::string("duration=") + kDefaultDuration);
      }
    }
    const Result<document::Params> params = document::parse_params(words, specs, "load");
    if (!params) return params.error();
    return chaos::LoadSpec::from(*params);
  }

  Result<chaos::RunFolder> make_folder(const chaos::Stack& stack) const {
    const WallTime now = SystemClock::instance().wall_now();
    if (!out_) return chaos::create_run_folder(stack.home / "loads", "load", now);
    const std::filesystem::path path = *out_;
    if (Result<void> made = file::make_dirs(path); !made) return made.error();
    // The mark must tell this load's events from those of the last one into the same folder name.
    return chaos::RunFolder{path, "load-" + std::to_string(now.time_since_epoch().count())};
  }

  static void watch(const Context& context, const chaos::LoadGenerator& generator) {
    const StopOnSignal stop;
    chaos::LoadSnapshot last;
    Nanoseconds next = std::chrono::seconds{1};
    while (!generator.finished() && !stop.requested()) {
      std::this_thread::sleep_for(milliseconds{50});
      const chaos::LoadSnapshot now = generator.snapshot();
      if (!context.live || now.elapsed < next) continue;
      next += std::chrono::seconds{1};
      const double seconds = static_cast<double>((now.elapsed - last.elapsed).count()) / 1e9;
      context.err << fmt::format(
                         "\r\x1b[K{:>4.0f} s  {:.0f} events/s acked   sent {}  acked {}  rejected "
                         "{}  indeterminate {}  unsent {}  in flight {}",
                         static_cast<double>(now.elapsed.count()) / 1e9,
                         static_cast<double>(now.acked - last.acked) / seconds, now.sent, now.acked,
                         now.rejected, now.indeterminate, now.unsent, now.in_flight)
                  << std::flush;
      last = now;
    }
    if (context.live) context.err << "\r\x1b[K" << std::flush;
  }

  int finish(const Context& context, const chaos::Stack& stack, const chaos::SendSpec& send,
             const chaos::LoadReport& report,
             const std::vector<chaos::BreakerTransition>& transitions,
             const std::filesystem::path& ledger_path) const {
    nlohmann::ordered_json json = {{"url", send.url}};
    json.update(chaos::to_json(report));
    json["breaker_transitions"] = transitions_json(transitions);
    json["ledger"] = ledger_path.string();
    if (!context.json) {
      context.out << send.url << "\n"
                  << chaos::to_text(report) << transitions_text(transitions)
                  << fmt::format("  {:<14}{}\n", "ledger", ledger_path.string()) << std::flush;
    }

    int exit_code = report.requests_acked > 0 ? kOk : kFailed;
    if (verify_) {
      const Result<chaos::Ledger> ledger = chaos::read_ledger(ledger_path);
      if (!ledger) return context.fail(ledger.error());
      const Result<chaos::Reconciliation> result =
          verify_ledger(context, stack, *ledger, {}, std::nullopt);
      if (!result) return context.fail(result.error(), kUsage);
      json["verification"] = {{"verdict", verdict_of(*result)}};
      json["verification"].update(chaos::to_json(*result));
      if (!context.json) {
        context.out << chaos::to_text(*result) << verdict_line(context, *result) << "\n";
      }
      if (exit_code == kOk) exit_code = exit_code_of(*result);
    }
    if (context.json) context.print(json);
    if (report.requests_acked == 0 && !context.json) {
      context.err << context.paint("red", "error") << ": not one request was accepted\n";
    }
    return exit_code;
  }

  std::vector<std::optional<std::string>> params_;
  std::optional<std::string> url_;
  std::optional<std::string> out_;
  std::optional<std::uint64_t> seed_;
  bool verify_ = false;
};

}  // namespace

std::unique_ptr<Command> make_load() {
  return std::make_unique<Load>();
}

}  // namespace stormlog::cli

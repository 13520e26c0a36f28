#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <nlohmann/json.hpp>
#include <ostream>

#include "chaos/report/report.hpp"
#include "chaos/runner/plan.hpp"
#include "chaos/runner/runner.hpp"
#include "command.hpp"
#include "common/base/random.hpp"
#include "common/base/units.hpp"
#include "experiment_file.hpp"
#include "stop_on_signal.hpp"

namespace stormlog::cli {
namespace {

using Json = nlohmann::ordered_json;

// What happens, as it happens: one line for each event, and one line that counts.
class LiveView {
 public:
  explicit LiveView(const Context& context) : context_(context) {}

  void on_entry(const Json& entry) {
    if (context_.json) return;
    const std::string text = describe(entry);
    if (text.empty()) return;
    clear();
    context_.err << fmt::format("{:>9.3f} s  {}\n", entry.value("t_ms", 0.0) / 1000, text)
                 << std::flush;
  }

  void on_progress(const std::string& phase, Nanoseconds elapsed, const chaos::LoadSnapshot* load) {
    if (context_.json) return;
    const double seconds = static_cast<double>(std::max(elapsed, Nanoseconds{0}).count()) / 1e9;
    std::string line = fmt::format("{:>9.1f} s  {}", seconds, phase);
    if (load != nullptr) {
      line += fmt::format(": sent {}, acked {}, refused {}, open {}", load->sent, load->acked,
                          load->rejected + load->indeterminate + load->unsent, load->in_flight);
    }
    if (context_.live) {
      context_.err << "\r\x1b[K" << line << std::flush;
      drawn_ = true;
    } else if (++quiet_ % 10 == 0) {
      context_.err << line << "\n" << std::flush;  // a log file wants a sign of life, not a film
    }
  }

  void clear() {
    if (drawn_) context_.err << "\r\x1b[K" << std::flush;
    drawn_ = false;
  }

 private:
  static std::string text_of(const Json& entry, const char* key) {
    const auto found = entry.find(key);
    return found != entry.end() && found->is_string() ? found->get<std::string>() : "";
  }

  std::string describe(const Json& entry) const {
    const std::string type = entry.value("type", "");
    const std::string what = text_of(entry, "fault") + " on " + text_of(entry, "target");
    if (type == "steady_state_before") return "steady state holds";
    if (type == "steady_state_lost")
      return "steady state lost: " + text_of(entry, "probe") + ": " + text_of(entry, "seen");
    if (type == "steady_state_held") return "steady state again: " + text_of(entry, "probe");
    if (type == "load_started") return "load started";
    if (type == "load_ended") return "load ended";
    if (type == "fault_injected") return context_.paint("yellow", "inject " + what);
    if (type == "fault_effect")
      return "effect " + text_of(entry, "effect") + ": " + entry.value("measured", Json()).dump();
    if (type == "fault_healed") return "healed " + what;
    if (type == "fault_failed" || type == "fault_refused" || type == "fault_heal_failed") {
      return context_.paint("red", type.substr(6) + " " + what + ": " + text_of(entry, "reason"));
    }
    if (type == "breaker_transition") {
      return "breaker " + text_of(entry, "breaker") + " " + text_of(entry, "from") + " → " +
             context_.paint("bold", text_of(entry, "to"));
    }
    if (type == "process_ended" || type == "process_started") {
      return text_of(entry, "service") + " " + type.substr(8) + ", pid " +
             std::to_string(entry.value("pid", 0));
    }
    if (type == "drained") return "drained";
    if (type == "not_drained" || type == "run_invalid" || type == "run_aborting") {
      return context_.paint("red", type + ": " + text_of(entry, "reason"));
    }
    return {};
  }

  const Context& context_;
  bool drawn_ = false;
  int quiet_ = 0;
};

class Run final : public Command {
 public:
  std::string name() const override { return "run"; }
  std::string summary() const override {
    return "Run experiments: steady state, load, faults, recovery, verdict";
  }

  void define(Arguments& arguments) override {
    arguments.positionals("FILE", &files_, 1, "Experiment files, run one after another");
    arguments.option("--seed", &seed_, "N",
                     "Seed of every random choice (else the file's, else drawn)");
    arguments.flag("--dry-run", &dry_run_, "Check the files and show the plan; touch nothing");
    arguments.option("--out", &out_, "DIR", "Folder of the runs (else HOME/runs)");
  }

  int run(const Context& context) override {
    const auto stack = context.load_stack();
    if (!stack.ok()) return context.fail(stack.error(), kUsage);
    // All files are checked before the first run begins.
    std::vector<chaos::Experiment> experiments;
    for (const std::string& file : files_) {
      auto experiment = load_experiment(file, *stack, context.variables);
      if (!experiment.ok()) return context.fail(experiment.error(), kUsage);
      experiments.push_back(std::move(*experiment));
    }
    if (dry_run_) return show_plans(context, *stack, experiments);
    const StopOnSignal stop;  // the first signal ends the run with everything healed
    int worst = kOk;
    Json outcomes = Json::array();
    for (const chaos::Experiment& experiment : experiments) {
      const int code = run_one(context, *stack, experiment, stop.requested(), outcomes);
      if (worst == kOk) worst = code;  // the first that did not pass is what a script gets
      if (stop.requested()) break;
    }
    if (context.json) context.print(outcomes.size() == 1 ? outcomes[0] : outcomes);
    return worst;
  }

 private:
  std::uint64_t seed_of(const chaos::Experiment& experiment) const {
    if (seed_) return *seed_;
    return experiment.seed ? *experiment.seed : Random::entropy_seed() >> 32;
  }

  int show_plans(const Context& context, const chaos::Stack& stack,
                 const std::vector<chaos::Experiment>& experiments) const {
    Json plans = Json::array();
    for (const chaos::Experiment& experiment : experiments) {
      const Json plan = chaos::make_plan(experiment, stack, seed_of(experiment));
      plans.push_back(plan);
      if (!context.json) context.out << chaos::render_plan(plan);
    }
    if (context.json) context.print(plans.size() == 1 ? plans[0] : plans);
    return kOk;
  }

  int run_one(const Context& context, const chaos::Stack& stack,
              const chaos::Experiment& experiment, const std::atomic<bool>& stop,
              Json& outcomes) const {
    LiveView view(context);
    if (!context.json) context.err << context.paint("bold", experiment.title) << "\n";
    chaos::RunOptions options;
    options.seed = seed_of(experiment);
    options.runs = out_ ? std::filesystem::path(*out_) : stack.home / "runs";
    options.program = std::filesystem::read_symlink("/proc/self/exe");
    options.on_entry = [&](const Json& entry) { view.on_entry(entry); };
    options.on_progress = [&](const std::string& phase, Nanoseconds elapsed,
                              const chaos::LoadSnapshot* load) {
      view.on_progress(phase, elapsed, load);
    };
    const auto outcome = chaos::run_experiment(stack, experiment, options, stop);
    view.clear();
    if (!outcome.ok()) return context.fail(outcome.error(), kUsage);
    if (auto written = chaos::write_reports(*outcome); !written.ok()) {
      return context.fail(written.error(), chaos::exit_code(chaos::Verdict::unknown));
    }
    if (context.json) {
      outcomes.push_back(chaos::verdict_json(*outcome));
    } else {
      context.out << chaos::render_text(*outcome, context.colour);
    }
    return chaos::exit_code(outcome->verdict);
  }

  std::vector<std::string> files_;
  std::optional<std::uint64_t> seed_;
  bool dry_run_ = false;
  std::optional<std::string> out_;
};

}  // namespace

std::unique_ptr<Command> make_run() {
  return std::make_unique<Run>();
}

}  // namespace stormlog::cli

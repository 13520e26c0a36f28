#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>
#include <ostream>
#include <thread>

#include "chaos/runner/run_folder.hpp"
#include "command.hpp"
#include "common/base/suggest.hpp"
#include "common/base/units.hpp"

namespace stormlog::cli {
namespace {

constexpr Nanoseconds kEndsWithin = std::chrono::seconds{30};

class Abort final : public Command {
 public:
  std::string name() const override { return "abort"; }
  std::string summary() const override { return "End a run that is under way; it heals first"; }

  void define(Arguments& arguments) override {
    arguments.positional("RUN", &run_, false, "Name of the run (else the one that is under way)");
    arguments.flag("--all", &all_, "End all runs of this stack");
  }

  int run(const Context& context) override {
    if (all_ && !run_.empty()) {
      return context.fail(Error::permanent("give either a RUN or --all"), kUsage);
    }
    const auto path = context.stack_path();
    if (!path.ok()) return context.fail(path.error(), kUsage);
    std::vector<std::string> names;
    nlohmann::ordered_json aborted = nlohmann::ordered_json::array();
    nlohmann::ordered_json failed = nlohmann::ordered_json::array();
    int code = kOk;
    for (const auto& folder : chaos::list_run_folders(chaos::stack_home(*path) / "runs")) {
      const std::string name = folder.filename().string();
      names.push_back(name);
      if (!run_.empty() && name != run_) continue;
      const auto engine = chaos::read_engine(folder);
      if (!engine) continue;
      if (context.live) context.err << "waits until " << name << " has healed and ended …\n";
      if (const auto ended = end(*engine); ended.ok()) {
        aborted.push_back(name);
        if (!context.json) context.out << "aborted " << name << "\n";
      } else {
        code = kFailed;
        failed.push_back({{"run", name}, {"error", ended.error().message}});
        if (!context.json) {
          context.err << context.paint("red", "error") << ": " << name << ": "
                      << ended.error().message << "\n";
        }
      }
      if (!all_) break;
    }
    if (!run_.empty() && std::find(names.begin(), names.end(), run_) == names.end()) {
      return context.fail(Error::permanent("there is no run " + run_ + did_you_mean(run_, names)),
                          kUsage);
    }
    if (context.json) context.print({{"aborted", aborted}, {"failed", failed}});
    if (!context.json && aborted.empty() && code == kOk) context.out << "no run is under way\n";
    return code;
  }

 private:
  static Result<void> end(const ProcessIdentity& engine) {
    constexpr std::chrono::milliseconds kLook{20};
    if (auto sent = process::signal(engine, SIGTERM); !sent.ok()) {
      if (sent.error().code == "ESRCH") return {};
      return sent;
    }
    const MonotonicTime limit = SystemClock::instance().now() + kEndsWithin;
    while (process::alive(engine)) {
      if (SystemClock::instance().now() >= limit) {
        return Error::retriable("was told to end, and has not within " +
                                units::format_duration(kEndsWithin));
      }
      std::this_thread::sleep_for(kLook);
    }
    return {};
  }

  std::string run_;
  bool all_ = false;
};

}  // namespace

std::unique_ptr<Command> make_abort() {
  return std::make_unique<Abort>();
}

}  // namespace stormlog::cli

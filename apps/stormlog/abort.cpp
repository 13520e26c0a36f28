#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>
#include <ostream>
#include <thread>

#include "chaos/runner/run_folder.hpp"
#include "command.hpp"
#include "common/base/suggest.hpp"

namespace stormlog::cli {
namespace {

constexpr Nanoseconds kEndsWithin = std::chrono::seconds{60};

class Abort final : public Command {
 public:
  std::string name() const override { return "abort"; }
  std::string summary() const override { return "End a run that is under way; it heals first"; }

  void define(Arguments& arguments) override {
    arguments.positional("RUN", &run_, false, "Name of the run (else the one that is under way)");
    arguments.flag("--all", &all_, "End all runs of this stack");
  }

  int run(const Context& context) override {
    const auto stack = context.load_stack();
    if (!stack.ok()) return context.fail(stack.error(), kUsage);
    std::vector<std::string> names;
    nlohmann::ordered_json aborted = nlohmann::ordered_json::array();
    int code = kOk;
    for (const auto& folder : chaos::list_run_folders(stack->home / "runs")) {
      const std::string name = folder.filename().string();
      names.push_back(name);
      if (!run_.empty() && name != run_) continue;
      const auto engine = chaos::read_engine(folder);
      if (!engine) continue;
      if (end(*engine)) {
        aborted.push_back(name);
        if (!context.json) context.out << "aborted " << name << "\n";
      } else {
        code = context.fail(Error::retriable(name + " has not ended yet; try again"));
      }
      if (!all_) break;
    }
    if (!run_.empty() && std::find(names.begin(), names.end(), run_) == names.end()) {
      return context.fail(Error::permanent("there is no run " + run_ + did_you_mean(run_, names)),
                          kUsage);
    }
    if (context.json) context.print({{"aborted", aborted}});
    if (!context.json && aborted.empty() && code == kOk) context.out << "no run is under way\n";
    return code;
  }

 private:
  static bool end(const ProcessIdentity& engine) {
    constexpr std::chrono::milliseconds kLook{20};
    if (!process::signal(engine, SIGTERM).ok()) return !process::alive(engine);
    const MonotonicTime limit = SystemClock::instance().now() + kEndsWithin;
    while (process::alive(engine)) {
      if (SystemClock::instance().now() >= limit) return false;
      std::this_thread::sleep_for(kLook);
    }
    return true;
  }

  std::string run_;
  bool all_ = false;
};

}  // namespace

std::unique_ptr<Command> make_abort() {
  return std::make_unique<Abort>();
}

}  // namespace stormlog::cli

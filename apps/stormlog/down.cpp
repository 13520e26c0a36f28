#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>
#include <ostream>

#include "chaos/stack/service_record.hpp"
#include "chaos/stack/supervisor.hpp"
#include "command.hpp"
#include "stack_view.hpp"

namespace stormlog::cli {
namespace {

namespace fs = std::filesystem;
using chaos::ServicePhase;
using chaos::StackProgress;

// A supervisor that has answered that all is stopped ends within moments.
constexpr int kSupervisorEndMs = 10'000;

class Down final : public Command {
 public:
  std::string name() const override { return "down"; }
  std::string summary() const override { return "Stop the stack"; }

  void define(Arguments& arguments) override {
    arguments.flag("--wipe", &wipe_, "Also remove data, logs and state (runs are kept)");
  }

  int run(const Context& context) override {
    auto path = context.stack_path();
    if (!path.ok()) return context.fail(path.error(), kUsage);
    const fs::path home = chaos::stack_home(*path);
    std::error_code code;
    if (fs::exists(chaos::state_folder(home), code)) {
      const auto stopped = stop_all(context, *path, home);
      if (!stopped.ok()) return context.fail(stopped.error());
    }
    if (wipe_) {
      if (auto wiped = wipe(home); !wiped.ok()) return context.fail(wiped.error());
    }
    if (context.json) {
      context.print({{"stopped", stopped_}, {"wiped", wipe_}});
    } else {
      context.out << (stopped_.empty() ? "nothing was running\n" : "nothing is left running\n");
      if (wipe_) context.out << "removed data, logs and state under " << home.string() << "\n";
    }
    return kOk;
  }

 private:
  void on_progress(const Context& context, const StackProgress& step) {
    if (step.phase != ServicePhase::stopped) return;
    stopped_.push_back(step.service);
    if (context.json) return;
    std::string name = step.service;
    name.resize(std::max<std::size_t>(name.size(), 16), ' ');
    context.err << "  " << name << " stopped  " << human_time(step.elapsed) << "\n";
  }

  Result<void> stop_all(const Context& context, const fs::path& file, const fs::path& home) {
    const auto progress = [&](const StackProgress& step) { on_progress(context, step); };
    const auto before = chaos::read_supervisor_record(home);
    const bool recorded = before.ok() && *before && process::alive((*before)->process);
    const chaos::SupervisorClient client(home);
    if (recorded && client.running()) {
      auto done = client.down(progress);
      if (!done.ok() && done.error().code != "GONE") return done;
      return wait_for_end((*before)->process);
    }
    if (recorded) {
      context.err << "the supervisor (PID " << (*before)->process.pid
                  << ") does not answer: killed\n";
      static_cast<void>(process::signal((*before)->process, SIGKILL));
      if (auto ended = wait_for_end((*before)->process); !ended.ok()) return ended;
    }
    // Nobody supervises what an earlier supervisor has left: this process does, to stop it.
    auto supervisor = chaos::Supervisor::create({file, home, {}, context.variables});
    if (!supervisor.ok()) return supervisor.error();
    Result<void> result;
    (*supervisor)->down(progress, [&](const Result<void>& done) {
      result = done;
      (*supervisor)->loop().stop();
    });
    (*supervisor)->run();
    return result;
  }

  static Result<void> wait_for_end(const ProcessIdentity& supervisor) {
    const auto fd = process::open_pidfd(supervisor);
    if (!fd.ok()) return {};  // it has ended
    pollfd ended{*fd, POLLIN, 0};
    const int ready = ::poll(&ended, 1, kSupervisorEndMs);
    ::close(*fd);
    if (ready > 0) return {};
    return Error::retriable("the supervisor (PID " + std::to_string(supervisor.pid) +
                            ") does not end; see its log");
  }

  static Result<void> wipe(const fs::path& home) {
    for (const char* folder : {"data", "logs", "state"}) {
      std::error_code code;
      fs::remove_all(home / folder, code);
      if (code) {
        return Error::permanent("cannot remove " + (home / folder).string() + ": " +
                                code.message() + "; remove it as the user who owns it");
      }
    }
    return {};
  }

  bool wipe_ = false;
  std::vector<std::string> stopped_;
};

}  // namespace

std::unique_ptr<Command> make_down() {
  return std::make_unique<Down>();
}

}  // namespace stormlog::cli

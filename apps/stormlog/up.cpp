#include <csignal>
#include <map>
#include <nlohmann/json.hpp>
#include <ostream>
#include <sstream>

#include "chaos/stack/service_record.hpp"
#include "chaos/stack/supervisor.hpp"
#include "chaos/stack/supervisor_socket.hpp"
#include "command.hpp"
#include "stack_view.hpp"

namespace stormlog::cli {
namespace {

using chaos::ServicePhase;
using chaos::StackProgress;

// One line for each service that is up, and for each that ends on the way.
class UpProgress {
 public:
  explicit UpProgress(const Context& context) : context_(context) {}

  void on(const StackProgress& step) {
    anything_ = true;
    if (context_.json) return;
    clear();
    switch (step.phase) {
      case ServicePhase::starting:
        starting_[step.service] = true;
        break;
      case ServicePhase::running:
        starting_.erase(step.service);
        line("green", "up", step, human_time(step.elapsed));
        break;
      case ServicePhase::stopped:
        starting_.erase(step.service);
        break;
      default:
        starting_.erase(step.service);
        line("red", std::string(to_string(step.phase)), step, step.note);
    }
    waiting();
  }

  void clear() {
    if (context_.live && !starting_.empty()) context_.err << "\r\x1b[K" << std::flush;
  }
  bool anything() const { return anything_; }

 private:
  void line(std::string_view colour, const std::string& what, const StackProgress& step,
            const std::string& more) {
    std::string name = step.service;
    name.resize(std::max<std::size_t>(name.size(), 16), ' ');
    context_.err << "  " << name << " " << context_.paint(colour, what) << "  " << more << "\n"
                 << std::flush;
  }

  void waiting() {
    if (!context_.live || starting_.empty()) return;
    std::string names;
    for (const auto& [name, unused] : starting_) names += (names.empty() ? "" : ", ") + name;
    context_.err << "  starting " << names << " …" << std::flush;
  }

  const Context& context_;
  std::map<std::string, bool> starting_;
  bool anything_ = false;
};

// Errors name services; the end of their logs says more.
void show_logs(const Context& context, const std::filesystem::path& home, const Error& error) {
  std::istringstream lines(error.message);
  for (std::string line; std::getline(lines, line);) {
    const auto path = chaos::log_file(home, line.substr(0, line.find(':')));
    const auto tail = last_lines(path, 15);
    if (tail.empty()) continue;
    context.err << "\nlast lines of " << path.string() << ":\n";
    for (const auto& one : tail) context.err << "  " << one << "\n";
  }
}

class Up final : public Command {
 public:
  std::string name() const override { return "up"; }
  std::string summary() const override { return "Start the stack and wait until it is healthy"; }

  void define(Arguments& arguments) override {
    arguments.option("--only", &request_.services, "NAME,…", true,
                     "Only these services and what they depend on");
    arguments.option("--profile", &request_.profiles, "NAME", true,
                     "Profile of the stack file; repeatable");
    arguments.flag("--no-wait", &no_wait_, "Return as soon as the services are being started");
    arguments.flag("--foreground", &foreground_,
                   "Supervise from this process; Ctrl-C stops the stack");
  }

  int run(const Context& context) override {
    auto path = context.stack_path();
    if (!path.ok()) return context.fail(path.error(), kUsage);
    request_.stack_file = *path;
    request_.variables = context.variables;
    request_.wait = !no_wait_;
    // Mistakes in the file are told here, before a supervisor is started for it.
    const auto stack = context.load_stack(request_.profiles);
    if (!stack.ok()) return context.fail(stack.error(), kUsage);
    const chaos::SupervisorOptions options{*path, stack->home, stack->profiles, context.variables};
    if (foreground_) return run_foreground(context, options);
    if (auto started = chaos::start_supervisor(options); !started.ok()) {
      return context.fail(started.error());
    }
    UpProgress progress(context);
    const auto result =
        chaos::SupervisorClient(stack->home).up(request_, [&](const StackProgress& step) {
          progress.on(step);
        });
    progress.clear();
    if (!result.ok()) {
      const int code = context.fail(result.error());
      if (!context.json && result.error().code == "UNHEALTHY") {
        show_logs(context, stack->home, result.error());
      }
      return code;
    }
    return report(context, progress);
  }

 private:
  int report(const Context& context, const UpProgress& progress) const {
    if (context.json) {
      const auto view = view_stack(context);
      if (!view.ok()) return context.fail(view.error());
      context.print(to_json(*view));
    } else if (no_wait_) {
      context.out << "starting; see: stormlog status\n";
    } else {
      context.out << (progress.anything() ? "the stack is up\n" : "the stack was up already\n");
    }
    return kOk;
  }

  int run_foreground(const Context& context, const chaos::SupervisorOptions& options) const {
    auto supervisor = chaos::Supervisor::create(options);
    if (!supervisor.ok()) return context.fail(supervisor.error());
    auto socket = chaos::SupervisorSocket::open(**supervisor, options.home);
    if (!socket.ok()) return context.fail(socket.error());
    UpProgress progress(context);
    int code = kOk;
    (*supervisor)->loop().on_terminate([&] {
      progress.clear();
      context.err << "stopping …\n";
      (*supervisor)->down({}, [](const Result<void>&) {});
    });
    (*supervisor)
        ->up(
            request_, [&](const StackProgress& step) { progress.on(step); },
            [&](const Result<void>& result) {
              if (!result.ok()) code = context.fail(result.error());
            });
    (*supervisor)->run();
    return code;
  }

  chaos::UpRequest request_;
  bool no_wait_ = false;
  bool foreground_ = false;
};

}  // namespace

std::unique_ptr<Command> make_up() {
  return std::make_unique<Up>();
}

}  // namespace stormlog::cli

#include <nlohmann/json.hpp>
#include <ostream>

#include "chaos/stack/service_state.hpp"
#include "command.hpp"
#include "stack_view.hpp"

namespace stormlog::cli {
namespace {

class Restart final : public Command {
 public:
  std::string name() const override { return "restart"; }
  std::string summary() const override {
    return "Stop and start one service and wait until it is healthy";
  }

  void define(Arguments& arguments) override {
    arguments.positional("name", &service_, true, "Service");
    arguments.option("--timeout", &timeout_, "How long to wait (default: 2m)");
  }

  int run(const Context& context) override {
    auto path = context.stack_path();
    if (!path.ok()) return context.fail(path.error(), kUsage);
    const auto begin = SystemClock::instance().now();
    const auto timeout = std::chrono::duration_cast<std::chrono::milliseconds>(
        timeout_.value_or(std::chrono::minutes{2}));
    chaos::SupervisorClient client(chaos::stack_home(*path));
    const auto done = client.restart(service_, timeout);
    if (!done.ok()) return context.fail(done.error());
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
        SystemClock::instance().now() - begin);
    if (context.json) {
      context.print({{"service", service_}, {"healthy_after_ms", took.count()}});
    } else {
      context.out << service_ << " is up again after " << human_time(took) << "\n";
    }
    return kOk;
  }

 private:
  std::string service_;
  std::optional<Nanoseconds> timeout_;
};

}  // namespace

std::unique_ptr<Command> make_restart() {
  return std::make_unique<Restart>();
}

}  // namespace stormlog::cli

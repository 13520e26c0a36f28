#include "chaos/fault/watchdog.hpp"

#include "command.hpp"
#include "common/base/log.hpp"

namespace stormlog::cli {
namespace {

// Started by every injection; not for people.
class Watchdog final : public Command {
 public:
  std::string name() const override { return "watchdog"; }
  std::string summary() const override { return "Heal what an engine that died left in"; }
  bool hidden() const override { return true; }

  void define(Arguments& arguments) override {
    arguments.option("--home", &home_, "DIR", "Home of the stack (.stormlog)");
  }

  int run(const Context& context) override {
    if (home_.empty()) return context.fail(Error::permanent("--home is missing"), kUsage);
    log::init("watchdog", log::Level::info, log::Format::json);
    const auto ended = chaos::run_watchdog(home_);
    return ended.ok() ? kOk : context.fail(ended.error());
  }

 private:
  std::string home_;
};

}  // namespace

std::unique_ptr<Command> make_watchdog() {
  return std::make_unique<Watchdog>();
}

}  // namespace stormlog::cli

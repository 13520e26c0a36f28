#include "chaos/fault/watchdog.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>

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
    // Nobody's child: an engine that runs for hours has no ended watchdogs to collect, and what
    // ends an engine with all of its children spares this.
    const pid_t child = ::fork();
    if (child < 0) {
      return context.fail(Error::retriable("cannot fork: " + std::string(std::strerror(errno))));
    }
    if (child > 0) ::_exit(kOk);
    if (::chdir("/") != 0) log::warn("keeps its working folder busy");
    const auto ended = chaos::run_watchdog(home_);
    if (!ended.ok()) log::error("the watchdog ends", {{"error", ended.error().message}});
    return ended.ok() ? kOk : kFailed;
  }

 private:
  std::string home_;
};

}  // namespace

std::unique_ptr<Command> make_watchdog() {
  return std::make_unique<Watchdog>();
}

}  // namespace stormlog::cli

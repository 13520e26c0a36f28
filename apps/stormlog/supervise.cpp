#include <unistd.h>

#include "chaos/stack/supervisor.hpp"
#include "chaos/stack/supervisor_socket.hpp"
#include "command.hpp"
#include "common/base/log.hpp"

namespace stormlog::cli {
namespace {

// The supervisor's own process, started by `stormlog up`.
class Supervise final : public Command {
 public:
  std::string name() const override { return "supervise"; }
  std::string summary() const override { return "The process behind `stormlog up`"; }
  bool hidden() const override { return true; }

  void define(Arguments& arguments) override {
    arguments.option("--profile", &profiles_, "NAME", false, "Profile of the stack file");
    arguments.option("--ready-fd", &ready_fd_, -1, 1'000'000,
                     "Where \"ready\", or what went wrong, is written");
  }

  int run(const Context& context) override {
    log::init("supervisor", log::Level::info, log::Format::text);
    auto path = context.stack_path();
    if (!path.ok()) return give_up(path.error());
    const auto home = chaos::stack_home(*path);
    auto supervisor = chaos::Supervisor::create({*path, home, profiles_, context.variables});
    if (!supervisor.ok()) {
      if (supervisor.error().code == "LOCKED") {
        say("locked\n");
        return kOk;
      }
      return give_up(supervisor.error());
    }
    auto socket = chaos::SupervisorSocket::open(**supervisor, home);
    if (!socket.ok()) return give_up(socket.error());
    (*supervisor)->loop().on_terminate([&] { (*supervisor)->down({}, [](const auto&) {}); });
    say("ready\n");
    (*supervisor)->run();
    return kOk;
  }

 private:
  int give_up(const Error& error) {
    log::error("cannot start", {{"reason", error.message}});
    say(error.message);
    return kFailed;
  }

  void say(const std::string& text) {
    if (ready_fd_ < 0) return;
    const int fd = static_cast<int>(ready_fd_);
    [[maybe_unused]] const ssize_t written = ::write(fd, text.data(), text.size());
    ::close(fd);
    ready_fd_ = -1;
  }

  std::vector<std::string> profiles_;
  std::int64_t ready_fd_ = -1;
};

}  // namespace

std::unique_ptr<Command> make_supervise() {
  return std::make_unique<Supervise>();
}

}  // namespace stormlog::cli

#include "command.hpp"

namespace stormlog::cli {

std::unique_ptr<Command> make_abort();
std::unique_ptr<Command> make_describe();
std::unique_ptr<Command> make_doctor();
std::unique_ptr<Command> make_down();
std::unique_ptr<Command> make_heal();
std::unique_ptr<Command> make_inject();
std::unique_ptr<Command> make_list();
std::unique_ptr<Command> make_load();
std::unique_ptr<Command> make_logs();
std::unique_ptr<Command> make_proxy();
std::unique_ptr<Command> make_restart();
std::unique_ptr<Command> make_run();
std::unique_ptr<Command> make_runs();
std::unique_ptr<Command> make_status();
std::unique_ptr<Command> make_supervise();
std::unique_ptr<Command> make_up();
std::unique_ptr<Command> make_validate();
std::unique_ptr<Command> make_verify();
std::unique_ptr<Command> make_watchdog();

std::vector<std::unique_ptr<Command>> make_commands() {
  // In the order of `stormlog --help`.
  std::unique_ptr<Command> (*const makers[])() = {
      make_up,         //
      make_down,       //
      make_status,     //
      make_restart,    //
      make_logs,       //
      make_run,        //
      make_inject,     //
      make_heal,       //
      make_abort,      //
      make_doctor,     //
      make_load,       //
      make_verify,     //
      make_runs,       //
      make_validate,   //
      make_proxy,      //
      make_list,       //
      make_describe,   //
      make_supervise,  //
      make_watchdog,
  };
  std::vector<std::unique_ptr<Command>> commands;
  for (const auto& make : makers) commands.push_back(make());
  return commands;
}

}  // namespace stormlog::cli

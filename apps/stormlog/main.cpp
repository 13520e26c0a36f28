#include <csignal>
#include <exception>
#include <iostream>

#include "command.hpp"
#include "common/base/log.hpp"

int main(int argc, char** argv) {
  // A pipe that is closed early (`stormlog status | head -1`) is an error of write(2), not a death.
  std::signal(SIGPIPE, SIG_IGN);
  stormlog::log::init("stormlog", stormlog::log::Level::warn, stormlog::log::Format::text);
  try {
    return stormlog::cli::run_main(argc, argv, stormlog::cli::make_commands(), std::cout,
                                   std::cerr);
  } catch (const std::exception& e) {
    std::cerr << "stormlog: internal error: " << e.what() << "\n";
    return 70;  // EX_SOFTWARE of sysexits.h: a bug, none of the documented codes
  }
}

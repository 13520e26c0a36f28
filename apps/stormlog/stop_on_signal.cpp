#include "stop_on_signal.hpp"

#include <csignal>

namespace stormlog::cli {
namespace {

std::atomic<bool> stop_requested{false};
static_assert(std::atomic<bool>::is_always_lock_free, "is set by a signal handler");

void on_signal(int signal) {
  stop_requested = true;
  std::signal(signal, SIG_DFL);
}

}  // namespace

StopOnSignal::StopOnSignal() {
  stop_requested = false;
  for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, on_signal);
}

StopOnSignal::~StopOnSignal() {
  for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, SIG_DFL);
}

const std::atomic<bool>& StopOnSignal::requested() const {
  return stop_requested;
}

}  // namespace stormlog::cli

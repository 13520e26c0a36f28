#include "common/telemetry/process_metrics.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <sstream>
#include <string>

#include "common/base/file.hpp"
#include "common/base/process.hpp"
#include "common/base/version.hpp"
#include "common/telemetry/metrics.hpp"

namespace stormlog::telemetry {
namespace {

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Field `index` of /proc/self/statm, in bytes.
double memory_bytes(int index) {
  const auto text = file::read("/proc/self/statm");
  if (!text.ok()) return 0;
  std::istringstream fields(*text);
  double pages = 0;
  for (int i = 0; i <= index; ++i) fields >> pages;
  return pages * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double open_fds() {
  std::error_code error;
  double count = 0;
  auto entry = std::filesystem::directory_iterator("/proc/self/fd", error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) ++count;
  return count > 0 ? count - 1 : 0;  // one of them was ours, to look
}

double max_fds() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<double>(limit.rlim_cur);
}

// The kernel's boot time plus our start in ticks after it.
double start_time_seconds() {
  const auto self = process::identify(::getpid());
  const auto text = file::read("/proc/stat");
  if (!self.ok() || !text.ok()) return 0;
  std::istringstream lines(*text);
  std::string key;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    double boot = 0;
    if (fields >> key >> boot && key == "btime") {
      return boot +
             static_cast<double>(self->start_ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
    }
  }
  return 0;
}

}  // namespace

void add_process_metrics(Metrics& metrics, const std::string& service) {
  metrics.counter_source("process_cpu_seconds_total", "CPU time used, user and system.",
                         [](const Metrics::Emit& emit) { emit({}, cpu_seconds()); });
  metrics.gauge_source("process_resident_memory_bytes", "Memory held in RAM.",
                       [](const Metrics::Emit& emit) { emit({}, memory_bytes(1)); });
  metrics.gauge_source("process_virtual_memory_bytes", "Address space used.",
                       [](const Metrics::Emit& emit) { emit({}, memory_bytes(0)); });
  metrics.gauge_source("process_open_fds", "Open file descriptors.",
                       [](const Metrics::Emit& emit) { emit({}, open_fds()); });
  metrics.gauge_source("process_max_fds", "File descriptors that may be open at once.",
                       [](const Metrics::Emit& emit) { emit({}, max_fds()); });
  metrics.gauge("process_start_time_seconds", "Start of the process, in seconds since 1970.")
      .set(start_time_seconds());
  metrics
      .gauge("build_info", "Always 1; the labels say what runs.",
             {{"service", service}, {"version", std::string(program_version())}})
      .set(1);
}

}  // namespace stormlog::telemetry

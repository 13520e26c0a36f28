#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "chaos/stack/service_state.hpp"

// The files under HOME/state: one for each service, and one of the supervisor. Written by the
// supervisor alone; each is replaced as one step. They are not synced to disk: a reboot ends the
// processes they speak of, and the boot id in them tells so.
namespace stormlog::chaos {

// What is kept of a service beside its state, so that `down` works without a readable stack file.
struct ServiceRecord {
  ServiceState state;
  std::map<std::string, WallTime> holds;  // fault id → end of its TTL
  int stop_signal = 15;
  std::chrono::milliseconds stop_timeout{10'000};
  std::vector<std::string> depends_on;
  std::size_t order = 0;  // in the stack file
};

struct SupervisorRecord {
  ProcessIdentity process;
  std::string stack_file;
  std::vector<std::string> profiles;
  document::Variables variables;
};

std::filesystem::path state_folder(const std::filesystem::path& home);
std::filesystem::path log_file(const std::filesystem::path& home, const std::string& service);

Result<void> write_record(const std::filesystem::path& home, const ServiceRecord& record);
void remove_record(const std::filesystem::path& home, const std::string& service);
// In the order of the stack file. A file that cannot be read is an error that names it.
Result<std::vector<ServiceRecord>> read_records(const std::filesystem::path& home);

Result<void> write_record(const std::filesystem::path& home, const SupervisorRecord& record);
Result<std::optional<SupervisorRecord>> read_supervisor_record(const std::filesystem::path& home);

}  // namespace stormlog::chaos

#include "chaos/stack/service_record.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "common/base/file.hpp"
#include "common/base/units.hpp"

namespace stormlog::chaos {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kServiceSuffix = ".service.json";

constexpr std::array kPhases = {ServicePhase::stopped,     ServicePhase::starting,
                                ServicePhase::running,     ServicePhase::unhealthy,
                                ServicePhase::backing_off, ServicePhase::crash_loop,
                                ServicePhase::failed,      ServicePhase::held};

Json to_json(const ProcessIdentity& process) {
  return {{"pid", process.pid}, {"start_ticks", process.start_ticks}, {"boot_id", process.boot_id}};
}

ProcessIdentity process_from(const Json& json) {
  return {json.at("pid").get<pid_t>(), json.at("start_ticks").get<std::uint64_t>(),
          json.at("boot_id").get<std::string>()};
}

std::string time_text(WallTime time) {
  return units::format_rfc3339(time, 9);
}

WallTime time_from(const Json& json) {
  const auto time = units::parse_rfc3339(json.get<std::string>());
  if (!time.ok()) throw std::invalid_argument(time.error().message);
  return *time;
}

Result<void> replace_file(const fs::path& path, const std::string& content) {
  const fs::path temporary = path.string() + ".new";
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  const auto failed = [&](const fs::path& what) {
    return Error::permanent("cannot write " + what.string() + ": " + std::strerror(errno));
  };
  if (fd < 0) return failed(temporary);
  const ssize_t written = ::write(fd, content.data(), content.size());
  if (written != static_cast<ssize_t>(content.size())) {
    if (written >= 0) errno = ENOSPC;
    const Error error = failed(temporary);
    ::close(fd);
    return error;
  }
  ::close(fd);
  if (::rename(temporary.c_str(), path.c_str()) != 0) return failed(path);
  return {};
}

ServiceRecord record_from(const Json& json) {
  ServiceRecord record;
  ServiceState& state = record.state;
  state.name = json.at("name");
  const std::string phase = json.at("phase");
  const auto found = std::find_if(kPhases.begin(), kPhases.end(),
                                  [&](ServicePhase p) { return to_string(p) == phase; });
  if (found == kPhases.end()) throw std::invalid_argument("unknown phase " + phase);
  state.phase = *found;
  if (!json.at("process").is_null()) state.process = process_from(json.at("process"));
  state.since = time_from(json.at("since"));
  state.started = time_from(json.at("started"));
  state.restarts = json.at("restarts");
  state.last_exit = json.at("last_exit");
  for (const auto& [fault, until] : json.at("holds").items()) {
    record.holds[fault] = time_from(until);
  }
  if (!record.holds.empty()) state.held_by = record.holds.begin()->first;
  record.stop_signal = json.at("stop_signal");
  record.stop_timeout = std::chrono::milliseconds{json.at("stop_timeout_ms").get<std::int64_t>()};
  record.depends_on = json.at("depends_on").get<std::vector<std::string>>();
  record.order = json.at("order");
  return record;
}

}  // namespace

std::string_view to_string(ServicePhase phase) {
  switch (phase) {
    case ServicePhase::stopped:
      return "stopped";
    case ServicePhase::starting:
      return "starting";
    case ServicePhase::running:
      return "running";
    case ServicePhase::unhealthy:
      return "unhealthy";
    case ServicePhase::backing_off:
      return "backing_off";
    case ServicePhase::crash_loop:
      return "crash_loop";
    case ServicePhase::failed:
      return "failed";
    case ServicePhase::held:
      break;
  }
  return "held";
}

fs::path state_folder(const fs::path& home) {
  return home / "state";
}

fs::path log_file(const fs::path& home, const std::string& service) {
  return home / "logs" / (service + ".log");
}

Result<void> write_record(const fs::path& home, const ServiceRecord& record) {
  const ServiceState& state = record.state;
  Json json = {{"name", state.name},
               {"phase", to_string(state.phase)},
               {"process", state.process ? to_json(*state.process) : Json()},
               {"since", time_text(state.since)},
               {"started", time_text(state.started)},
               {"restarts", state.restarts},
               {"last_exit", state.last_exit},
               {"holds", Json::object()},
               {"stop_signal", record.stop_signal},
               {"stop_timeout_ms", record.stop_timeout.count()},
               {"depends_on", record.depends_on},
               {"order", record.order}};
  for (const auto& [fault, until] : record.holds) json["holds"][fault] = time_text(until);
  return replace_file(state_folder(home) / (state.name + kServiceSuffix), json.dump(2) + "\n");
}

void remove_record(const fs::path& home, const std::string& service) {
  std::error_code code;
  fs::remove(state_folder(home) / (service + kServiceSuffix), code);
}

Result<std::vector<ServiceRecord>> read_records(const fs::path& home) {
  std::vector<ServiceRecord> records;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(state_folder(home), code)) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with(kServiceSuffix)) continue;
    const auto text = file::read(entry.path());
    if (!text.ok()) {
      if (!fs::exists(entry.path())) continue;  // `down` removed it just now
      return text.error();
    }
    try {
      records.push_back(record_from(Json::parse(*text)));
    } catch (const std::exception& e) {
      return Error::permanent(entry.path().string() +
                              ": not a state file of a service: " + e.what());
    }
  }
  std::sort(records.begin(), records.end(), [](const ServiceRecord& a, const ServiceRecord& b) {
    return std::tie(a.order, a.state.name) < std::tie(b.order, b.state.name);
  });
  return records;
}

Result<void> write_record(const fs::path& home, const SupervisorRecord& record) {
  Json json = {{"process", to_json(record.process)},
               {"stack_file", record.stack_file},
               {"profiles", record.profiles},
               {"variables", Json::object()}};
  for (const auto& [name, value] : record.variables) json["variables"][name] = value;
  return replace_file(state_folder(home) / "supervisor.json", json.dump(2) + "\n");
}

Result<std::optional<SupervisorRecord>> read_supervisor_record(const fs::path& home) {
  const fs::path path = state_folder(home) / "supervisor.json";
  std::error_code code;
  if (!fs::exists(path, code)) return std::optional<SupervisorRecord>();
  const auto text = file::read(path);
  if (!text.ok()) return text.error();
  try {
    const Json json = Json::parse(*text);
    SupervisorRecord record;
    record.process = process_from(json.at("process"));
    record.stack_file = json.at("stack_file");
    record.profiles = json.at("profiles").get<std::vector<std::string>>();
    for (const auto& [name, value] : json.at("variables").items()) {
      record.variables[name] = value.get<std::string>();
    }
    return std::optional<SupervisorRecord>(std::move(record));
  } catch (const std::exception& e) {
    return Error::permanent(path.string() + ": not the supervisor's state file: " + e.what());
  }
}

const ServiceState* StackState::service(std::string_view name) const {
  for (const auto& one : services) {
    if (one.name == name) return &one;
  }
  return nullptr;
}

Result<StackState> read_stack_state(const fs::path& home) {
  StackState state;
  auto supervisor = read_supervisor_record(home);
  if (!supervisor.ok()) return supervisor.error();
  auto records = read_records(home);
  if (!records.ok()) return records.error();
  if (*supervisor) {
    const SupervisorRecord& record = **supervisor;
    if (process::alive(record.process)) state.supervisor = record.process;
    state.stack_file = record.stack_file;
    state.profiles = record.profiles;
    state.variables = record.variables;
  }
  for (auto& record : *records) {
    ServiceState& service = record.state;
    const bool ended = !service.process || !process::alive(*service.process);
    // Without a supervisor nobody has written down what became of the service since.
    if (!state.supervisor && ended) {
      if (service.process) service.last_exit = "ended while no supervisor ran";
      service.process.reset();
      service.phase = ServicePhase::stopped;
    }
    state.services.push_back(std::move(service));
  }
  return state;
}

}  // namespace stormlog::chaos

#include "stack_view.hpp"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <ostream>

#include "common/base/file.hpp"
#include "common/base/units.hpp"

namespace stormlog::cli {
namespace {

using chaos::HealthCheck;
using chaos::ServicePhase;
using chaos::ServiceSpec;
using chaos::ServiceState;
using std::chrono::milliseconds;

std::string health_text(const HealthCheck& health) {
  switch (health.kind) {
    case HealthCheck::Kind::http:
      return health.url;
    case HealthCheck::Kind::tcp:
      return "tcp " + health.address;
    case HealthCheck::Kind::command:
      return health.command.empty() ? "command" : health.command.front();
    case HealthCheck::Kind::none:
      break;
  }
  return "none";
}

Result<ProcessIdentity> foreign_process(const ServiceSpec& spec) {
  if (spec.process_port != 0) return process::listening_on(spec.process_port);
  if (spec.pid_file.empty()) return Error::permanent("no process is named");
  const auto text = file::read(spec.pid_file);
  if (!text.ok()) return text.error();
  const auto pid = units::parse_int(text->substr(0, text->find_first_of(" \n")));
  if (!pid.ok()) return pid.error();
  return process::identify(static_cast<pid_t>(*pid));
}

StackView::Row foreign_row(const ServiceSpec& spec) {
  StackView::Row row{{}, true, health_text(spec.health)};
  row.state.name = spec.name;
  if (const auto found = foreign_process(spec); found.ok()) {
    row.state.process = *found;
    row.state.phase = ServicePhase::running;
  }
  return row;
}

std::string_view colour_of(ServicePhase phase) {
  switch (phase) {
    case ServicePhase::running:
      return "green";
    case ServicePhase::stopped:
      return "dim";
    case ServicePhase::starting:
    case ServicePhase::backing_off:
    case ServicePhase::held:
      return "yellow";
    default:
      return "red";
  }
}

std::string padded(const std::string& text, std::size_t width) {
  return text.size() >= width ? text : text + std::string(width - text.size(), ' ');
}

milliseconds uptime_of(const ServiceState& state) {
  return std::chrono::duration_cast<milliseconds>(SystemClock::instance().wall_now() -
                                                  state.started);
}

bool has_uptime(const StackView::Row& row) {
  return row.state.process && !row.foreign;
}

}  // namespace

bool StackView::all_running() const {
  return std::all_of(rows.begin(), rows.end(), [](const Row& row) {
    return row.state.phase == ServicePhase::running && row.state.process &&
           process::alive(*row.state.process);
  });
}

Result<StackView> view_stack(const Context& context) {
  auto path = context.stack_path();
  if (!path.ok()) return path.error();
  StackView view;
  view.home = chaos::stack_home(*path);
  auto state = chaos::read_stack_state(view.home);
  if (!state.ok()) return state.error();
  view.supervisor = state->supervisor;
  view.profiles = state->profiles;
  const auto stack = context.load_stack();
  if (!stack.ok()) {
    context.err << context.paint("yellow", "warning") << ": " << stack.error().message << "\n";
    for (auto& service : state->services) view.rows.push_back({std::move(service), false, {}});
    return view;
  }
  for (const auto& spec : stack->services) {
    if (!spec.managed()) {
      view.rows.push_back(foreign_row(spec));
      continue;
    }
    StackView::Row row{{}, false, health_text(spec.health)};
    row.state.name = spec.name;
    if (const auto* found = state->service(spec.name)) row.state = *found;
    view.rows.push_back(std::move(row));
  }
  for (auto& service : state->services) {  // no longer in the file, and still there
    if (stack->service(service.name) == nullptr) {
      view.rows.push_back({std::move(service), false, {}});
    }
  }
  return view;
}

nlohmann::ordered_json to_json(const StackView& view) {
  nlohmann::ordered_json json;
  json["home"] = view.home.string();
  json["supervisor"] = nullptr;
  if (view.supervisor) json["supervisor"] = view.supervisor->pid;
  json["profiles"] = view.profiles;
  json["all_running"] = view.all_running();
  json["services"] = nlohmann::ordered_json::array();
  for (const auto& row : view.rows) {
    const ServiceState& state = row.state;
    nlohmann::ordered_json one = {{"name", state.name},           {"phase", to_string(state.phase)},
                                  {"foreign", row.foreign},       {"pid", nullptr},
                                  {"uptime_ms", nullptr},         {"restarts", state.restarts},
                                  {"last_exit", state.last_exit}, {"held_by", state.held_by},
                                  {"health", row.health}};
    if (state.process) one["pid"] = state.process->pid;
    if (has_uptime(row)) one["uptime_ms"] = uptime_of(state).count();
    json["services"].push_back(std::move(one));
  }
  return json;
}

void print_table(const Context& context, const StackView& view) {
  std::size_t width = 7;
  for (const auto& row : view.rows) width = std::max(width, row.state.name.size());
  context.out << context.paint("bold", padded("SERVICE", width) +
                                           "  PHASE        PID      UPTIME    "
                                           "RESTARTS  HEALTH CHECK")
              << "\n";
  for (const auto& row : view.rows) {
    const ServiceState& state = row.state;
    const std::string phase(to_string(state.phase));
    context.out << padded(state.name, width) << "  "
                << context.paint(colour_of(state.phase), padded(phase, 11)) << "  "
                << padded(state.process ? std::to_string(state.process->pid) : "-", 7) << "  "
                << padded(has_uptime(row) ? human_time(uptime_of(state)) : "-", 8) << "  "
                << padded(row.foreign ? "foreign" : std::to_string(state.restarts), 8) << "  "
                << (row.health.empty() ? "-" : row.health);
    if (!state.held_by.empty()) context.out << "  (held by " << state.held_by << ")";
    const bool tell = !state.last_exit.empty() && state.phase != ServicePhase::stopped;
    if (tell) context.out << "  (last exit: " << state.last_exit << ")";
    context.out << "\n";
  }
}

std::string human_time(milliseconds time) {
  const auto ms = std::max<std::int64_t>(time.count(), 0);
  if (ms < 60'000) {
    return std::to_string(ms / 1000) + "." + std::to_string(ms % 1000 / 100) + " s";
  }
  const auto minutes = ms / 60'000;
  if (minutes < 60) return std::to_string(minutes) + " min";
  if (minutes < 48 * 60) {
    return std::to_string(minutes / 60) + " h " + std::to_string(minutes % 60) + " min";
  }
  return std::to_string(minutes / (24 * 60)) + " d";
}

std::vector<std::string> last_lines(const std::filesystem::path& path, std::size_t count) {
  std::ifstream stream(path, std::ios::binary | std::ios::ate);
  if (!stream || count == 0) return {};
  // Backwards in blocks until enough line ends were seen.
  std::string text;
  std::streamoff at = stream.tellg();
  while (at > 0 && std::count(text.begin(), text.end(), '\n') <= static_cast<long>(count)) {
    const std::streamoff block = std::min<std::streamoff>(at, 64 * 1024);
    at -= block;
    std::string part(static_cast<std::size_t>(block), '\0');
    stream.seekg(at);
    stream.read(part.data(), block);
    part.resize(static_cast<std::size_t>(stream.gcount()));
    text.insert(0, part);
  }
  std::vector<std::string> lines;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = text.find('\n', from);
    lines.push_back(text.substr(from, end == std::string::npos ? end : end - from));
    if (end == std::string::npos) break;
    from = end + 1;
  }
  if (lines.size() > count) {
    lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(count));
  }
  return lines;
}

}  // namespace stormlog::cli

#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>
#include <ostream>

#include "chaos/fault/undo_journal.hpp"
#include "chaos/stack/process_tree.hpp"
#include "chaos/stack/service_record.hpp"
#include "chaos/stack/service_state.hpp"
#include "chaos/target/target.hpp"
#include "command.hpp"
#include "fault_view.hpp"

namespace stormlog::cli {
namespace {

using Json = nlohmann::ordered_json;

class Doctor final : public Command {
 public:
  std::string name() const override { return "doctor"; }
  std::string summary() const override { return "Find, and heal, what faults left behind"; }

  void define(Arguments& arguments) override {
    arguments.flag("--heal", &heal_, "Heal what is found");
  }

  int run(const Context& context) override {
    const auto path = context.stack_path();
    if (!path.ok()) return context.fail(path.error(), kUsage);
    const auto home = chaos::stack_home(*path);
    chaos::UndoJournal journal(home);
    std::vector<std::string> damaged;
    const auto records = journal.list(&damaged);
    if (!records.ok()) return context.fail(records.error());

    Json found = Json::array();
    bool clean = true;
    std::vector<const chaos::UndoRecord*> in;  // after the healing below
    for (const chaos::UndoRecord& record : *records) {
      Json entry = to_json(record);
      const bool leftover = is_leftover(record);
      if (leftover && heal_) {
        const auto healed = journal.heal(record);
        entry["healed"] = healed.ok();
        if (!healed.ok()) entry["error"] = healed.error().message;
        clean = clean && healed.ok();
        if (!healed.ok()) in.push_back(&record);
      } else {
        in.push_back(&record);
        clean = clean && !leftover;
      }
      found.push_back(std::move(entry));
    }
    for (const std::string& file : damaged) {
      found.push_back({{"condition", "not an undo record; see what it speaks of, then delete it"},
                       {"file", file}});
      clean = false;
    }
    look_at_holds(home, in, found, clean);
    const auto stack = context.load_stack();
    if (stack.ok()) {
      look_at_services(*stack, in, found, clean);
    } else {
      found.push_back({{"condition",
                        "the stack file cannot be read, so its services were not "
                        "looked at: " +
                            stack.error().message},
                       {"file", path->string()}});
      clean = false;
    }
    report(context, found, clean);
    return clean ? kOk : kFailed;
  }

 private:
  using Records = std::vector<const chaos::UndoRecord*>;

  // Services that are held down by faults of which no record is left.
  void look_at_holds(const std::filesystem::path& home, const Records& in, Json& found,
                     bool& clean) const {
    const auto records = chaos::read_records(home);
    if (!records.ok()) {
      found.push_back({{"condition", records.error().message}});
      clean = false;
      return;
    }
    const WallTime now = SystemClock::instance().wall_now();
    for (const chaos::ServiceRecord& service : *records) {
      for (const auto& [id, until] : service.holds) {
        const bool recorded =
            std::any_of(in.begin(), in.end(),
                        [&](const chaos::UndoRecord* record) { return record->id == id; });
        if (recorded || until <= now) continue;
        Json entry = {{"condition", "held down by " + id + ", which is not in the undo journal"},
                      {"service", service.state.name}};
        Result<void> healed = Error::permanent("");
        if (heal_) {
          healed = chaos::SupervisorClient(home).release(service.state.name, id);
          entry["healed"] = healed.ok();
          if (!healed.ok()) entry["error"] = healed.error().message;
        }
        clean = clean && healed.ok();
        found.push_back(std::move(entry));
      }
    }
  }

  void look_at_services(const chaos::Stack& stack, const Records& in, Json& found,
                        bool& clean) const {
    bool any_running = false;
    for (const chaos::ServiceSpec& service : stack.services) {
      const auto process = chaos::process_of(stack, service.name);
      if (!process.ok()) continue;
      any_running = any_running || service.managed();
      const bool explained = std::any_of(
          in.begin(), in.end(),
          [&](const chaos::UndoRecord* record) { return record->target == service.name; });
      if (!explained) look_at_processes(service, *process, found, clean);
    }
    if (any_running && !chaos::SupervisorClient(stack.home).running()) {
      found.push_back({{"condition",
                        "services run without a supervisor; `stormlog up` adopts "
                        "them, `stormlog down` stops them"}});
      clean = false;
    }
  }

  // Processes that were stopped by a signal, and nobody says why. Those of a service that this
  // stack did not start may be stopped by somebody who is at work on them: they are only told.
  void look_at_processes(const chaos::ServiceSpec& service, const ProcessIdentity& leader,
                         Json& found, bool& clean) const {
    std::vector<ProcessIdentity> processes = {leader};
    if (service.managed()) {
      for (const auto& member : chaos::members_of(leader)) processes.push_back(member);
    }
    for (const ProcessIdentity& process : processes) {
      if (process::state(process) != ProcessState::stopped) continue;
      Json entry = {{"condition", "stopped, and no fault explains it"},
                    {"service", service.name},
                    {"pid", process.pid}};
      Result<void> healed = Error::permanent("");
      if (heal_ && service.managed()) {
        healed = process::signal(process, SIGCONT);
        entry["healed"] = healed.ok();
        if (!healed.ok()) entry["error"] = healed.error().message;
      }
      clean = clean && healed.ok();
      found.push_back(std::move(entry));
    }
  }

  void report(const Context& context, const Json& found, bool clean) const {
    if (context.json) {
      context.print({{"clean", clean}, {"found", found}});
      return;
    }
    for (const Json& entry : found) {
      const std::string subject = entry.contains("fault")
                                      ? entry.value("id", "") + "  " + entry.value("fault", "") +
                                            " on " + entry.value("target", "")
                                      : entry.value("service", entry.value("file", "stack"));
      std::string end;
      if (entry.contains("healed")) {
        end =
            entry.value("healed", false) ? ": healed" : ": not healed " + entry.value("error", "");
      }
      context.out << subject << "  " << entry.value("condition", "") << end << "\n";
    }
    if (clean) {
      context.out << (found.empty() ? "nothing is left in\n" : "nothing is left to heal\n");
    } else {
      context.out << (heal_ ? "something is left that could not be healed\n"
                            : "something is left; `stormlog doctor --heal` heals what it can\n");
    }
  }

  bool heal_ = false;
};

}  // namespace

std::unique_ptr<Command> make_doctor() {
  return std::make_unique<Doctor>();
}

}  // namespace stormlog::cli

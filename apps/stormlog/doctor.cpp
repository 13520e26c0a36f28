#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>
#include <ostream>

#include "chaos/fault/undo_journal.hpp"
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
    const auto stack = context.load_stack();
    if (!stack.ok()) return context.fail(stack.error(), kUsage);
    chaos::UndoJournal journal(stack->home);
    std::vector<std::string> damaged;
    const auto records = journal.list(&damaged);
    if (!records.ok()) return context.fail(records.error());

    Json found = Json::array();
    bool clean = true;
    std::vector<std::string> explained;  // targets whose state a living engine answers for
    for (const chaos::UndoRecord& record : *records) {
      Json entry = to_json(record);
      explained.push_back(record.target);
      const bool leftover = is_leftover(record);
      if (leftover && heal_) {
        const auto healed = journal.heal(record);
        entry["healed"] = healed.ok();
        if (!healed.ok()) entry["error"] = healed.error().message;
        clean = clean && healed.ok();
      } else if (leftover) {
        clean = false;
      }
      found.push_back(std::move(entry));
    }
    for (const std::string& file : damaged) {
      found.push_back({{"condition", "unreadable undo record"}, {"file", file}});
      clean = false;
    }
    look_at_services(*stack, explained, found, clean);
    report(context, found, clean);
    return clean ? kOk : kFailed;
  }

 private:
  void look_at_services(const chaos::Stack& stack, const std::vector<std::string>& explained,
                        Json& found, bool& clean) const {
    bool any_running = false;
    for (const chaos::ServiceSpec& service : stack.services) {
      const auto process = chaos::process_of(stack, service.name);
      if (!process.ok()) continue;
      any_running = any_running || service.managed();
      const bool ours =
          std::find(explained.begin(), explained.end(), service.name) != explained.end();
      if (ours || process::state(*process) != ProcessState::stopped) continue;
      Json entry = {{"condition", "stopped, and no fault explains it"},
                    {"service", service.name},
                    {"pid", process->pid}};
      bool healed = false;
      if (heal_ && service.managed()) {
        healed = process::signal(*process, SIGCONT).ok();
        entry["healed"] = healed;
      }
      clean = clean && healed;
      found.push_back(std::move(entry));
    }
    if (any_running && !chaos::SupervisorClient(stack.home).running()) {
      found.push_back({{"condition",
                        "services run without a supervisor; `stormlog up` adopts "
                        "them, `stormlog down` stops them"}});
      clean = false;
    }
  }

  static void report(const Context& context, const Json& found, bool clean) {
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
    context.out << (clean ? "nothing is left to heal\n"
                          : "something is left; `stormlog doctor --heal` heals it\n");
  }

  bool heal_ = false;
};

}  // namespace

std::unique_ptr<Command> make_doctor() {
  return std::make_unique<Doctor>();
}

}  // namespace stormlog::cli

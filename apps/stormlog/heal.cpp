#include <nlohmann/json.hpp>
#include <ostream>

#include "chaos/fault/undo_journal.hpp"
#include "command.hpp"
#include "common/base/suggest.hpp"

namespace stormlog::cli {
namespace {

class Heal final : public Command {
 public:
  std::string name() const override { return "heal"; }
  std::string summary() const override { return "Heal a fault that is in"; }

  void define(Arguments& arguments) override {
    arguments.positional("ID", &id_, false, "Fault id, as `inject` and `doctor` print it");
    arguments.flag("--all", &all_, "Heal every fault that is in");
  }

  int run(const Context& context) override {
    if (id_.empty() == !all_) {
      return context.fail(Error::permanent("give either a fault's ID or --all"), kUsage);
    }
    const auto stack = context.load_stack();
    if (!stack.ok()) return context.fail(stack.error(), kUsage);
    chaos::UndoJournal journal(stack->home);
    const auto records = journal.list();
    if (!records.ok()) return context.fail(records.error());
    nlohmann::ordered_json healed = nlohmann::ordered_json::array();
    std::vector<std::string> known;
    int code = kOk;
    for (const chaos::UndoRecord& record : *records) {
      known.push_back(record.id);
      if (!all_ && record.id != id_) continue;
      if (const auto done = journal.heal(record); !done.ok()) {
        code = context.fail(done.error());
        continue;
      }
      healed.push_back(record.id);
      if (!context.json) {
        context.out << "healed " << record.fault << " on " << record.target << " (" << record.id
                    << ")\n";
      }
    }
    if (!all_ && healed.empty() && code == kOk) {
      return context.fail(Error::permanent("no fault " + id_ + " is in" +
                                           (known.empty() ? "" : did_you_mean(id_, known))),
                          kUsage);
    }
    if (context.json) context.print({{"healed", healed}});
    if (!context.json && all_ && healed.empty() && code == kOk) context.out << "no fault is in\n";
    return code;
  }

 private:
  std::string id_;
  bool all_ = false;
};

}  // namespace

std::unique_ptr<Command> make_heal() {
  return std::make_unique<Heal>();
}

}  // namespace stormlog::cli

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
    const auto path = context.stack_path();
    if (!path.ok()) return context.fail(path.error(), kUsage);
    // The stack file need not be readable: a fault that is in is healed all the same.
    chaos::UndoJournal journal(chaos::stack_home(*path));
    std::vector<std::string> damaged;
    const auto records = journal.list(&damaged);
    if (!records.ok()) return context.fail(records.error());
    nlohmann::ordered_json healed = nlohmann::ordered_json::array();
    std::vector<std::string> known;
    nlohmann::ordered_json failed = nlohmann::ordered_json::array();
    int code = kOk;
    const auto fail = [&](const std::string& what, const std::string& why) {
      code = kFailed;
      failed.push_back({{"id", what}, {"error", why}});
      if (!context.json) context.err << context.paint("red", "error") << ": " << why << "\n";
    };
    for (const chaos::UndoRecord& record : *records) {
      known.push_back(record.id);
      if (!all_ && record.id != id_) continue;
      if (const auto done = journal.heal(record); !done.ok()) {
        fail(record.id, done.error().message);
        continue;
      }
      healed.push_back(record.id);
      if (!context.json) {
        context.out << "healed " << record.fault << " on " << record.target << " (" << record.id
                    << ")\n";
      }
    }
    for (const std::string& file : damaged) {
      const std::string id = std::filesystem::path(file).stem();
      if (all_ || id == id_) {
        fail(id, file + ": not an undo record; see what it speaks of, then delete it");
      }
    }
    if (!all_ && healed.empty() && code == kOk) {
      return context.fail(Error::permanent("no fault " + id_ + " is in" +
                                           (known.empty() ? "" : did_you_mean(id_, known))),
                          kUsage);
    }
    if (context.json) context.print({{"healed", healed}, {"failed", failed}});
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

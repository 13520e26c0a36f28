#include <nlohmann/json.hpp>
#include <ostream>

#include "command.hpp"
#include "stack_view.hpp"

namespace stormlog::cli {
namespace {

class Status final : public Command {
 public:
  std::string name() const override { return "status"; }
  std::string summary() const override {
    return "What runs; exit code 0 when every service does, else 1";
  }
  void define(Arguments&) override {}

  int run(const Context& context) override {
    const auto view = view_stack(context);
    if (!view.ok()) return context.fail(view.error(), kUsage);
    if (context.json) {
      context.print(to_json(*view));
    } else {
      print_table(context, *view);
      bool alive = false;
      for (const auto& row : view->rows) alive |= row.state.process && !row.foreign;
      if (alive && !view->supervisor) {
        context.out << "\nno supervisor runs: nothing is restarted; `stormlog up` takes over, "
                       "`stormlog down` stops\n";
      }
    }
    return view->all_running() ? kOk : kFailed;
  }
};

}  // namespace

std::unique_ptr<Command> make_status() {
  return std::make_unique<Status>();
}

}  // namespace stormlog::cli

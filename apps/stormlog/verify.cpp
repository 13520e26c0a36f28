#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <ostream>

#include "chaos/ledger/reconciliation_text.hpp"
#include "command.hpp"
#include "common/base/file.hpp"
#include "common/base/units.hpp"
#include "ledger_verification.hpp"

namespace stormlog::cli {
namespace {

Nanoseconds from_ms(const nlohmann::json& value) {
  return Nanoseconds{static_cast<Nanoseconds::rep>(value.get<double>() * 1e6)};
}

// The faults that the verdict beside the ledger tells of; none when there is no verdict.
Result<std::vector<chaos::FaultWindow>> windows_beside(const std::filesystem::path& ledger) {
  std::vector<chaos::FaultWindow> windows;
  const std::filesystem::path path = ledger.parent_path() / "verdict.json";
  std::error_code code;
  if (!std::filesystem::exists(path, code)) return windows;
  Result<std::string> text = file::read(path);
  if (!text) return text.error();
  try {
    const nlohmann::json verdict = nlohmann::json::parse(*text);
    for (const auto& fault : verdict.value("faults", nlohmann::json::array())) {
      const auto injected = fault.find("injected_ms");
      if (injected == fault.end() || !injected->is_number()) continue;
      chaos::FaultWindow window;
      window.name = fault.value("fault", "fault") + " " + fault.value("target", "");
      window.from = from_ms(*injected);
      const auto healed = fault.find("healed_ms");
      const bool ended = healed != fault.end() && healed->is_number();
      window.to = ended ? from_ms(*healed) : Nanoseconds::max();
      windows.push_back(std::move(window));
    }
  } catch (const nlohmann::json::exception& e) {
    return Error::permanent(path.string() + ": not the verdict of a run: " + e.what());
  }
  return windows;
}

class Verify final : public Command {
 public:
  std::string name() const override { return "verify"; }
  std::string summary() const override {
    return "Read a ledger against the sinks: what was lost, duplicated, reordered";
  }

  void define(Arguments& arguments) override {
    arguments.positional("LEDGER", &ledger_, true, "Ledger file, or the folder that holds one");
    arguments.option("--wait", &wait_,
                     "Wait at most this long until the system has drained (else the stack's "
                     "drain_timeout); 0s reads at once and takes it as drained");
  }

  int run(const Context& context) override {
    std::filesystem::path path = ledger_;
    std::error_code code;
    if (std::filesystem::is_directory(path, code)) path /= chaos::kLedgerFile;
    const Result<chaos::Ledger> ledger = chaos::read_ledger(path);
    if (!ledger) return context.fail(ledger.error(), kUsage);
    const Result<chaos::Stack> stack = context.load_stack();
    if (!stack) return context.fail(stack.error(), kUsage);
    const auto windows = windows_beside(path);
    if (!windows) return context.fail(windows.error(), kUsage);
    const Result<chaos::Reconciliation> result =
        verify_ledger(context, *stack, *ledger, *windows, wait_);
    if (!result) return context.fail(result.error(), kUsage);

    if (context.json) {
      nlohmann::ordered_json json = {{"verdict", verdict_of(*result)},
                                     {"ledger", path.string()},
                                     {"run", ledger->header.run},
                                     {"truncated", ledger->truncated}};
      json.update(chaos::to_json(*result));
      context.print(json);
    } else {
      context.out << fmt::format("{}: run {}, sent to {} from {}\n", path.string(),
                                 ledger->header.run, ledger->header.target,
                                 units::format_rfc3339(ledger->header.started));
      if (ledger->truncated) {
        context.out << "  the ledger ends within a record: its writer died\n";
      }
      context.out << chaos::to_text(*result) << verdict_line(context, *result) << "\n";
    }
    return exit_code_of(*result);
  }

 private:
  std::string ledger_;
  std::optional<Nanoseconds> wait_;
};

}  // namespace

std::unique_ptr<Command> make_verify() {
  return std::make_unique<Verify>();
}

}  // namespace stormlog::cli

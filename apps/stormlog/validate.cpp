#include <nlohmann/json.hpp>
#include <ostream>
#include <sstream>

#include "command.hpp"
#include "experiment_file.hpp"

namespace stormlog::cli {
namespace {

using Json = nlohmann::ordered_json;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

class Validate final : public Command {
 public:
  std::string name() const override { return "validate"; }
  std::string summary() const override {
    return "Check experiment files against the stack; touch nothing";
  }
  void define(Arguments& arguments) override {
    arguments.positionals("FILE", &files_, 1, "Experiment files");
  }

  int run(const Context& context) override {
    const auto stack = context.load_stack();
    if (!stack.ok()) return context.fail(stack.error(), kUsage);
    int code = kOk;
    Json results = Json::array();
    for (const std::string& file : files_) {
      const auto experiment = load_experiment(file, *stack, context.variables);
      if (experiment.ok()) {
        results.push_back({{"file", file}, {"valid", true}, {"title", experiment->title}});
        if (!context.json) {
          context.out << context.paint("green", "OK") << "  " << file << ": " << experiment->title
                      << "\n";
        }
        continue;
      }
      code = kUsage;
      const std::vector<std::string> errors = lines_of(experiment.error().message);
      results.push_back({{"file", file}, {"valid", false}, {"errors", errors}});
      if (context.json) continue;
      for (const std::string& error : errors) {
        context.err << context.paint("red", "error") << ": " << error << "\n";
      }
    }
    if (context.json) context.print({{"valid", code == kOk}, {"files", results}});
    return code;
  }

 private:
  std::vector<std::string> files_;
};

}  // namespace

std::unique_ptr<Command> make_validate() {
  return std::make_unique<Validate>();
}

}  // namespace stormlog::cli

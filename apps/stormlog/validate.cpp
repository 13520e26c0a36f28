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

// A stack file has services; nothing else tells the two kinds apart.
bool is_stack_file(const std::string& file) {
  const auto root = document::load_yaml(file);
  return root.ok() && root->is_map() && root->find("services") != nullptr;
}

class Validate final : public Command {
 public:
  std::string name() const override { return "validate"; }
  std::string summary() const override {
    return "Check experiment files against the stack, and stack files; touch nothing";
  }
  void define(Arguments& arguments) override {
    arguments.positionals("FILE", &files_, 1, "Experiment or stack files");
  }

  int run(const Context& context) override {
    int code = kOk;
    Json results = Json::array();
    std::optional<Result<chaos::Stack>> stack;  // read once, when the first experiment needs it
    for (const std::string& file : files_) {
      const auto title =
          is_stack_file(file) ? check_stack(context, file) : check_experiment(context, file, stack);
      if (stack && !stack->ok()) return context.fail(stack->error(), kUsage);
      if (title.ok()) {
        results.push_back({{"file", file}, {"valid", true}, {"title", *title}});
        if (!context.json) {
          context.out << context.paint("green", "OK") << "  " << file << ": " << *title << "\n";
        }
        continue;
      }
      code = kUsage;
      const std::vector<std::string> errors = lines_of(title.error().message);
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
  // Each answers the file's title.
  static Result<std::string> check_stack(const Context& context, const std::string& file) {
    const auto loaded = chaos::load_stack(file, {}, context.variables);
    if (!loaded.ok()) return loaded.error();
    return "stack " + loaded->name;
  }
  static Result<std::string> check_experiment(const Context& context, const std::string& file,
                                              std::optional<Result<chaos::Stack>>& stack) {
    if (!stack) stack.emplace(context.load_stack());
    if (!stack->ok()) return stack->error();
    const auto experiment = load_experiment(file, **stack, context.variables);
    if (!experiment.ok()) return experiment.error();
    return experiment->title;
  }

  std::vector<std::string> files_;
};

}  // namespace

std::unique_ptr<Command> make_validate() {
  return std::make_unique<Validate>();
}

}  // namespace stormlog::cli

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

#include "command.hpp"
#include "common/base/suggest.hpp"
#include "common/base/units.hpp"
#include "words.hpp"

namespace stormlog::cli {
namespace {

using document::ParamSpec;
using document::ParamType;

std::string bound_text(ParamType type, double bound) {
  if (type == ParamType::duration) {
    return units::format_duration(Nanoseconds{static_cast<Nanoseconds::rep>(bound * 1e9)});
  }
  if (type == ParamType::bytes) return units::format_bytes(static_cast<std::uint64_t>(bound));
  if (type == ParamType::rate) return units::format_rate(bound);
  std::string text = nlohmann::json(bound).dump();
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text;
}

// "required", "default 10ms", and what it may be.
std::string notes_of(const ParamSpec& param) {
  std::string notes;
  const auto add = [&](const std::string& note) { notes += (notes.empty() ? "" : "; ") + note; };
  if (param.required) add("required");
  if (!param.default_text.empty()) add("default " + param.default_text);
  if (!param.choices.empty()) {
    std::string choices;
    for (const std::string& choice : param.choices) {
      choices += (choices.empty() ? "" : " | ") + choice;
    }
    add(choices);
  }
  if (param.min) add("from " + bound_text(param.type, *param.min));
  if (param.max) add("to " + bound_text(param.type, *param.max));
  return notes;
}

class Describe final : public Command {
 public:
  std::string name() const override { return "describe"; }
  std::string summary() const override {
    return "Show what a fault, probe, check or toxic does and its parameters";
  }
  void define(Arguments& arguments) override {
    arguments.positional("NAME", &name_, true, "A name from `stormlog list`");
  }

  int run(const Context& context) override {
    const std::vector<WordInfo> words = words_of("");
    std::vector<std::string> names;
    nlohmann::ordered_json found = nlohmann::ordered_json::array();
    for (const WordInfo& word : words) {
      names.push_back(word.name);
      if (word.name != name_) continue;
      if (!context.json) print(context, word);
      found.push_back(to_json(word));
    }
    if (found.empty()) {
      return context.fail(Error::permanent("there is no fault, probe, check or toxic \"" + name_ +
                                           "\"" + did_you_mean(name_, names)),
                          kUsage);
    }
    // A name may be a word of two groups.
    if (context.json) context.print(found.size() == 1 ? found[0] : found);
    return kOk;
  }

 private:
  static void print(const Context& context, const WordInfo& word) {
    context.out << context.paint("bold", word.name) << " (" << word.group << ")\n  " << word.summary
                << "\n\n  " << word.example << "\n\n";
    if (word.params.empty()) {
      context.out << "  It takes no parameters.\n";
      return;
    }
    std::size_t name_width = 0;
    std::size_t type_width = 0;
    for (const ParamSpec& param : word.params) {
      name_width = std::max(name_width, param.name.size());
      type_width = std::max(type_width, document::to_string(param.type).size());
    }
    for (const ParamSpec& param : word.params) {
      const std::string type(document::to_string(param.type));
      context.out << "  " << param.name << std::string(name_width - param.name.size() + 2, ' ')
                  << type << std::string(type_width - type.size() + 2, ' ') << param.description;
      const std::string notes = notes_of(param);
      if (!notes.empty()) context.out << context.paint("dim", " (" + notes + ")");
      context.out << "\n";
    }
  }

  std::string name_;
};

}  // namespace

std::unique_ptr<Command> make_describe() {
  return std::make_unique<Describe>();
}

}  // namespace stormlog::cli

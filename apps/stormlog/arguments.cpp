#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cstdlib>
#include <map>
#include <ostream>

#include "command.hpp"
#include "common/base/suggest.hpp"
#include "common/base/units.hpp"
#include "common/base/version.hpp"

namespace stormlog::cli {
namespace {

// Arguments over a CLI11 subcommand.
class CliArguments final : public Arguments {
 public:
  explicit CliArguments(CLI::App& app) : app_(app) {}

  void flag(const std::string& names, bool* value, const std::string& help) override {
    app_.add_flag(names, *value, help);
  }
  void option(const std::string& names, std::string* value, const std::string& value_name,
              const std::string& help) override {
    app_.add_option(names, *value, help)->type_name(value_name)->capture_default_str();
  }
  void option(const std::string& names, std::optional<std::string>* value,
              const std::string& value_name, const std::string& help) override {
    add(names, value_name, help, [value](const std::string& text) { *value = text; });
  }
  void option(const std::string& names, std::int64_t* value, std::int64_t min, std::int64_t max,
              const std::string& help) override {
    add(names, "INT", help, [=](const std::string& text) {
      const auto parsed = units::parse_int(text);
      if (!parsed.ok()) throw CLI::ValidationError(names, parsed.error().message);
      if (*parsed < min || *parsed > max) {
        throw CLI::ValidationError(names,
                                   "must be " + std::to_string(min) + " to " + std::to_string(max));
      }
      *value = *parsed;
    })->default_str(std::to_string(*value));
  }
  void option(const std::string& names, std::optional<std::uint64_t>* value,
              const std::string& value_name, const std::string& help) override {
    add(names, value_name, help, [=](const std::string& text) {
      std::size_t used = 0;
      try {
        *value = text.starts_with('-') ? 0 : std::stoull(text, &used);
      } catch (const std::exception&) {
        used = 0;
      }
      if (used == 0 || used != text.size()) {
        throw CLI::ValidationError(names, "\"" + text + "\" is not a whole number from 0");
      }
    });
  }
  void option(const std::string& names, std::optional<Nanoseconds>* value,
              const std::string& help) override {
    add(names, "DURATION", help, [=](const std::string& text) {
      const auto parsed = units::parse_duration(text);
      if (!parsed.ok()) throw CLI::ValidationError(names, parsed.error().message);
      *value = *parsed;
    });
  }
  void option(const std::string& names, std::vector<std::string>* values,
              const std::string& value_name, bool comma, const std::string& help) override {
    auto* added = app_.add_option(names, *values, help)->type_name(value_name);
    added->expected(1, 1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    added->expected(1);
    added->allow_extra_args(false);
    if (comma) added->delimiter(',');
  }
  void choice(const std::string& names, std::string* value, const std::vector<std::string>& choices,
              const std::string& help) override {
    std::string all;
    for (const auto& one : choices) all += (all.empty() ? "" : "|") + one;
    add(names, all, help, [=](const std::string& text) {
      if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
        throw CLI::ValidationError(
            names, "\"" + text + "\" is none of its values" + did_you_mean(text, choices));
      }
      *value = text;
    })->default_str(*value);
  }
  void positional(const std::string& name, std::string* value, bool required,
                  const std::string& help) override {
    app_.add_option(name, *value, help)->required(required)->type_name("");
  }
  void positionals(const std::string& name, std::vector<std::string>* values, std::size_t at_least,
                   const std::string& help) override {
    auto* added = app_.add_option(name, *values, help)->type_name("");
    if (at_least > 0) added->required()->expected(static_cast<int>(at_least), 1 << 20);
  }

 private:
  CLI::Option* add(const std::string& names, const std::string& value_name, const std::string& help,
                   const std::function<void(const std::string&)>& store) {
    return app_.add_option_function<std::string>(names, store, help)->type_name(value_name);
  }
  CLI::App& app_;
};

bool colour_wanted() {
  const char* no_colour = std::getenv("NO_COLOR");  // no-color.org: set and not empty
  const char* term = std::getenv("TERM");
  return (no_colour == nullptr || *no_colour == '\0') && ::isatty(STDOUT_FILENO) == 1 &&
         ::isatty(STDERR_FILENO) == 1 && (term == nullptr || std::string_view(term) != "dumb");
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

// What a word on the command line that nothing takes should have been.
std::string unexpected(const CLI::App& app, const std::vector<std::string>& command_names) {
  const auto chosen = app.get_subcommands();
  const auto words = app.remaining(true);
  const std::string word = words.empty() ? "" : words.front();
  if (word.starts_with('-')) {
    std::vector<std::string> known = option_names(app);
    for (const CLI::App* sub : chosen) {
      for (auto& name : option_names(*sub)) known.push_back(std::move(name));
    }
    const std::string match = closest_match(word.substr(0, word.find('=')), known);
    return "unknown option " + word + (match.empty() ? "" : " (did you mean " + match + "?)");
  }
  if (chosen.empty()) {
    return "unknown command \"" + word + "\"" + did_you_mean(word, command_names);
  }
  return "unexpected \"" + word + "\" after " + chosen.front()->get_name();
}

// Names the --help that says how it is right.
std::string help_hint(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return "see: stormlog " + (chosen.empty() ? "" : chosen.front()->get_name() + " ") + "--help\n";
}

// The words after the program's name; `-config` is `--config` where the command says so.
std::vector<std::string> two_dashes(int argc, const char* const* argv,
                                    const std::vector<std::unique_ptr<Command>>& commands) {
  std::vector<std::string> words(argv + 1, argv + argc);
  std::vector<std::string> names;
  for (const auto& command : commands) {
    if (std::find(words.begin(), words.end(), command->name()) != words.end()) {
      for (auto& name : command->one_dash_options()) names.push_back(std::move(name));
    }
  }
  for (auto& word : words) {
    const bool one_dash = word.starts_with('-') && !word.starts_with("--");
    if (!one_dash) continue;
    const std::string name = word.substr(1, word.find('=') - 1);
    if (std::find(names.begin(), names.end(), name) != names.end()) word.insert(0, "-");
  }
  return words;
}

Result<document::Variables> parse_variables(const std::vector<std::string>& words) {
  document::Variables variables;
  for (const auto& word : words) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Error::permanent("--var " + word + ": must be name=value");
    }
    variables[word.substr(0, equals)] = word.substr(equals + 1);
  }
  return variables;
}

}  // namespace

int run_main(int argc, const char* const* argv,
             const std::vector<std::unique_ptr<Command>>& commands, std::ostream& out,
             std::ostream& err) {
  CLI::App app("Stormlog: a stack, faults in it, and proof of what they did.", "stormlog");
  app.set_version_flag("--version", "stormlog " + std::string(program_version()));
  app.fallthrough();  // `stormlog status --json` as well as `stormlog --json status`
  // One command: in `stormlog logs up` the second is a word.
  app.require_subcommand(0, 1);
  Context context{out, err};
  std::vector<std::string> variable_words;
  app.add_flag("--json", context.json, "Print JSON instead of text");
  app.add_option("--stack", context.stack_file,
                 "Stack file (else $STORMLOG_STACK, else stack.yaml here or above)")
      ->type_name("FILE");
  app.add_option("--var", variable_words, "Variable of stack and experiment files; repeatable")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);

  std::map<const CLI::App*, Command*> by_app;
  std::vector<std::string> names;
  for (const auto& command : commands) {
    CLI::App* sub = app.add_subcommand(command->name(), command->summary());
    if (command->hidden()) {
      sub->group("");
    } else {
      names.push_back(command->name());
    }
    CliArguments arguments(*sub);
    command->define(arguments);
    by_app[sub] = command.get();
  }

  std::vector<std::string> words = two_dashes(argc, argv, commands);
  std::reverse(words.begin(), words.end());  // as CLI11 takes them
  try {
    app.parse(std::move(words));
  } catch (const CLI::ExtrasError&) {
    err << "error: " << unexpected(app, names) << "\n" << help_hint(app);
    return kUsage;
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e, out, err);  // --help, --version
    err << "error: " << e.what() << "\n" << help_hint(app);
    return kUsage;
  }
  const auto chosen = app.get_subcommands();
  if (chosen.empty()) {
    err << app.help();
    return kUsage;
  }
  auto variables = parse_variables(variable_words);
  if (!variables.ok()) return context.fail(variables.error(), kUsage);
  context.variables = std::move(*variables);
  context.colour = colour_wanted() && !context.json;
  context.live = ::isatty(STDERR_FILENO) == 1 && !context.json;
  const int code = by_app.at(chosen.front())->run(context);
  out.flush();
  return code;
}

}  // namespace stormlog::cli

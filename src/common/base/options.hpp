#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.hpp"
#include "common/base/result.hpp"

namespace stormlog {

// One option of a program. Built by OptionTable::add; the one definition of its name, default,
// unit, bounds and description.
struct Option {
  std::string name;         // "max-body": flag --max-body, YAML key max-body, env PREFIX_MAX_BODY
  std::string type;         // "HOST:PORT", "DURATION", "BYTES", "INT", "NUMBER", "BOOL", "TEXT"
  std::string description;  // one sentence; what raising it costs where that is not plain
  std::string default_text;
  std::string bounds_text;  // "1 to 1024"; empty when unbounded
  bool secret = false;      // never printed; --print-config shows "***"
  // Reads a text and returns what puts the value in place, so that all sources can be checked
  // before the first value changes.
  std::function<Result<std::function<void()>>(const std::string&)> parse;
  std::function<std::string()> current;
};

// The options of one program: defaults < YAML file < environment < flags.
//
//   OptionTable options("api-gateway", "GATEWAY_", "Entry point of the log pipeline.");
//   options.add("listen", &config.listen, "HOST:PORT", "Address to listen on.");
//   options.add("idle-timeout", &config.idle_timeout, {1s, 1h}, "Closes idle connections.");
//   if (auto exit_code = options.parse(argc, argv, std::cout, std::cerr)) return *exit_code;
//
// The default is what the variable holds when it is added. --config FILE (or PREFIX_CONFIG) names
// the YAML file (flat keys); --help, --version, --print-config and --options-markdown are added by
// the table. Flags are written --name value or --name=value; a BOOL as --name or --no-name.
//
// Errors: an unknown key, flag, or PREFIX_ variable is refused with its place (file:line, the
//         variable's name, the flag) and what would be right; nothing is half applied. A name
//         added twice is a bug and throws.
// Threads: caller synchronises.
// Lifetime: the variables must outlive the table; a returned Option& holds until the next add().
class OptionTable {
 public:
  template <typename T>
  struct Bounds {
    T min;
    T max;
  };

  OptionTable(std::string program, std::string env_prefix, std::string summary);

  Option& add(const std::string& name, std::string* value, const std::string& type,
              const std::string& description);
  Option& add(const std::string& name, bool* value, const std::string& description);
  Option& add(const std::string& name, std::int64_t* value, Bounds<std::int64_t> bounds,
              const std::string& description);
  Option& add(const std::string& name, double* value, Bounds<double> bounds,
              const std::string& description);
  Option& add(const std::string& name, std::chrono::milliseconds* value,
              Bounds<std::chrono::milliseconds> bounds, const std::string& description);
  // Written with a unit: 10MB, 64KiB.
  Option& add_bytes(const std::string& name, std::uint64_t* value, Bounds<std::uint64_t> bounds,
                    const std::string& description);
  // One of `choices`.
  Option& add_choice(const std::string& name, std::string* value, std::vector<std::string> choices,
                     const std::string& description);

  // Applies all four sources. Returns the exit code when the program should end now: 0 after
  // --help and the like, 2 after an error that was printed to `err`.
  std::optional<int> parse(int argc, const char* const* argv, std::ostream& out, std::ostream& err);

  // The same for given sources; `environment` holds NAME=VALUE.
  Result<void> apply(const std::string& config_file, const std::vector<std::string>& environment,
                     const std::vector<std::pair<std::string, std::string>>& flags);

  // A Markdown table of all options, for the reference page.
  std::string markdown() const;
  const std::vector<Option>& options() const { return options_; }

 private:
  using Assignments = std::vector<std::function<void()>>;

  Option& add_option(Option option);
  const Option* find(const std::string& name) const;
  std::vector<std::string> names() const;
  Result<void> read_value(const Option& option, const std::string& text, const std::string& where,
                          Assignments& assignments) const;
  Result<void> read_file(const std::string& path, Assignments& assignments) const;
  Result<void> read_environment(const std::vector<std::string>& environment,
                                Assignments& assignments) const;
  std::string env_name(const std::string& option) const;
  std::string help() const;
  std::string print_config() const;

  std::string program_;
  std::string env_prefix_;
  std::string summary_;
  std::vector<Option> options_;
};

}  // namespace stormlog

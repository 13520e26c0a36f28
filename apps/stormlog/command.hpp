#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "chaos/stack/stack.hpp"
#include "common/base/clock.hpp"
#include "common/base/result.hpp"

// The commands of `stormlog`. The rules:
//   - One command = one file NAME.cpp (`-` becomes `_`) that defines a class derived from Command
//     and `std::unique_ptr<Command> make_NAME()`; it is registered in one line in commands.cpp.
//   - define() declares arguments by pointers to members that hold the defaults; run() is called
//     once, after all of them were parsed and checked.
//   - What a person reads goes to context.out as text, or as JSON when context.json; progress and
//     errors go to context.err. Progress that redraws only when context.live.
//   - Expected failures: `return context.fail(error, code)`; bad usage is code 2.
//   - No CLI11 here: it takes seconds to compile and stays in arguments.cpp.
namespace stormlog::cli {

constexpr int kOk = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 2;  // bad file or usage

// Declares the arguments of one command. `names` is "--wipe" or "-f,--follow".
class Arguments {
 public:
  virtual ~Arguments() = default;
  virtual void flag(const std::string& names, bool* value, const std::string& help) = 0;
  virtual void option(const std::string& names, std::string* value, const std::string& value_name,
                      const std::string& help) = 0;
  virtual void option(const std::string& names, std::optional<std::string>* value,
                      const std::string& value_name, const std::string& help) = 0;
  virtual void option(const std::string& names, std::int64_t* value, std::int64_t min,
                      std::int64_t max, const std::string& help) = 0;
  virtual void option(const std::string& names, std::optional<std::uint64_t>* value,
                      const std::string& value_name, const std::string& help) = 0;
  // Written with its unit: 10s.
  virtual void option(const std::string& names, std::optional<Nanoseconds>* value,
                      const std::string& help) = 0;
  // May be given several times; `comma` also splits one value at commas.
  virtual void option(const std::string& names, std::vector<std::string>* values,
                      const std::string& value_name, bool comma, const std::string& help) = 0;
  virtual void choice(const std::string& names, std::string* value,
                      const std::vector<std::string>& choices, const std::string& help) = 0;
  virtual void positional(const std::string& name, std::string* value, bool required,
                          const std::string& help) = 0;
  // All remaining words.
  virtual void positionals(const std::string& name, std::vector<std::string>* values,
                           std::size_t at_least, const std::string& help) = 0;
};

// What is the same for every command.
struct Context {
  std::ostream& out;
  std::ostream& err;
  bool json = false;            // --json
  bool colour = false;          // out and err may hold ANSI colours: a terminal, and no NO_COLOR
  bool live = false;            // err is a terminal: progress may redraw a line
  std::string stack_file = {};  // --stack; empty = find one
  document::Variables variables = {};  // --var k=v

  // The stack file named by --stack, or found.
  Result<std::filesystem::path> stack_path() const;
  // Loads it with --var and `profiles`; what is not given there is what the running stack was
  // started with.
  Result<chaos::Stack> load_stack(const std::vector<std::string>& profiles = {}) const;

  // Prints the error (as {"error":…} on `out` with --json) and returns the code.
  int fail(const Error& error, int code = kFailed) const;
  // One JSON document on `out`.
  void print(const nlohmann::ordered_json& document) const;

  // `text` in a colour ("red", "green", "yellow", "bold", "dim") where colour is on.
  std::string paint(std::string_view colour_name, std::string_view text) const;
};

class Command {
 public:
  virtual ~Command() = default;
  virtual std::string name() const = 0;
  virtual std::string summary() const = 0;  // one line, for --help
  virtual bool hidden() const { return false; }
  // Long options that may also be written with one dash, as programs in Go have them.
  virtual std::vector<std::string> one_dash_options() const { return {}; }
  virtual void define(Arguments& arguments) = 0;
  virtual int run(const Context& context) = 0;
};

// commands.cpp
std::vector<std::unique_ptr<Command>> make_commands();

// Parses the command line, runs one command and returns the exit code. (arguments.cpp)
int run_main(int argc, const char* const* argv,
             const std::vector<std::unique_ptr<Command>>& commands, std::ostream& out,
             std::ostream& err);

}  // namespace stormlog::cli

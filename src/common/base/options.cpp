#include "common/base/options.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ostream>
#include <set>
#include <stdexcept>

#include "common/base/file.hpp"
#include "common/base/suggest.hpp"
#include "common/base/units.hpp"
#include "common/base/version.hpp"

extern "C" char** environ;  // NOLINT: declared by POSIX

namespace stormlog {
namespace {

using Setter = std::function<void()>;

std::string number_text(double value) {
  std::array<char, 32> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return std::string(buffer.data(), end.ptr);
}

// An option whose text is read by `read`, checked against `bounds` and shown by `show`.
template <typename T, typename Read, typename Show>
Option bounded_option(T* value, OptionTable::Bounds<T> bounds, Read read, Show show) {
  Option option;
  option.default_text = show(*value);
  option.bounds_text = show(bounds.min) + " to " + show(bounds.max);
  option.current = [value, show] { return show(*value); };
  option.parse = [value, bounds, read, show](const std::string& text) -> Result<Setter> {
    const Result<T> parsed = read(text);
    if (!parsed.ok()) return parsed.error();
    if (*parsed < bounds.min || *parsed > bounds.max) {
      return Error::permanent(text + " is out of bounds: write " + show(bounds.min) + " to " +
                              show(bounds.max));
    }
    return Setter([value, to = *parsed] { *value = to; });
  };
  return option;
}

Result<bool> parse_bool(const std::string& text) {
  if (text == "true" || text == "yes" || text == "on" || text == "1") return true;
  if (text == "false" || text == "no" || text == "off" || text == "0") return false;
  return Error::permanent("\"" + text + "\" is neither true nor false");
}

Result<void> check_host_port(const std::string& text) {
  const auto bad = [&](const std::string& why) {
    return Error::permanent("\"" + text + "\": " + why +
                            "; write it as 127.0.0.1:8080 or [::1]:8080");
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return bad("the port is missing");
  const std::string host = text.substr(0, colon);
  if (host.empty()) return bad("the host is missing");
  const bool bracketed = host.front() == '[' && host.back() == ']' && host.size() > 2;
  if (!bracketed && host.find(':') != std::string::npos) {
    return bad("an IPv6 address stands in brackets");
  }
  const auto port = units::parse_int(text.substr(colon + 1));
  if (!port.ok() || *port < 0 || *port > 65535) return bad("the port must be 0 to 65535");
  return {};
}

bool is_bool(const Option& option) {
  return option.type == "BOOL";
}

}  // namespace

OptionTable::OptionTable(std::string program, std::string env_prefix, std::string summary)
    : program_(std::move(program)),
      env_prefix_(std::move(env_prefix)),
      summary_(std::move(summary)) {}

Option& OptionTable::add_option(Option option) {
  static const std::set<std::string> kReserved = {"config", "help", "version", "print-config",
                                                  "options-markdown"};
  if (kReserved.contains(option.name) || find(option.name) != nullptr) {
    throw std::logic_error("option " + option.name + " exists already");
  }
  return options_.emplace_back(std::move(option));
}

Option& OptionTable::add(const std::string& name, std::string* value, const std::string& type,
                         const std::string& description) {
  Option option;
  option.name = name;
  option.type = type;
  option.description = description;
  option.default_text = *value;
  option.current = [value] { return *value; };
  const bool may_be_empty = value->empty();
  option.parse = [value, type, may_be_empty](const std::string& text) -> Result<Setter> {
    if (type == "HOST:PORT" && !(text.empty() && may_be_empty)) {
      if (const auto checked = check_host_port(text); !checked.ok()) return checked.error();
    }
    return Setter([value, text] { *value = text; });
  };
  return add_option(std::move(option));
}

Option& OptionTable::add(const std::string& name, bool* value, const std::string& description) {
  Option option;
  option.name = name;
  option.type = "BOOL";
  option.description = description;
  option.default_text = *value ? "true" : "false";
  option.current = [value] { return std::string(*value ? "true" : "false"); };
  option.parse = [value](const std::string& text) -> Result<Setter> {
    const auto parsed = parse_bool(text);
    if (!parsed.ok()) return parsed.error();
    return Setter([value, to = *parsed] { *value = to; });
  };
  return add_option(std::move(option));
}

Option& OptionTable::add(const std::string& name, std::int64_t* value, Bounds<std::int64_t> bounds,
                         const std::string& description) {
  Option option = bounded_option(
      value, bounds, [](const std::string& text) { return units::parse_int(text); },
      [](std::int64_t v) { return std::to_string(v); });
  option.name = name;
  option.type = "INT";
  option.description = description;
  return add_option(std::move(option));
}

Option& OptionTable::add(const std::string& name, double* value, Bounds<double> bounds,
                         const std::string& description) {
  Option option = bounded_option(
      value, bounds, [](const std::string& text) { return units::parse_double(text); },
      number_text);
  option.name = name;
  option.type = "NUMBER";
  option.description = description;
  return add_option(std::move(option));
}

Option& OptionTable::add(const std::string& name, std::chrono::milliseconds* value,
                         Bounds<std::chrono::milliseconds> bounds, const std::string& description) {
  using std::chrono::milliseconds;
  const auto read = [](const std::string& text) -> Result<milliseconds> {
    const auto parsed = units::parse_duration(text);
    if (!parsed.ok()) return parsed.error();
    const auto whole = std::chrono::duration_cast<milliseconds>(*parsed);
    if (whole != *parsed) {
      return Error::permanent("\"" + text + "\" is finer than a millisecond");
    }
    return whole;
  };
  Option option =
      bounded_option(value, bounds, read, [](milliseconds v) { return units::format_duration(v); });
  option.name = name;
  option.type = "DURATION";
  option.description = description;
  return add_option(std::move(option));
}

Option& OptionTable::add_bytes(const std::string& name, std::uint64_t* value,
                               Bounds<std::uint64_t> bounds, const std::string& description) {
  Option option = bounded_option(
      value, bounds, [](const std::string& text) { return units::parse_bytes(text); },
      [](std::uint64_t v) { return units::format_bytes(v); });
  option.name = name;
  option.type = "BYTES";
  option.description = description;
  return add_option(std::move(option));
}

Option& OptionTable::add_choice(const std::string& name, std::string* value,
                                std::vector<std::string> choices, const std::string& description) {
  Option option;
  option.name = name;
  option.type = "CHOICE";
  option.description = description;
  option.default_text = *value;
  for (const auto& choice : choices) {
    option.bounds_text += (option.bounds_text.empty() ? "" : ", ") + choice;
  }
  option.current = [value] { return *value; };
  option.parse = [value, choices = std::move(choices)](const std::string& text) -> Result<Setter> {
    if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
      return Error::permanent("\"" + text + "\" is none of the choices" +
                              did_you_mean(text, choices));
    }
    return Setter([value, text] { *value = text; });
  };
  return add_option(std::move(option));
}

const Option* OptionTable::find(const std::string& name) const {
  const auto at = std::find_if(options_.begin(), options_.end(),
                               [&](const Option& option) { return option.name == name; });
  return at == options_.end() ? nullptr : &*at;
}

std::vector<std::string> OptionTable::names() const {
  std::vector<std::string> all;
  for (const auto& option : options_) all.push_back(option.name);
  return all;
}

Result<void> OptionTable::read_value(const Option& option, const std::string& text,
                                     const std::string& where, Assignments& assignments) const {
  auto setter = option.parse(text);
  if (!setter.ok()) {
    return option.secret ? Error::permanent(where + ": bad value for " + option.type)
                         : setter.error().in(where);
  }
  assignments.push_back(std::move(*setter));
  return {};
}

Result<void> OptionTable::read_file(const std::string& path, Assignments& assignments) const {
  const auto text = file::read(path);
  if (!text.ok()) return text.error();
  const auto place = [&](const YAML::Mark& mark) {
    return path + ":" + std::to_string(mark.line + 1);
  };
  YAML::Node root;
  try {
    root = YAML::Load(*text);
  } catch (const YAML::Exception& error) {
    return Error::permanent(place(error.mark) + ": " + error.msg);
  }
  if (root.IsNull()) return {};
  if (!root.IsMap()) {
    return Error::permanent(place(root.Mark()) +
                            ": expected lines such as \"listen: 127.0.0.1:8080\"");
  }
  std::set<std::string> seen;
  for (const auto& entry : root) {
    const std::string where = place(entry.first.Mark());
    if (!entry.first.IsScalar()) return Error::permanent(where + ": a key must be a plain name");
    const std::string& key = entry.first.Scalar();
    const Option* option = find(key);
    if (option == nullptr) {
      return Error::permanent(where + ": unknown key \"" + key + "\"" + did_you_mean(key, names()));
    }
    if (!seen.insert(key).second) {
      return Error::permanent(where + ": \"" + key + "\" is given twice");
    }
    if (!entry.second.IsScalar()) {
      return Error::permanent(where + ": \"" + key + "\" needs one value of type " + option->type);
    }
    auto read = read_value(*option, entry.second.Scalar(), where + ": " + key, assignments);
    if (!read.ok()) return read;
  }
  return {};
}

Result<void> OptionTable::read_environment(const std::vector<std::string>& environment,
                                           Assignments& assignments) const {
  if (env_prefix_.empty()) return {};
  std::vector<std::string> known{env_name("config")};
  for (const auto& option : options_) known.push_back(env_name(option.name));
  for (const auto& variable : environment) {
    if (!variable.starts_with(env_prefix_)) continue;
    const std::size_t equals = variable.find('=');
    if (equals == std::string::npos) continue;
    const std::string name = variable.substr(0, equals);
    const auto at = std::find(known.begin(), known.end(), name);
    if (at == known.end()) {
      return Error::permanent("environment: unknown variable " + name + did_you_mean(name, known));
    }
    if (at == known.begin()) continue;  // the name of the file, already read
    const Option& option = options_[static_cast<std::size_t>(at - known.begin()) - 1];
    auto read =
        read_value(option, variable.substr(equals + 1), "environment: " + name, assignments);
    if (!read.ok()) return read;
  }
  return {};
}

Result<void> OptionTable::apply(const std::string& config_file,
                                const std::vector<std::string>& environment,
                                const std::vector<std::pair<std::string, std::string>>& flags) {
  Assignments assignments;
  if (!config_file.empty()) {
    if (auto read = read_file(config_file, assignments); !read.ok()) return read;
  }
  if (auto read = read_environment(environment, assignments); !read.ok()) return read;
  for (const auto& [name, text] : flags) {
    const Option* option = find(name);
    if (option == nullptr) {
      return Error::permanent("unknown flag --" + name + did_you_mean(name, names()));
    }
    auto read = read_value(*option, text, "--" + name, assignments);
    if (!read.ok()) return read;
  }
  for (const auto& assign : assignments) assign();
  return {};
}

std::optional<int> OptionTable::parse(int argc, const char* const* argv, std::ostream& out,
                                      std::ostream& err) {
  const auto fail = [&](const std::string& message) {
    err << program_ << ": " << message << "\nTry \"" << program_ << " --help\".\n";
    return 2;
  };
  std::vector<std::string> known = names();
  for (const char* own : {"config", "help", "version", "print-config", "options-markdown"}) {
    known.emplace_back(own);
  }

  std::vector<std::string> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    environment.emplace_back(*variable);
  }
  std::string config_file;
  const std::string config_variable = env_name("config") + "=";
  for (const auto& variable : environment) {
    if (!env_prefix_.empty() && variable.starts_with(config_variable)) {
      config_file = variable.substr(config_variable.size());
    }
  }

  std::vector<std::pair<std::string, std::string>> flags;
  bool wants_config = false;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--help" || word == "-h") return out << help(), 0;
    if (word == "--version") return out << program_ << ' ' << program_version() << '\n', 0;
    if (word == "--options-markdown") return out << markdown(), 0;
    if (word == "--print-config") {
      wants_config = true;
      continue;
    }
    if (!word.starts_with("--")) {
      return fail("unexpected argument \"" + word +
                  "\"; options start with --, and a BOOL is "
                  "written --name or --name=false");
    }
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(2, equals == std::string::npos ? equals : equals - 2);
    const Option* option = find(name);
    const bool negated = option == nullptr && name.starts_with("no-") &&
                         find(name.substr(3)) != nullptr && is_bool(*find(name.substr(3)));
    if (option == nullptr && !negated && name != "config") {
      return fail("unknown flag --" + name + did_you_mean(name, known));
    }
    std::string value;
    if (equals != std::string::npos) {
      if (negated) return fail("--" + name + " takes no value");
      value = word.substr(equals + 1);
    } else if (negated || (option != nullptr && is_bool(*option))) {
      value = negated ? "false" : "true";
    } else if (i + 1 < argc) {
      value = argv[++i];
    } else {
      return fail("--" + name + " needs a value of type " +
                  (option != nullptr ? option->type : "FILE"));
    }
    if (name == "config") {
      config_file = value;
    } else {
      flags.emplace_back(negated ? name.substr(3) : name, value);
    }
  }

  if (const auto applied = apply(config_file, environment, flags); !applied.ok()) {
    return fail(applied.error().message);
  }
  if (wants_config) return out << print_config(), 0;
  return std::nullopt;
}

}  // namespace stormlog

// What an OptionTable prints: --help, --print-config, --options-markdown.

#include <cctype>
#include <cstddef>

#include "common/base/options.hpp"

namespace stormlog {
namespace {

// Double quotes with escapes are read back by YAML as they were.  Source: YAML 1.2 §7.3.1.
std::string yaml_quoted(const std::string& text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto value = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (value < 0x20 || value == 0x7f) {
      out += "\\x";
      out += kHex[value >> 4];
      out += kHex[value & 15];
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string escape_cell(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

bool is_text(const Option& option) {
  return option.type != "BOOL" && option.type != "INT" && option.type != "NUMBER" &&
         option.type != "DURATION" && option.type != "BYTES";
}

std::string shown_default(const Option& option) {
  if (option.default_text.empty()) return {};
  return option.secret ? "***" : option.default_text;
}

}  // namespace

std::string OptionTable::env_name(const std::string& option) const {
  std::string name = env_prefix_;
  for (const char c : option) {
    name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

std::string OptionTable::help() const {
  std::string out = "Usage: " + program_ + " [OPTION...]\n\n" + summary_ + "\n\n";
  out +=
      "Defaults are overridden by the file of --config, that by the environment, that by "
      "flags.\n\n";
  for (const auto& option : options_) {
    const bool flag = option.type == "BOOL";
    out += "  --" + option.name + (flag ? "" : " " + option.type) + "\n";
    out += "      " + option.description + "\n";
    const std::string by_default = shown_default(option);
    out += "      default " + (by_default.empty() ? "none" : by_default);
    if (!option.bounds_text.empty()) {
      out += "; " + std::string(option.type == "CHOICE" ? "one of " : "") + option.bounds_text;
    }
    if (!env_prefix_.empty()) out += "; env " + env_name(option.name);
    out += "\n";
  }
  out += "  --config FILE\n      YAML file with a line \"name: value\" for each option.\n";
  out += "      default none";
  if (!env_prefix_.empty()) out += "; env " + env_name("config");
  out += "\n";
  out += "  --print-config\n      Prints the options as they would be used, as YAML, and ends.\n";
  out += "  --options-markdown\n      Prints the table of all options as Markdown and ends.\n";
  out += "  --version\n      Prints the version and ends.\n";
  out += "  --help, -h\n      Prints this text and ends.\n";
  return out;
}

std::string OptionTable::print_config() const {
  std::string out;
  for (const auto& option : options_) {
    std::string value = option.current();
    if (option.secret && !value.empty()) value = "***";
    out += option.name + ": " + (is_text(option) ? yaml_quoted(value) : value) + "\n";
  }
  return out;
}

std::string OptionTable::markdown() const {
  std::string out =
      "| option | type | default | bounds | environment | what |\n|---|---|---|---|---|---|\n";
  for (const auto& option : options_) {
    const std::string by_default = shown_default(option);
    out += "| `--" + option.name + "` | " + escape_cell(option.type) + " | " +
           (by_default.empty() ? "" : "`" + escape_cell(by_default) + "`") + " | " +
           escape_cell(option.bounds_text) + " | " +
           (env_prefix_.empty() ? "" : "`" + env_name(option.name) + "`") + " | " +
           escape_cell(option.description) + " |\n";
  }
  return out;
}

}  // namespace stormlog

#include <map>
#include <nlohmann/json.hpp>
#include <ostream>

#include "chaos/stack/service_state.hpp"
#include "command.hpp"

namespace stormlog::cli {

Result<std::filesystem::path> Context::stack_path() const {
  if (stack_file.empty()) return chaos::find_stack_file();
  std::error_code code;
  if (!std::filesystem::is_regular_file(stack_file, code)) {
    return Error::permanent("--stack " + stack_file + ": there is no such file");
  }
  return std::filesystem::absolute(stack_file);
}

Result<chaos::Stack> Context::load_stack(const std::vector<std::string>& profiles) const {
  auto path = stack_path();
  if (!path.ok()) return path.error();
  std::vector<std::string> active = profiles;
  document::Variables values = variables;
  if (const auto state = chaos::read_stack_state(chaos::stack_home(*path)); state.ok()) {
    if (active.empty()) active = state->profiles;
    values.insert(state->variables.begin(), state->variables.end());  // --var wins
  }
  return chaos::load_stack(*path, active, values);
}

int Context::fail(const Error& error, int code) const {
  if (json) {
    print({{"error", error.message}, {"code", error.code}});
  } else {
    err << paint("red", "error") << ": " << error.message << "\n";
  }
  return code;
}

void Context::print(const nlohmann::ordered_json& document) const {
  out << document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << "\n";
}

std::string Context::paint(std::string_view colour_name, std::string_view text) const {
  static const std::map<std::string_view, std::string_view> kCodes = {
      {"red", "31"}, {"green", "32"}, {"yellow", "33"}, {"bold", "1"}, {"dim", "2"}};
  const auto found = kCodes.find(colour_name);
  if (!colour || found == kCodes.end()) return std::string(text);
  return "\x1b[" + std::string(found->second) + "m" + std::string(text) + "\x1b[0m";
}

}  // namespace stormlog::cli

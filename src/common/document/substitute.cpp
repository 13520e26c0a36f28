#include <algorithm>
#include <cstdlib>

#include "common/base/suggest.hpp"
#include "common/document/node.hpp"

namespace stormlog::document {
namespace {

constexpr std::string_view kEnvironment = "env.";

Error unknown(const std::string& name, const Variables& variables) {
  if (name.starts_with(kEnvironment)) {
    return Error::permanent("the environment variable " + name.substr(kEnvironment.size()) +
                            " is not set (${" + name + ":-text} gives a default)");
  }
  std::vector<std::string> names;
  for (const auto& variable : variables) names.push_back(variable.first);
  return Error::permanent("unknown variable \"${" + name + "}\"" + did_you_mean(name, names));
}

std::optional<std::string> look_up(const std::string& name, const Variables& variables) {
  if (name.starts_with(kEnvironment)) {
    const char* value = std::getenv(name.c_str() + kEnvironment.size());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  }
  const auto found = variables.find(name);
  return found == variables.end() ? std::nullopt : std::optional<std::string>(found->second);
}

// With names for later, "$${" is for later too: the last pass alone takes it apart.
Result<std::string> replace(std::string_view text, const Variables& variables,
                            const std::vector<std::string>& later) {
  std::string out;
  out.reserve(text.size());
  std::size_t at = 0;
  while (true) {
    const std::size_t dollar = text.find('$', at);
    out += text.substr(at, dollar == std::string_view::npos ? dollar : dollar - at);
    if (dollar == std::string_view::npos) return out;
    const std::string_view rest = text.substr(dollar);
    if (rest.starts_with("$${")) {
      out += later.empty() ? "${" : "$${";
      at = dollar + 3;
    } else if (!rest.starts_with("${")) {
      out += '$';
      at = dollar + 1;
    } else {
      const std::size_t close = rest.find('}');
      if (close == std::string_view::npos) {
        return Error::permanent("\"${\" without \"}\" in \"" + std::string(text) +
                                "\" (write \"$${\" for the two characters)");
      }
      const std::string inside(rest.substr(2, close - 2));
      const std::size_t colon = inside.find(":-");
      const std::string name = inside.substr(0, colon);
      auto value = look_up(name, variables);
      if (value && !(value->empty() && colon != std::string::npos)) {
        out += *value;
      } else if (std::find(later.begin(), later.end(), name) != later.end()) {
        out += rest.substr(0, close + 1);
      } else if (colon != std::string::npos) {
        out += inside.substr(colon + 2);
      } else {
        return unknown(name, variables);
      }
      at = dollar + close + 1;
    }
  }
}

}  // namespace

Result<std::string> substitute(std::string_view text, const Variables& variables) {
  return replace(text, variables, {});
}

void substitute(Node& node, const Variables& variables, Diagnostics& diagnostics,
                const std::vector<std::string>& later) {
  if (node.is_scalar()) {
    auto value = replace(node.scalar, variables, later);
    if (value.ok()) {
      node.scalar = std::move(*value);
    } else {
      diagnostics.error(node, value.error().message);
    }
  }
  for (auto& item : node.items) substitute(item, variables, diagnostics, later);
  for (auto& entry : node.entries) substitute(entry.value, variables, diagnostics, later);
}

}  // namespace stormlog::document

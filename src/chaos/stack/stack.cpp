#include "chaos/stack/stack.hpp"

#include <algorithm>
#include <cstdlib>

#include "chaos/stack/stack_parts.hpp"
#include "common/base/suggest.hpp"

namespace stormlog::chaos {
namespace {

namespace fs = std::filesystem;
using document::Diagnostics;
using document::Node;

const std::vector<std::string> kTopKeys = {"version", "name",  "variables", "services",
                                           "links",   "proxy", "ledger",    "profiles"};
const std::vector<std::string> kProfileKeys = {"variables", "services", "links", "proxy", "ledger"};

const Node& entry(const Node& map, std::string_view key) {
  static const Node kNothing;
  const Node* found = map.find(key);
  return found == nullptr ? kNothing : *found;
}

void check_keys(const Node& map, const std::vector<std::string>& known, const std::string& what,
                Diagnostics& diagnostics) {
  if (!map.is_map()) {
    if (!map.is_null()) {
      diagnostics.error(map, what + " must be a map, this is " + std::string(kind_name(map)));
    }
    return;
  }
  for (const auto& item : map.entries) {
    const std::string& key = item.key.scalar;
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      diagnostics.error(item.key,
                        what + ": unknown key \"" + key + "\"" + did_you_mean(key, known));
    }
  }
}

fs::path environment_path(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? fs::path() : fs::path(value);
}

document::Variables built_in(const Stack& stack) {
  std::error_code code;
  const fs::path program = fs::read_symlink("/proc/self/exe", code);
  fs::path cache = environment_path("XDG_CACHE_HOME");
  if (cache.empty()) cache = environment_path("HOME") / ".cache";
  return {{"stack", stack.file.string()},
          {"root", stack.root.string()},
          {"home", stack.home.string()},
          {"bin", program.parent_path().string()},
          {"cache", (cache / "stormlog").string()}};
}

// In the order of the file: a variable may use those above it.
void read_variables(const Node& map, const document::Variables& overrides, Stack& stack,
                    Diagnostics& diagnostics) {
  stack.variables = built_in(stack);
  for (const auto& [name, value] : overrides) stack.variables[name] = value;
  if (!map.is_map()) {
    if (!map.is_null()) diagnostics.error(map, "\"variables\" must be a map of names to texts");
    return;
  }
  for (const auto& [key, value] : map.entries) {
    if (overrides.contains(key.scalar)) continue;
    if (!value.is_scalar() && !value.is_null()) {
      diagnostics.error(value, "variable \"" + key.scalar + "\" must be text");
      continue;
    }
    Node text = value;
    document::substitute(text, stack.variables, diagnostics);
    stack.variables[key.scalar] = text.scalar;
  }
}

void apply_profiles(Node& root, const std::vector<std::string>& profiles,
                    Diagnostics& diagnostics) {
  const Node known = entry(root, "profiles");
  std::vector<std::string> names;
  for (const auto& [key, value] : known.entries) {
    names.push_back(key.scalar);
    check_keys(value, kProfileKeys, "profile \"" + key.scalar + "\"", diagnostics);
  }
  for (const auto& profile : profiles) {
    const Node* over = known.find(profile);
    if (over == nullptr) {
      diagnostics.error(
          root, "unknown profile \"" + profile + "\"" +
                    (names.empty() ? " (the file has none)" : did_you_mean(profile, names)));
    } else {
      detail::merge(root, *over);
    }
  }
}

void check_version(const Node& root, Diagnostics& diagnostics) {
  const Node& version = entry(root, "version");
  if (!version.is_null() && version.scalar != "1") {
    diagnostics.error(version, "version \"" + version.scalar +
                                   "\" of the stack file is not known; this program reads 1");
  }
}

}  // namespace

namespace detail {

void merge(Node& base, const Node& over) {
  if (!base.is_map() || !over.is_map()) {
    base = over;
    return;
  }
  for (const auto& [key, value] : over.entries) {
    const auto same =
        std::find_if(base.entries.begin(), base.entries.end(),
                     [&key = key](const auto& other) { return other.key.scalar == key.scalar; });
    if (value.is_null()) {
      if (same != base.entries.end()) base.entries.erase(same);
    } else if (same == base.entries.end()) {
      base.entries.push_back({key, value});
    } else {
      merge(same->value, value);
    }
  }
}

}  // namespace detail

const ServiceSpec* Stack::service(std::string_view service_name) const {
  for (const auto& one : services) {
    if (one.name == service_name) return &one;
  }
  return nullptr;
}

const LinkSpec* Stack::link(std::string_view link_name) const {
  for (const auto& one : links) {
    if (one.name == link_name) return &one;
  }
  return nullptr;
}

std::vector<std::string> Stack::link_names() const {
  std::vector<std::string> names;
  for (const auto& one : links) names.push_back(one.name);
  return names;
}

std::vector<std::string> Stack::service_names() const {
  std::vector<std::string> names;
  for (const auto& one : services) names.push_back(one.name);
  return names;
}

fs::path stack_home(const fs::path& stack_file) {
  const fs::path given = environment_path("STORMLOG_HOME");
  const fs::path home =
      given.empty() ? fs::absolute(stack_file).parent_path() / ".stormlog" : fs::absolute(given);
  // Links resolved: a home that is a link leads to where the services' own user can go, and the
  // folders on the way to the link may be closed to that user.
  std::error_code code;
  const fs::path real = fs::weakly_canonical(home, code);
  return code ? home.lexically_normal() : real;
}

Result<Stack> load_stack(const fs::path& path, const std::vector<std::string>& profiles,
                         const document::Variables& overrides) {
  auto root = document::load_yaml(path);
  if (!root.ok()) return root.error();
  if (!root->is_map()) {
    return Error::permanent(root->place() + ": a stack file must be a map with \"services\"");
  }
  Diagnostics diagnostics;
  check_keys(*root, kTopKeys, "stack file", diagnostics);
  check_version(*root, diagnostics);
  apply_profiles(*root, profiles, diagnostics);

  Stack stack;
  stack.file = fs::absolute(path).lexically_normal();
  stack.root = stack.file.parent_path();
  stack.home = stack_home(stack.file);
  stack.profiles = profiles;
  const Node& name = entry(*root, "name");
  stack.name = name.is_null() ? stack.root.filename().string() : name.scalar;
  read_variables(entry(*root, "variables"), overrides, stack, diagnostics);

  const Node& services = entry(*root, "services");
  stack.services = detail::parse_services(services, stack, diagnostics);
  stack.links = detail::parse_links(entry(*root, "links"), stack, diagnostics);
  stack.proxy = detail::parse_proxy(entry(*root, "proxy"), stack, diagnostics);
  stack.ledger = detail::parse_ledger(entry(*root, "ledger"), stack, diagnostics);
  detail::check_dependencies(stack, services, diagnostics);
  if (auto ok = diagnostics.result(); !ok.ok()) return ok.error();
  return stack;
}

Result<fs::path> find_stack_file() {
  std::error_code code;
  const fs::path given = environment_path("STORMLOG_STACK");
  if (!given.empty()) {
    if (fs::is_regular_file(given, code)) return fs::absolute(given);
    return Error::permanent("$STORMLOG_STACK names " + given.string() +
                            ", and there is no such file");
  }
  const fs::path here = fs::current_path(code);
  for (fs::path folder = here;; folder = folder.parent_path()) {
    if (fs::is_regular_file(folder / "stack.yaml", code)) return folder / "stack.yaml";
    if (folder == folder.parent_path()) break;
  }
  return Error::permanent("no stack.yaml in " + here.string() +
                          " or above it; name one with --stack FILE or $STORMLOG_STACK");
}

}  // namespace stormlog::chaos

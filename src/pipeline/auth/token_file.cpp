#include "pipeline/auth/token_file.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "common/base/suggest.hpp"
#include "common/base/units.hpp"
#include "common/document/params.hpp"
#include "resilience/rate_limiter.hpp"

namespace stormlog::pipeline {
namespace {

using document::Diagnostics;
using document::Node;
using document::Params;
using document::ParamSpec;
using document::ParamType;

constexpr std::size_t kMaxNameBytes = 64;
// The most events that one request may hold, see limits::kMaxRecords of the event.
constexpr double kFullRequest = 10'000;
constexpr double kLeastRate = 1.0 / 3600;
constexpr double kMostRate = 1e8;
constexpr double kMostBurst = 1e9;

const std::vector<ParamSpec>& specs() {
  static const std::vector<ParamSpec> kSpecs = {
      {.name = "name", .required = true},
      {.name = "sha256", .required = true},
      {.name = "scopes", .type = ParamType::text_list, .required = true},
      {.name = "rate", .type = ParamType::rate, .min = kLeastRate, .max = kMostRate},
      {.name = "burst", .type = ParamType::integer, .min = 1, .max = kMostBurst},
      {.name = "expires"},
  };
  return kSpecs;
}

std::vector<std::string> scope_names() {
  std::vector<std::string> names;
  for (const Scope scope : kAllScopes) names.emplace_back(to_string(scope));
  return names;
}

// Where a member stands, for messages.
const Node& at(const Node& map, std::string_view key) {
  const Node* found = map.find(key);
  return found != nullptr ? *found : map;
}

void read_scopes(const Node& map, const Params& params, TokenEntry& entry,
                 Diagnostics& diagnostics) {
  for (const std::string& name : params.text_list("scopes")) {
    if (const auto scope = parse_scope(name)) {
      entry.scopes.add(*scope);
    } else {
      diagnostics.error(at(map, "scopes"), "unknown scope \"" + name + "\"" +
                                               did_you_mean(name, scope_names()) +
                                               "; scopes are read, write and admin");
    }
  }
  if (params.text_list("scopes").empty()) {
    diagnostics.error(at(map, "scopes"),
                      "a token without a scope may do nothing; write [read], [write] or [admin]");
  }
}

void read_quota(const Node& map, const Params& params, TokenEntry& entry,
                Diagnostics& diagnostics) {
  if (!params.has("rate")) {
    if (params.has("burst")) {
      diagnostics.error(at(map, "burst"), "burst needs a rate, such as rate: 1000/s");
    }
    return;
  }
  Quota quota;
  quota.events_per_second = params.rate("rate");
  quota.burst = params.has("burst") ? static_cast<int>(params.integer("burst"))
                                    : default_burst(quota.events_per_second);
  resilience::RateLimiterConfig limiter;
  limiter.permits_per_second = quota.events_per_second;
  limiter.burst = quota.burst;
  if (const auto valid = resilience::validate(limiter); !valid.ok()) {
    diagnostics.error(at(map, params.has("burst") ? "burst" : "rate"), valid.error().message);
    return;
  }
  entry.quota = quota;
}

std::optional<TokenEntry> read_entry(const Node& map, Diagnostics& diagnostics) {
  const std::size_t before = diagnostics.messages().size();
  if (!map.is_map()) {
    diagnostics.error(
        map, "a token is a map such as {name: shop, sha256: …, scopes: [write]}, this is " +
                 std::string(document::kind_name(map)));
    return std::nullopt;
  }
  const Params params = parse_params(map, specs(), {}, "a token", diagnostics);
  if (diagnostics.messages().size() != before) return std::nullopt;
  TokenEntry entry;
  entry.name = params.text("name");
  if (!is_token_name(entry.name)) {
    diagnostics.error(at(map, "name"), "\"" + entry.name + "\" is not a name; use 1 to " +
                                           std::to_string(kMaxNameBytes) +
                                           " letters, digits, '.', '_' and '-'");
  } else if (entry.name == kAdminTokenName) {
    diagnostics.error(at(map, "name"),
                      "\"admin-token\" is the name of the option's token; choose another");
  }
  if (const auto digest = parse_sha256(params.text("sha256"))) {
    entry.digest = *digest;
  } else {
    // Not shown: somebody may have written the token itself.
    diagnostics.error(at(map, "sha256"),
                      "this is not a SHA-256; write its 64 hex digits, not the token "
                      "(printf %s TOKEN | sha256sum)");
  }
  read_scopes(map, params, entry, diagnostics);
  read_quota(map, params, entry, diagnostics);
  if (params.has("expires")) {
    const auto time = units::parse_rfc3339(params.text("expires"));
    if (time.ok()) {
      entry.expires = *time;
    } else {
      diagnostics.error(at(map, "expires"), "\"" + params.text("expires") +
                                                "\" is not a time; write 2027-01-01T00:00:00Z");
    }
  }
  if (diagnostics.messages().size() != before) return std::nullopt;
  return entry;
}

}  // namespace

std::string_view to_string(Scope scope) {
  switch (scope) {
    case Scope::read:
      return "read";
    case Scope::write:
      return "write";
    case Scope::admin:
      return "admin";
  }
  return "";
}

std::optional<Scope> parse_scope(std::string_view text) {
  for (const Scope scope : kAllScopes) {
    if (text == to_string(scope)) return scope;
  }
  return std::nullopt;
}

std::string to_string(Scopes scopes) {
  std::string text;
  for (const Scope scope : kAllScopes) {
    if (!scopes.has(scope)) continue;
    text.append(text.empty() ? "" : ", ").append(to_string(scope));
  }
  return text;
}

int default_burst(double events_per_second) {
  return static_cast<int>(std::clamp(std::ceil(2 * events_per_second), kFullRequest, kMostBurst));
}

bool is_token_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameBytes &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '_' || c == '-';
         });
}

Result<std::vector<TokenEntry>> parse_token_file(const std::string& text, const std::string& file) {
  const auto root = document::parse_yaml(text, file);
  if (!root.ok()) return root.error();
  Diagnostics diagnostics;
  std::vector<TokenEntry> entries;
  // More likely one that is just being written than the wish to lock everybody out.
  if (root->is_null()) {
    diagnostics.error(*root, "the tokens file is empty; write [] where nobody may do anything");
    return diagnostics.result().error();
  }
  if (!root->is_list()) {
    diagnostics.error(*root, "a tokens file is a list, one \"- name: …\" for each token; this is " +
                                 std::string(document::kind_name(*root)));
    return diagnostics.result().error();
  }
  if (root->items.size() > kMaxTokens) {
    diagnostics.error(*root, "there are " + std::to_string(root->items.size()) +
                                 " tokens; there may be " + std::to_string(kMaxTokens));
    return diagnostics.result().error();
  }
  std::map<std::string, int> names;
  std::map<Sha256, int> digests;
  for (const Node& item : root->items) {
    auto entry = read_entry(item, diagnostics);
    if (!entry) continue;
    if (const auto [other, fresh] = names.emplace(entry->name, item.line); !fresh) {
      diagnostics.error(item, "the name \"" + entry->name + "\" is taken by line " +
                                  std::to_string(other->second) + "; give each token its own");
    }
    if (const auto [other, fresh] = digests.emplace(entry->digest, item.line); !fresh) {
      diagnostics.error(item, "the token is that of line " + std::to_string(other->second) +
                                  "; make one for each holder");
    }
    entries.push_back(std::move(*entry));
  }
  if (auto good = diagnostics.result(); !good.ok()) return good.error();
  return entries;
}

}  // namespace stormlog::pipeline

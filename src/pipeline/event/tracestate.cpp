#include "pipeline/event/tracestate.hpp"

#include <algorithm>
#include <vector>

namespace stormlog::pipeline {
namespace {

constexpr std::size_t kMaxKeyBytes = 256;
constexpr std::size_t kMaxTenantBytes = 241;
constexpr std::size_t kMaxSystemBytes = 14;
constexpr std::size_t kMaxValueBytes = 256;
constexpr std::size_t kLongMemberBytes = 128;

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_key_char(char c) {
  return is_lower(c) || is_digit(c) || c == '_' || c == '-' || c == '*' || c == '/';
}

bool is_name(std::string_view text, std::size_t max_bytes, bool digit_first) {
  if (text.empty() || text.size() > max_bytes) return false;
  if (!is_lower(text[0]) && !(digit_first && is_digit(text[0]))) return false;
  return std::all_of(text.begin(), text.end(), is_key_char);
}

bool is_key(std::string_view key) {
  const std::size_t at = key.find('@');
  if (at == std::string_view::npos) return is_name(key, kMaxKeyBytes, false);
  return is_name(key.substr(0, at), kMaxTenantBytes, true) &&
         is_name(key.substr(at + 1), kMaxSystemBytes, false);
}

bool is_value(std::string_view value) {
  if (value.empty() || value.size() > kMaxValueBytes || value.back() == ' ') return false;
  return std::all_of(value.begin(), value.end(),
                     [](char c) { return c >= ' ' && c <= '~' && c != ',' && c != '='; });
}

std::string_view trimmed(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::size_t length_of(const std::vector<std::string_view>& members) {
  std::size_t length = members.empty() ? 0 : members.size() - 1;
  for (const std::string_view member : members) length += member.size();
  return length;
}

// False where it is no list.
bool split(std::string_view text, std::vector<std::string_view>& members) {
  std::vector<std::string_view> keys;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    const std::string_view member = trimmed(text.substr(at, end - at));
    at = end + 1;
    if (member.empty()) continue;
    const std::size_t equals = member.find('=');
    if (equals == std::string_view::npos || members.size() == kMaxTracestateMembers) return false;
    const std::string_view key = member.substr(0, equals);
    if (!is_key(key) || !is_value(member.substr(equals + 1))) return false;
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) return false;
    keys.push_back(key);
    members.push_back(member);
  }
  return true;
}

}  // namespace

std::string normalise_tracestate(std::string_view text) {
  std::vector<std::string_view> members;
  if (!split(text, members)) return {};
  for (std::size_t i = members.size(); i-- > 0 && length_of(members) > kMaxTracestateBytes;) {
    if (members[i].size() > kLongMemberBytes) {
      members.erase(members.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  while (length_of(members) > kMaxTracestateBytes) members.pop_back();
  std::string list;
  for (const std::string_view member : members) {
    if (!list.empty()) list += ',';
    list += member;
  }
  return list;
}

}  // namespace stormlog::pipeline

#include "chaos/ledger/run_mark.hpp"

namespace stormlog::chaos {
namespace {

constexpr std::string_view kPlaceholder = "${run}";
constexpr std::size_t kMaxLength = 128;
constexpr std::string_view kAllowed =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";

}  // namespace

Result<void> check_run_mark(std::string_view run) {
  if (run.empty() || run.size() > kMaxLength ||
      run.find_first_not_of(kAllowed) != std::string_view::npos) {
    return Error::permanent(
        "\"" + std::string(run) +
        "\" cannot mark a run: use 1 to 128 of the characters A-Z a-z 0-9 _ . -");
  }
  return {};
}

bool asks_for_run(std::string_view text) {
  return text.find(kPlaceholder) != std::string_view::npos;
}

std::string with_run(std::string_view text, std::string_view run) {
  std::string out;
  for (std::size_t at = 0;;) {
    const std::size_t next = text.find(kPlaceholder, at);
    out.append(text.substr(at, next - at));
    if (next == std::string_view::npos) return out;
    out.append(run);
    at = next + kPlaceholder.size();
  }
}

}  // namespace stormlog::chaos

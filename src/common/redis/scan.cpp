#include "common/redis/scan.hpp"

#include <algorithm>

namespace stormlog::redis {
namespace {

constexpr const char* kScanCount = "1000";

}  // namespace

Result<std::vector<std::string>> scan_keys(Connection& connection, const std::string& pattern) {
  std::vector<std::string> keys;
  std::string cursor = "0";
  do {
    Result<Reply> page =
        connection.command({"SCAN", cursor, "MATCH", pattern, "COUNT", kScanCount});
    if (!page) return page.error();
    if (page->elements.size() != 2) {
      return Error::permanent("SCAN: an answer that Redis does not give");
    }
    cursor = page->elements[0].text;
    for (Reply& key : page->elements[1].elements) keys.push_back(std::move(key.text));
  } while (cursor != "0");
  // SCAN may name a key more than once.
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

}  // namespace stormlog::redis

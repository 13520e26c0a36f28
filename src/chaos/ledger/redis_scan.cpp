#include "chaos/ledger/redis_scan.hpp"

#include <algorithm>

namespace stormlog::chaos {
namespace {

constexpr std::chrono::milliseconds kConnectTimeout{10'000};
constexpr std::chrono::milliseconds kCommandTimeout{30'000};
constexpr const char* kScanCount = "1000";

}  // namespace

Result<redis::Connection> connect_to_read(const std::string& url) {
  const Result<redis::Url> parsed = redis::Url::parse(url);
  if (!parsed) return parsed.error();
  redis::ConnectOptions options;
  options.connect_timeout = kConnectTimeout;
  options.command_timeout = kCommandTimeout;
  return redis::Connection::connect(*parsed, options);
}

Result<std::vector<std::string>> scan_keys(redis::Connection& connection,
                                           const std::string& pattern) {
  std::vector<std::string> keys;
  std::string cursor = "0";
  do {
    Result<redis::Reply> page =
        connection.command({"SCAN", cursor, "MATCH", pattern, "COUNT", kScanCount});
    if (!page) return page.error();
    if (page->elements.size() != 2) {
      return Error::permanent("SCAN: an answer that Redis does not give");
    }
    cursor = page->elements[0].text;
    for (redis::Reply& key : page->elements[1].elements) keys.push_back(std::move(key.text));
  } while (cursor != "0");
  // SCAN may name a key more than once.
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

}  // namespace stormlog::chaos

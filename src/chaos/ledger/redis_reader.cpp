#include "chaos/ledger/redis_reader.hpp"

namespace stormlog::chaos {
namespace {

constexpr std::chrono::milliseconds kConnectTimeout{10'000};
constexpr std::chrono::milliseconds kCommandTimeout{30'000};

}  // namespace

Result<redis::Connection> connect_to_read(const std::string& url) {
  const Result<redis::Url> parsed = redis::Url::parse(url);
  if (!parsed) return parsed.error();
  redis::ConnectOptions options;
  options.connect_timeout = kConnectTimeout;
  options.command_timeout = kCommandTimeout;
  return redis::Connection::connect(*parsed, options);
}

}  // namespace stormlog::chaos

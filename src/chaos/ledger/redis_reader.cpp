#include "chaos/ledger/redis_reader.hpp"

#include <hiredis/hiredis.h>

#include <algorithm>
#include <utility>

#include "common/base/units.hpp"

namespace stormlog::chaos {
namespace {

constexpr timeval kConnectTimeout{10, 0};
constexpr timeval kCommandTimeout{30, 0};
constexpr std::string_view kScanCount = "1000";

struct RedisAddress {
  std::string user;
  std::string password;
  std::string host = "127.0.0.1";
  int port = 6379;
  std::string database;
};

Error unusable(const std::string& url, const std::string& why) {
  // The password stays out of messages.
  const std::size_t at = url.rfind('@');
  const std::string shown = at == std::string::npos ? url : "redis://…" + url.substr(at);
  return Error::permanent("\"" + shown + "\": " + why + "; write redis://host:port/database");
}

Result<RedisAddress> parse(const std::string& url) {
  constexpr std::string_view kScheme = "redis://";
  if (url.starts_with("rediss://")) return unusable(url, "TLS is not supported here");
  if (!url.starts_with(kScheme)) return unusable(url, "not the address of a Redis");
  RedisAddress address;
  std::string rest = url.substr(kScheme.size());
  if (const std::size_t at = rest.rfind('@'); at != std::string::npos) {
    const std::string login = rest.substr(0, at);
    const std::size_t colon = login.find(':');
    if (colon == std::string::npos) return unusable(url, "a login is written user:password@");
    address.user = login.substr(0, colon);
    address.password = login.substr(colon + 1);
    rest.erase(0, at + 1);
  }
  if (const std::size_t slash = rest.find('/'); slash != std::string::npos) {
    address.database = rest.substr(slash + 1);
    rest.erase(slash);
  }
  const std::size_t colon = rest.rfind(':');
  const bool bracketed = rest.starts_with('[');
  if (colon != std::string::npos && (!bracketed || rest.find(']') < colon)) {
    const Result<std::int64_t> port = units::parse_int(rest.substr(colon + 1));
    if (!port || *port < 1 || *port > 65535) return unusable(url, "no such port");
    address.port = static_cast<int>(*port);
    rest.erase(colon);
  }
  if (bracketed && rest.ends_with(']')) rest = rest.substr(1, rest.size() - 2);
  if (!rest.empty()) address.host = rest;
  return address;
}

}  // namespace

void FreeRedisReply::operator()(redisReply* reply) const {
  freeReplyObject(reply);
}

Result<RedisReader> RedisReader::connect(const std::string& url) {
  const Result<RedisAddress> address = parse(url);
  if (!address) return address.error();
  const std::string peer = "Redis at " + address->host + ":" + std::to_string(address->port);
  redisContext* context =
      redisConnectWithTimeout(address->host.c_str(), address->port, kConnectTimeout);
  if (context == nullptr) return Error::retriable(peer + ": out of memory");
  RedisReader reader(context);
  if (context->err != 0) return Error::retriable(peer + ": " + context->errstr);
  redisSetTimeout(context, kCommandTimeout);
  if (!address->password.empty()) {
    std::vector<std::string> words = {"AUTH"};
    if (!address->user.empty()) words.push_back(address->user);
    words.push_back(address->password);
    if (Result<RedisReply> reply = reader.command(words); !reply) return reply.error().in(peer);
  }
  if (!address->database.empty()) {
    if (Result<RedisReply> reply = reader.command({"SELECT", address->database}); !reply) {
      return reply.error().in(peer);
    }
  }
  return reader;
}

RedisReader::RedisReader(RedisReader&& other) noexcept
    : context_(std::exchange(other.context_, nullptr)) {}

RedisReader& RedisReader::operator=(RedisReader&& other) noexcept {
  std::swap(context_, other.context_);
  return *this;
}

RedisReader::~RedisReader() {
  if (context_ != nullptr) redisFree(context_);
}

Result<RedisReply> RedisReader::command(const std::vector<std::string>& words) {
  std::vector<const char*> texts;
  std::vector<std::size_t> sizes;
  for (const std::string& word : words) {
    texts.push_back(word.data());
    sizes.push_back(word.size());
  }
  RedisReply reply(static_cast<redisReply*>(
      redisCommandArgv(context_, static_cast<int>(words.size()), texts.data(), sizes.data())));
  if (!reply) return Error::retriable(words.front() + ": " + context_->errstr);
  if (reply->type == REDIS_REPLY_ERROR) {
    return Error::permanent(words.front() + ": " + std::string(reply->str, reply->len));
  }
  return reply;
}

Result<std::vector<std::string>> RedisReader::keys(const std::string& pattern) {
  std::vector<std::string> keys;
  std::string cursor = "0";
  do {
    Result<RedisReply> page =
        command({"SCAN", cursor, "MATCH", pattern, "COUNT", std::string(kScanCount)});
    if (!page) return page.error();
    const redisReply& reply = **page;
    if (reply.type != REDIS_REPLY_ARRAY || reply.elements != 2) {
      return Error::permanent("SCAN: an answer that Redis does not give");
    }
    cursor.assign(reply.element[0]->str, reply.element[0]->len);
    const redisReply& found = *reply.element[1];
    for (std::size_t i = 0; i < found.elements; ++i) {
      keys.emplace_back(found.element[i]->str, found.element[i]->len);
    }
  } while (cursor != "0");
  // SCAN may name a key more than once.
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

}  // namespace stormlog::chaos

// How much is in the keys of a pattern: entries of streams, lists, sets, hashes; texts count one.

#include <algorithm>
#include <map>

#include "chaos/probe/probe.hpp"
#include "common/redis/scan.hpp"

namespace stormlog::chaos {
namespace {

using redis::Reply;
using std::chrono::milliseconds;

// Keys that are gone by now have the type "none".
std::string length_command(const std::string& type) {
  static const std::map<std::string, std::string> kCommands = {
      {"stream", "XLEN"}, {"list", "LLEN"}, {"set", "SCARD"}, {"zset", "ZCARD"}, {"hash", "HLEN"},
  };
  const auto found = kCommands.find(type);
  return found == kCommands.end() ? "EXISTS" : found->second;
}

class RedisProbe final : public Probe {
 public:
  RedisProbe(redis::Url url, std::string pattern, milliseconds timeout)
      : url_(std::move(url)), pattern_(std::move(pattern)), timeout_(timeout) {}

  ProbeResult measure() override {
    const bool kept = connection_ != nullptr;
    Result<nlohmann::ordered_json> value = ask();
    // A kept connection may have ended with a restart of the server since the last look.
    if (!value && kept && !connection_) value = ask();
    return value.ok() ? ProbeResult::of(std::move(*value))
                      : ProbeResult::none(value.error().message);
  }

 private:
  Result<nlohmann::ordered_json> ask() {
    if (!connection_) {
      auto made = redis::Connection::connect(
          url_, {.connect_timeout = timeout_, .command_timeout = timeout_});
      if (!made) return made.error();
      connection_ = std::make_unique<redis::Connection>(std::move(*made));
    }
    Result<nlohmann::ordered_json> value = count();
    if (!connection_->usable()) connection_.reset();
    return value;
  }

  Result<nlohmann::ordered_json> count() {
    const Result<std::vector<std::string>> keys = redis::scan_keys(*connection_, pattern_);
    if (!keys) return keys.error();
    std::vector<redis::Command> commands;
    for (const std::string& key : *keys) commands.push_back({"TYPE", key});
    const auto types = connection_->pipeline(commands);
    if (!types) return types.error();
    for (std::size_t i = 0; i < keys->size(); ++i) {
      commands[i] = {length_command((*types)[i].text), (*keys)[i]};
    }
    const auto lengths = connection_->pipeline(commands);
    if (!lengths) return lengths.error();
    std::int64_t sum = 0;
    for (const Reply& length : *lengths) {
      if (length.type == Reply::Type::error) return length.as_error();
      sum += length.integer;
    }
    return nlohmann::ordered_json{{"value", sum}, {"keys", keys->size()}};
  }

  redis::Url url_;
  std::string pattern_;
  milliseconds timeout_;
  std::unique_ptr<redis::Connection> connection_;
};

Result<std::unique_ptr<Probe>> make(const Stack&, const document::Params& params) {
  Result<redis::Url> url = redis::Url::parse(params.text("connection"));
  if (!url) return url.error();
  const auto timeout = std::chrono::duration_cast<milliseconds>(params.duration("timeout"));
  return std::unique_ptr<Probe>(
      std::make_unique<RedisProbe>(std::move(*url), params.text("keys"), timeout));
}

}  // namespace

extern const ProbeKind kRedisProbe;
const ProbeKind kRedisProbe = {
    .name = "redis",
    .summary = "The entries in the keys of a pattern together, as value; keys is their number.",
    .params =
        {
            {.name = "connection", .required = true, .description = "redis://host:port/database."},
            {.name = "keys",
             .required = true,
             .description = "Pattern as of SCAN: \"queue:*\". Entries of streams, lists, sets and "
                            "hashes are counted; a text counts one."},
            timeout_param(),
        },
    .default_expect = "",
    .make = make,
};

}  // namespace stormlog::chaos

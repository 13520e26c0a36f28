#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hpp"
#include "common/redis/url.hpp"

struct redisContext;

namespace stormlog::redis {

struct ConnectOptions {
  std::chrono::milliseconds connect_timeout{2'000};
  // For each command's answer to begin or go on. A pipeline may take longer as a whole.
  std::chrono::milliseconds command_timeout{2'000};
};

// What Redis answered, as a value.
struct Reply {
  enum class Type { nil, integer, status, text, array, error };
  Type type = Type::nil;
  std::int64_t integer = 0;
  std::string text;  // of status, text and error
  std::vector<Reply> elements;

  bool nil() const { return type == Type::nil; }
  // An error as `Error`: retriable for a state of the server that passes (OOM, LOADING, BUSY,
  // MISCONF, READONLY, …), else permanent. `code` is its first word.
  Error as_error() const;
};

using Command = std::vector<std::string>;

// One blocking connection to Redis.
//
// Threads:  caller synchronises.
// Blocking: as ConnectOptions say.
// Errors:   `code` is "CONNECTION" when the server could not be reached or did not answer: the
//           connection is then unusable and the outcome of the commands under way is unknown. An
//           error that Redis answered carries Redis's own word ("WRONGTYPE"), and the connection
//           stays good.
class Connection {
 public:
  static Result<Connection> connect(const Url& url, const ConnectOptions& options = {});
  Connection(Connection&&) noexcept = default;
  Connection& operator=(Connection&&) noexcept = default;

  Result<Reply> command(const Command& words);
  // Sends all, then reads all: one round trip. Errors of single commands are among the replies.
  Result<std::vector<Reply>> pipeline(const std::vector<Command>& commands);

  bool usable() const;

 private:
  struct Free {
    void operator()(redisContext* context) const;
  };
  Connection(redisContext* context, std::string peer) : context_(context), peer_(std::move(peer)) {}
  Result<void> append(const Command& words);
  Result<Reply> read();
  Error lost(const std::string& doing);

  std::unique_ptr<redisContext, Free> context_;
  std::string peer_;
};

inline constexpr std::string_view kConnectionCode = "CONNECTION";

// A Connection that is made when it is needed, and anew after it was lost. A command is never sent
// twice: the one that found the connection dead fails, the next one connects.
//
// Threads:  caller synchronises.
// Blocking: ConnectOptions' times, for connecting and for the command.
class Client {
 public:
  explicit Client(Url url, ConnectOptions options = {}) : url_(std::move(url)), options_(options) {}

  Result<Reply> command(const Command& words);
  Result<std::vector<Reply>> pipeline(const std::vector<Command>& commands);

  const Url& url() const { return url_; }
  bool connected() const { return connection_ != nullptr; }
  void disconnect() { connection_.reset(); }

 private:
  Result<void> ensure();

  Url url_;
  ConnectOptions options_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace stormlog::redis

#include "common/redis/connection.hpp"

#include <hiredis/hiredis.h>

#include <algorithm>
#include <array>
#include <utility>

namespace stormlog::redis {
namespace {

struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};

timeval to_timeval(std::chrono::milliseconds time) {
  timeval out{};
  out.tv_sec = static_cast<decltype(out.tv_sec)>(time.count() / 1000);
  out.tv_usec = static_cast<decltype(out.tv_usec)>(time.count() % 1000 * 1000);
  return out;
}

Reply convert(const redisReply& reply) {
  Reply out;
  switch (reply.type) {
    case REDIS_REPLY_INTEGER:
      out.type = Reply::Type::integer;
      out.integer = reply.integer;
      break;
    case REDIS_REPLY_ARRAY:
      out.type = Reply::Type::array;
      out.elements.reserve(reply.elements);
      for (std::size_t i = 0; i < reply.elements; ++i) {
        out.elements.push_back(convert(*reply.element[i]));
      }
      break;
    case REDIS_REPLY_NIL:
      break;
    case REDIS_REPLY_STATUS:
      out.type = Reply::Type::status;
      out.text.assign(reply.str, reply.len);
      break;
    case REDIS_REPLY_ERROR:
      out.type = Reply::Type::error;
      out.text.assign(reply.str, reply.len);
      break;
    default:
      out.type = Reply::Type::text;
      if (reply.str != nullptr) out.text.assign(reply.str, reply.len);
  }
  return out;
}

}  // namespace

Error Reply::as_error() const {
  constexpr std::array<std::string_view, 10> kPassing = {
      "OOM",         "LOADING",    "BUSY",     "MISCONF",    "READONLY",
      "CLUSTERDOWN", "MASTERDOWN", "TRYAGAIN", "NOREPLICAS", "UNKILLABLE"};
  const std::string word = text.substr(0, text.find(' '));
  const bool passing = std::find(kPassing.begin(), kPassing.end(), word) != kPassing.end();
  return {passing ? ErrorKind::retriable : ErrorKind::permanent, "Redis: " + text, word};
}

void Connection::Free::operator()(redisContext* context) const {
  redisFree(context);
}

Result<Connection> Connection::connect(const Url& url, const ConnectOptions& options) {
  Connection connection(
      redisConnectWithTimeout(url.host.c_str(), url.port, to_timeval(options.connect_timeout)),
      url.peer());
  if (!connection.context_ || connection.context_->err != 0) return connection.lost("connect");
  redisContext* context = connection.context_.get();
  if (redisSetTimeout(context, to_timeval(options.command_timeout)) != REDIS_OK ||
      redisEnableKeepAlive(context) != REDIS_OK) {
    return connection.lost("connect");
  }
  if (!url.password.empty()) {
    Command login = {"AUTH"};
    if (!url.user.empty()) login.push_back(url.user);
    login.push_back(url.password);
    if (Result<Reply> reply = connection.command(login); !reply) return reply.error();
  }
  if (url.database != 0) {
    if (Result<Reply> reply = connection.command({"SELECT", std::to_string(url.database)});
        !reply) {
      return reply.error();
    }
  }
  return connection;
}

Error Connection::lost(const std::string& doing) {
  const std::string reason = context_ == nullptr  ? "out of memory"
                             : context_->err != 0 ? std::string(context_->errstr)
                                                  : std::string("connection lost");
  return Error::retriable("Redis at " + peer_ + ": " + doing + ": " + reason,
                          std::string(kConnectionCode));
}

bool Connection::usable() const {
  return context_ != nullptr && context_->err == 0;
}

Result<void> Connection::append(const Command& words) {
  std::vector<const char*> texts(words.size());
  std::vector<std::size_t> sizes(words.size());
  for (std::size_t i = 0; i < words.size(); ++i) {
    texts[i] = words[i].data();
    sizes[i] = words[i].size();
  }
  if (redisAppendCommandArgv(context_.get(), static_cast<int>(words.size()), texts.data(),
                             sizes.data()) != REDIS_OK) {
    return lost(words.empty() ? std::string("command") : words.front());
  }
  return {};
}

Result<Reply> Connection::read() {
  void* raw = nullptr;
  if (redisGetReply(context_.get(), &raw) != REDIS_OK || raw == nullptr) return lost("answer");
  const std::unique_ptr<redisReply, FreeReply> reply(static_cast<redisReply*>(raw));
  return convert(*reply);
}

Result<Reply> Connection::command(const Command& words) {
  if (!usable()) return lost(words.front());
  if (Result<void> sent = append(words); !sent) return sent.error();
  Result<Reply> reply = read();
  if (!reply) return reply.error();
  if (reply->type == Reply::Type::error) return reply->as_error();
  return reply;
}

Result<std::vector<Reply>> Connection::pipeline(const std::vector<Command>& commands) {
  if (!usable()) return lost("pipeline");
  for (const Command& words : commands) {
    if (Result<void> sent = append(words); !sent) return sent.error();
  }
  std::vector<Reply> replies;
  replies.reserve(commands.size());
  for (std::size_t i = 0; i < commands.size(); ++i) {
    Result<Reply> reply = read();
    if (!reply) return reply.error();
    replies.push_back(std::move(*reply));
  }
  return replies;
}

Result<void> Client::ensure() {
  if (connection_ && connection_->usable()) return {};
  connection_.reset();
  Result<Connection> made = Connection::connect(url_, options_);
  if (!made) return made.error();
  connection_ = std::make_unique<Connection>(std::move(*made));
  return {};
}

Result<Reply> Client::command(const Command& words) {
  if (Result<void> up = ensure(); !up) return up.error();
  Result<Reply> reply = connection_->command(words);
  if (!connection_->usable()) connection_.reset();
  return reply;
}

Result<std::vector<Reply>> Client::pipeline(const std::vector<Command>& commands) {
  if (commands.empty()) return std::vector<Reply>{};
  if (Result<void> up = ensure(); !up) return up.error();
  Result<std::vector<Reply>> replies = connection_->pipeline(commands);
  if (!connection_->usable()) connection_.reset();
  return replies;
}

}  // namespace stormlog::redis

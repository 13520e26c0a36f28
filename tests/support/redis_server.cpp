#include "support/redis_server.hpp"

#include <signal.h>

#include <stdexcept>

#include "common/redis/connection.hpp"

namespace stormlog::test {

RedisServer::RedisServer(std::vector<std::string> arguments)
    : port_(free_port()), arguments_(std::move(arguments)) {
  start();
}

void RedisServer::launch(const std::vector<std::string>& more) {
  std::vector<std::string> argv = {"redis-server", "--bind", "127.0.0.1", "--port",
                                   std::to_string(port_), "--dir", folder_.path().string(),
                                   "--appendonly", "yes",
                                   // With everysec an answer may come up to two seconds before the
                                   // write, while the disk is busy with the sync before.
                                   "--appendfsync", "always", "--save", ""};
  argv.insert(argv.end(), arguments_.begin(), arguments_.end());
  argv.insert(argv.end(), more.begin(), more.end());
  process_ = std::make_unique<ChildProcess>(
      ChildProcess::Options{std::move(argv), folder_.path() / "log", ""});
}

void RedisServer::start() {
  launch({});
  redis::Client client(*redis::Url::parse(url()));
  const auto answers = [&] {
    const Result<redis::Reply> reply = client.command({"PING"});
    return reply.ok() || reply.error().code == "NOAUTH";
  };
  if (!eventually(answers)) {
    throw std::runtime_error("redis-server does not start; see " + folder_.path().string());
  }
}

void RedisServer::start_loading() {
  launch({"--key-load-delay", "20000", "--loading-process-events-interval-bytes", "1024"});
  redis::Client client(*redis::Url::parse(url()));
  const auto loads = [&] {
    const Result<redis::Reply> reply = client.command({"PING"});
    return !reply.ok() && reply.error().code == "LOADING";
  };
  if (!eventually(loads)) throw std::runtime_error("redis-server does not load its data");
}

void RedisServer::finish_loading() {
  redis::Client client(*redis::Url::parse(url()));
  const auto loaded = [&] {
    (void)client.command({"CONFIG", "SET", "key-load-delay", "0"});
    return client.command({"PING"}).ok();
  };
  if (!eventually(loaded)) throw std::runtime_error("redis-server does not end loading");
}

void RedisServer::rewrite() {
  redis::Client client(*redis::Url::parse(url()));
  const auto info = [&](const std::string& line) {
    const Result<redis::Reply> reply = client.command({"INFO", "persistence"});
    return reply.ok() && reply->text.find(line) != std::string::npos;
  };
  (void)client.command({"BGREWRITEAOF"});
  if (!eventually([&] {
        return info("aof_rewrite_in_progress:0") && info("aof_rewrite_scheduled:0") &&
               !info("aof_last_rewrite_time_sec:-1");
      })) {
    throw std::runtime_error("redis-server does not rewrite its file");
  }
}

void RedisServer::kill9() {
  process_->kill9();
}
void RedisServer::pause() {
  process_->signal(SIGSTOP);
}
void RedisServer::resume() {
  process_->signal(SIGCONT);
}

}  // namespace stormlog::test

#include "support/redis_server.hpp"

#include <signal.h>

#include <stdexcept>

#include "common/redis/connection.hpp"

namespace stormlog::test {

RedisServer::RedisServer(std::vector<std::string> arguments)
    : port_(free_port()), arguments_(std::move(arguments)) {
  start();
}

void RedisServer::start() {
  std::vector<std::string> argv = {"redis-server",
                                   "--bind",
                                   "127.0.0.1",
                                   "--port",
                                   std::to_string(port_),
                                   "--dir",
                                   folder_.path().string(),
                                   "--appendonly",
                                   "yes",
                                   "--save",
                                   ""};
  argv.insert(argv.end(), arguments_.begin(), arguments_.end());
  process_ = std::make_unique<ChildProcess>(
      ChildProcess::Options{std::move(argv), folder_.path() / "log", ""});
  redis::Client client(*redis::Url::parse(url()));
  const auto answers = [&] {
    const Result<redis::Reply> reply = client.command({"PING"});
    return reply.ok() || reply.error().code == "NOAUTH";
  };
  if (!eventually(answers)) {
    throw std::runtime_error("redis-server does not start; see " + folder_.path().string());
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

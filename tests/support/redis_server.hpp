#pragma once

#include <memory>
#include <string>
#include <vector>

#include "support/child_process.hpp"

namespace stormlog::test {

// A Redis of the test's own on a free port of 127.0.0.1, with an append-only file, so that what was
// acknowledged is there again after kill9() and start(). The constructor returns when it answers,
// and throws std::runtime_error when it does not.
class RedisServer {
 public:
  explicit RedisServer(std::vector<std::string> arguments = {});

  std::string url() const { return "redis://127.0.0.1:" + std::to_string(port_) + "/0"; }
  int port() const { return port_; }

  void kill9();
  void start();
  // Starts it so that it loads its base file key by key, and returns when it answers that it does.
  // There must be one of several KB: rewrite(). It goes on until finish_loading().
  void start_loading();
  void finish_loading();
  void pause();
  void resume();

  // Makes what is in it the base file.
  void rewrite();

 private:
  void launch(const std::vector<std::string>& more);

  TempFolder folder_;
  int port_;
  std::vector<std::string> arguments_;
  std::unique_ptr<ChildProcess> process_;
};

}  // namespace stormlog::test

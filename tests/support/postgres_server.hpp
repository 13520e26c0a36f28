#pragma once

#include <memory>
#include <string>
#include <vector>

#include "support/child_process.hpp"

namespace stormlog::test {

// A PostgreSQL of the test's own: free port of 127.0.0.1, temporary data folder, no password, user
// and database `postgres`. As root it runs as the user `postgres`. The constructor returns when it
// answers, and throws std::runtime_error when it does not.
class PostgresServer {
 public:
  PostgresServer();
  ~PostgresServer();

  std::string conninfo() const;
  int port() const { return port_; }
  // Whether this machine has the programs; tests that need them fail otherwise.
  static bool installed();

  void kill9();  // the postmaster; its backends see that and end
  void stop();   // SIGINT: fast shutdown
  void start();  // on the same port and data; returns when it answers
  void pause();  // SIGSTOP to the postmaster and its backends
  void resume();

 private:
  std::vector<pid_t> backends() const;

  TempFolder folder_;
  int port_;
  std::unique_ptr<ChildProcess> process_;
};

}  // namespace stormlog::test

#include "support/postgres_server.hpp"

#include <signal.h>

#include <algorithm>
#include <fstream>
#include <stdexcept>
#include <vector>

#include "common/postgres/connection.hpp"

namespace stormlog::test {
namespace {

constexpr const char* kUser = "postgres";

// Debian keeps the programs of each version in a folder of its own, outside of PATH.
std::filesystem::path programs() {
  std::vector<std::filesystem::path> found;
  std::error_code ignored;
  for (const auto& version : std::filesystem::directory_iterator("/usr/lib/postgresql", ignored)) {
    if (std::filesystem::exists(version.path() / "bin/initdb")) {
      found.push_back(version.path() / "bin");
    }
  }
  if (!found.empty()) return *std::max_element(found.begin(), found.end());
  return {};
}

}  // namespace

bool PostgresServer::installed() {
  return !programs().empty();
}

PostgresServer::PostgresServer() : folder_(kUser), port_(free_port()) {
  if (!installed()) throw std::runtime_error("PostgreSQL is not installed: apt install postgresql");
  run({(programs() / "initdb").string(), "-D", (folder_.path() / "db").string(), "-U", "postgres",
       "-A", "trust", "--no-sync", "--no-instructions", "-E", "UTF8", "--locale=C"},
      kUser);
  start();
}

PostgresServer::~PostgresServer() {
  if (process_ && process_->running()) {
    resume();
    stop();
  }
}

std::string PostgresServer::conninfo() const {
  return "host=127.0.0.1 port=" + std::to_string(port_) + " dbname=postgres user=postgres";
}

void PostgresServer::start() {
  const std::string db = (folder_.path() / "db").string();
  // A killed postmaster's backends may hold the shared memory for a moment: then it ends at once.
  const bool up = eventually(
      [&] {
        if (!process_ || !process_->running()) {
          process_ = std::make_unique<ChildProcess>(ChildProcess::Options{
              {(programs() / "postgres").string(), "-D", db, "-p", std::to_string(port_), "-h",
               "127.0.0.1", "-k", "", "-c", "max_connections=40"},
              folder_.path() / "log",
              kUser});
        }
        postgres::ConnectOptions options;
        options.conninfo = conninfo();
        return postgres::Connection::connect(options).ok() && process_->running();
      },
      std::chrono::seconds{60});
  if (!up) throw std::runtime_error("PostgreSQL does not start; see " + folder_.path().string());
}

void PostgresServer::kill9() {
  process_->kill9();
}

void PostgresServer::stop() {
  process_->signal(SIGINT);
  if (!process_->wait(std::chrono::seconds{30})) process_->kill9();
}

void PostgresServer::signal_all(int number) {
  // Backends are the postmaster's children.
  const std::string pid = std::to_string(process_->pid());
  std::ifstream children("/proc/" + pid + "/task/" + pid + "/children");
  pid_t child = 0;
  std::vector<pid_t> all = {process_->pid()};
  while (children >> child) all.push_back(child);
  for (const pid_t one : all) ::kill(one, number);
}

void PostgresServer::pause() {
  signal_all(SIGSTOP);
}
void PostgresServer::resume() {
  signal_all(SIGCONT);
}

}  // namespace stormlog::test

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

// Gone, or a zombie that its parent has not collected.
bool is_dead(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(stat, line)) return true;
  const std::size_t name_end = line.rfind(')');
  return name_end == std::string::npos || line.substr(name_end + 2, 1) == "Z";
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
  // Frozen first: /proc lists all children only of a process that makes no new ones.
  process_->signal(SIGSTOP);
  const std::vector<pid_t> all = backends();
  for (const pid_t one : all) ::kill(one, SIGKILL);
  eventually([&] { return std::all_of(all.begin(), all.end(), is_dead); });
  process_->kill9();
}

void PostgresServer::stop() {
  process_->signal(SIGINT);
  if (!process_->wait(std::chrono::seconds{30})) process_->kill9();
}

std::vector<pid_t> PostgresServer::backends() const {
  const std::string pid = std::to_string(process_->pid());
  std::ifstream children("/proc/" + pid + "/task/" + pid + "/children");
  std::vector<pid_t> all;
  for (pid_t child = 0; children >> child;) all.push_back(child);
  return all;
}

void PostgresServer::pause() {
  process_->signal(SIGSTOP);
  for (const pid_t one : backends()) ::kill(one, SIGSTOP);
}

void PostgresServer::resume() {
  for (const pid_t one : backends()) ::kill(one, SIGCONT);
  process_->signal(SIGCONT);
}

}  // namespace stormlog::test

#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "chaos/stack/supervisor.hpp"

namespace stormlog::chaos {

// A connected or listening unix stream socket at HOME/state/supervisor.sock. The folder is opened
// and the socket reached through it, so that a long HOME does not meet the limit of 108 characters
// that unix(7) sets for a path.
Result<int> connect_supervisor(const std::filesystem::path& home);
Result<int> listen_supervisor(const std::filesystem::path& home);

// Serves SupervisorClient. One request a connection: a line of JSON in, then lines of
// {"progress":{…}} and at last {"ok":true} or {"ok":false,"kind":…,"code":…,"error":…} out.
//
// Lifetime: the supervisor must outlive it.
class SupervisorSocket {
 public:
  static Result<std::unique_ptr<SupervisorSocket>> open(Supervisor& supervisor,
                                                        const std::filesystem::path& home);
  ~SupervisorSocket();

 private:
  struct Client;
  SupervisorSocket(Supervisor& supervisor, std::filesystem::path home, int fd);
  void accept();
  void on_input(const std::shared_ptr<Client>& client);
  void dispatch(const std::shared_ptr<Client>& client, const std::string& line);
  void close(int fd);

  Supervisor& supervisor_;
  std::filesystem::path home_;
  int fd_;
  std::map<int, std::shared_ptr<Client>> clients_;
};

}  // namespace stormlog::chaos

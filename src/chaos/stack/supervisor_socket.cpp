#include "chaos/stack/supervisor_socket.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "chaos/stack/service_record.hpp"

namespace stormlog::chaos {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kName = "supervisor.sock";
constexpr std::size_t kMaxRequest = 1 << 20;

Error failed(const std::string& what, const fs::path& home) {
  const int code = errno;
  return Error::retriable(
      what + " " + (state_folder(home) / kName).string() + ": " + std::strerror(code),
      ::strerrorname_np(code));
}

Result<int> with_socket(const fs::path& home, int (*use)(int, const sockaddr*, socklen_t),
                        const std::string& what) {
  const int folder = ::open(state_folder(home).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return failed(what, home);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = "/proc/self/fd/" + std::to_string(folder) + "/" + kName;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int code =
      fd < 0 ? -1 : use(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const Error error = failed(what, home);
  ::close(folder);
  if (code == 0) return fd;
  if (fd >= 0) ::close(fd);
  return error;
}

const char* kind_text(ErrorKind kind) {
  return kind == ErrorKind::retriable ? "retriable"
         : kind == ErrorKind::fatal   ? "fatal"
                                      : "permanent";
}

}  // namespace

Result<int> connect_supervisor(const fs::path& home) {
  return with_socket(home, &::connect, "cannot connect to");
}

Result<int> listen_supervisor(const fs::path& home) {
  std::error_code code;
  fs::remove(state_folder(home) / kName,
             code);  // of a supervisor that is no more: we have its lock
  const mode_t before = ::umask(0177);
  auto fd = with_socket(home, &::bind, "cannot bind");
  ::umask(before);
  if (fd.ok() && ::listen(*fd, 64) != 0) return failed("cannot listen on", home);
  return fd;
}

struct SupervisorSocket::Client {
  int fd = -1;
  std::string input;
  std::uint64_t waiter = 0;

  // A client that does not read, or is gone, must not hold up the supervisor.
  void send(const Json& json) const {
    if (fd < 0) return;
    const std::string line = json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    [[maybe_unused]] const ssize_t sent =
        ::send(fd, line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  void finish(const Result<void>& result) const {
    if (result.ok()) return send({{"ok", true}});
    const Error& error = result.error();
    send({{"ok", false},
          {"kind", kind_text(error.kind)},
          {"code", error.code},
          {"error", error.message}});
  }
};

Result<std::unique_ptr<SupervisorSocket>> SupervisorSocket::open(Supervisor& supervisor,
                                                                 const fs::path& home) {
  const auto fd = listen_supervisor(home);
  if (!fd.ok()) return fd.error();
  return std::unique_ptr<SupervisorSocket>(new SupervisorSocket(supervisor, home, *fd));
}

SupervisorSocket::SupervisorSocket(Supervisor& supervisor, fs::path home, int fd)
    : supervisor_(supervisor), home_(std::move(home)), fd_(fd) {
  supervisor_.loop().watch(fd_, POLLIN, [this](short) { accept(); });
}

SupervisorSocket::~SupervisorSocket() {
  while (!clients_.empty()) close(clients_.begin()->first);
  supervisor_.loop().forget(fd_);
  ::close(fd_);
  std::error_code code;
  fs::remove(state_folder(home_) / kName, code);
}

void SupervisorSocket::accept() {
  const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return;
  auto client = std::make_shared<Client>();
  client->fd = fd;
  clients_[fd] = client;
  supervisor_.loop().watch(fd, POLLIN, [this, client](short) { on_input(client); });
}

void SupervisorSocket::close(int fd) {
  const auto found = clients_.find(fd);
  if (found == clients_.end()) return;
  const auto client = found->second;
  supervisor_.forget_waiter(client->waiter);
  supervisor_.loop().forget(fd);
  clients_.erase(found);
  client->fd = -1;
  ::close(fd);
}

void SupervisorSocket::on_input(const std::shared_ptr<Client>& client) {
  char buffer[4096];
  const ssize_t got = ::recv(client->fd, buffer, sizeof buffer, 0);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) return close(client->fd);
  client->input.append(buffer, static_cast<std::size_t>(got));
  const std::size_t end = client->input.find('\n');
  if (end == std::string::npos) {
    if (client->input.size() > kMaxRequest) close(client->fd);
    return;
  }
  const std::string line = client->input.substr(0, end);
  client->input.clear();
  dispatch(client, line);
}

void SupervisorSocket::dispatch(const std::shared_ptr<Client>& client, const std::string& line) {
  const auto done = [client](const Result<void>& result) { client->finish(result); };
  const auto progress = [client](const StackProgress& step) {
    client->send({{"progress",
                   {{"service", step.service},
                    {"phase", to_string(step.phase)},
                    {"elapsed_ms", step.elapsed.count()},
                    {"pid", step.pid},
                    {"note", step.note}}}});
  };
  try {
    const Json json = Json::parse(line);
    const std::string command = json.at("command");
    if (command == "ping") {
      done({});
    } else if (command == "up") {
      UpRequest request;
      request.services = json.at("services").get<std::vector<std::string>>();
      request.stack_file = json.at("stack_file").get<std::string>();
      request.profiles = json.at("profiles").get<std::vector<std::string>>();
      for (const auto& [name, value] : json.at("variables").items()) {
        request.variables[name] = value.get<std::string>();
      }
      request.wait = json.at("wait");
      client->waiter = supervisor_.up(request, progress, done);
    } else if (command == "down") {
      client->waiter = supervisor_.down(progress, done);
    } else if (command == "restart") {
      client->waiter = supervisor_.restart(json.at("service"), done);
    } else if (command == "hold") {
      done(supervisor_.hold(json.at("service"), json.at("fault"),
                            std::chrono::milliseconds{json.at("ttl_ms").get<std::int64_t>()}));
    } else if (command == "release") {
      done(supervisor_.release(json.at("service"), json.at("fault")));
    } else {
      done(Error::permanent("unknown request \"" + command + "\""));
    }
  } catch (const Json::exception& e) {
    done(Error::permanent(std::string("bad request: ") + e.what()));
  }
}

}  // namespace stormlog::chaos

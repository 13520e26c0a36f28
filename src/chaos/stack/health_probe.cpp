#include "chaos/stack/health_probe.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "chaos/stack/process_tree.hpp"
#include "common/base/units.hpp"

namespace stormlog::chaos {
namespace {

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

// The deadline and the single report that all kinds share.
class ProbeBase : public HealthProbe {
 public:
  ProbeBase(EventLoop& loop, std::chrono::milliseconds timeout, Done done)
      : loop_(loop), done_(std::move(done)) {
    // Reports later even on failures found at once, so that start() never calls back.
    timer_ = loop_.after(timeout, [this, timeout] {
      finish(false, "no answer within " + units::format_duration(timeout));
    });
  }
  ~ProbeBase() override { loop_.cancel(timer_); }

 protected:
  void finish(bool healthy, const std::string& reason) {
    loop_.cancel(timer_);
    release();
    const Done done = std::move(done_);
    done(healthy, reason);  // may destroy this object
  }
  void finish_soon(const std::string& reason) {
    loop_.cancel(timer_);
    timer_ = loop_.after(Nanoseconds{0}, [this, reason] { finish(false, reason); });
  }
  virtual void release() = 0;

  EventLoop& loop_;

 private:
  Done done_;
  EventLoop::TimerId timer_ = 0;
};

// Connects; with a request, sends it and reads the status line.
class SocketProbe final : public ProbeBase {
 public:
  SocketProbe(EventLoop& loop, std::chrono::milliseconds timeout, Done done,
              const std::string& host_port, std::string request)
      : ProbeBase(loop, timeout, std::move(done)),
        address_(host_port),
        request_(std::move(request)) {
    connect();
  }
  ~SocketProbe() override { release(); }

 private:
  void release() override {
    if (fd_ < 0) return;
    loop_.forget(fd_);
    ::close(fd_);
    fd_ = -1;
  }

  void connect() {
    const std::size_t colon = address_.rfind(':');
    std::string host = address_.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int code =
        ::getaddrinfo(host.c_str(), address_.substr(colon + 1).c_str(), &hints, &found);
    if (code != 0) return finish_soon(host + ": " + ::gai_strerror(code));
    const std::unique_ptr<addrinfo, FreeAddresses> list(found);
    fd_ = ::socket(list->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd_ < 0) return finish_soon(std::strerror(errno));
    if (::connect(fd_, list->ai_addr, list->ai_addrlen) != 0 && errno != EINPROGRESS) {
      return finish_soon(address_ + ": " + std::strerror(errno));
    }
    loop_.watch(fd_, POLLOUT, [this](short) { on_connected(); });
  }

  void on_connected() {
    int code = 0;
    socklen_t size = sizeof code;
    ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &code, &size);
    if (code != 0) return finish(false, address_ + ": " + std::strerror(code));
    if (request_.empty()) return finish(true, {});
    // A request of some hundred bytes fits into the buffer of a new connection.
    const ssize_t sent = ::send(fd_, request_.data(), request_.size(), MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(request_.size())) {
      return finish(false, address_ + ": cannot send the request");
    }
    loop_.watch(fd_, POLLIN, [this](short) { on_readable(); });
  }

  void on_readable() {
    char buffer[1024];
    const ssize_t got = ::recv(fd_, buffer, sizeof buffer, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return finish(false, address_ + ": closed without an answer");
    answer_.append(buffer, static_cast<std::size_t>(got));
    if (answer_.size() < 12) return;  // "HTTP/1.1 200"
    const bool is_http = answer_.starts_with("HTTP/1.");
    const std::string status = answer_.substr(9, 3);
    if (is_http && status.starts_with('2')) return finish(true, {});
    finish(false, is_http ? "answers " + status : address_ + ": the answer is not HTTP");
  }

  std::string address_;
  std::string request_;
  std::string answer_;
  int fd_ = -1;
};

class CommandProbe final : public ProbeBase {
 public:
  CommandProbe(EventLoop& loop, std::chrono::milliseconds timeout, Done done, LaunchSpec spec)
      : ProbeBase(loop, timeout, std::move(done)) {
    auto process = launch(spec, [](const ProcessIdentity&) {});
    if (!process.ok()) {
      finish_soon(process.error().message);
      return;
    }
    process_ = *process;
    loop_.on_child_end(process_->pid, [this](int status) {
      process_.reset();
      finish(status == 0, status == 0 ? "" : "the check ended with " + describe_exit(status));
    });
  }
  ~CommandProbe() override { release(); }

 private:
  void release() override {
    if (!process_) return;
    loop_.forget_child(process_->pid);
    for (const auto& member : members_of(*process_)) {
      static_cast<void>(process::signal(member, SIGKILL));
    }
    static_cast<void>(process::signal(*process_, SIGKILL));
    process_.reset();
  }

  std::optional<ProcessIdentity> process_;
};

// "http://host[:port]/path" → address and request.
struct HttpTarget {
  std::string address;
  std::string request;
};
HttpTarget split_url(const std::string& url) {
  std::string rest = url.substr(std::string_view("http://").size());
  const std::size_t slash = rest.find('/');
  const std::string host = rest.substr(0, slash);
  const std::string path = slash == std::string::npos ? "/" : rest.substr(slash);
  const bool has_port =
      host.find(':', host.rfind(']') == std::string::npos ? 0 : host.rfind(']')) !=
      std::string::npos;
  return {has_port ? host : host + ":80",
          "GET " + path + " HTTP/1.1\r\nHost: " + host +
              "\r\nUser-Agent: stormlog-health\r\nAccept: */*\r\nConnection: close\r\n\r\n"};
}

}  // namespace

std::unique_ptr<HealthProbe> HealthProbe::start(EventLoop& loop, const HealthCheck& check,
                                                LaunchSpec command, Done done) {
  switch (check.kind) {
    case HealthCheck::Kind::http: {
      const HttpTarget target = split_url(check.url);
      return std::make_unique<SocketProbe>(loop, check.timeout, std::move(done), target.address,
                                           target.request);
    }
    case HealthCheck::Kind::command: {
      command.argv = check.command;
      return std::make_unique<CommandProbe>(loop, check.timeout, std::move(done),
                                            std::move(command));
    }
    case HealthCheck::Kind::tcp:
    case HealthCheck::Kind::none:
      break;
  }
  return std::make_unique<SocketProbe>(loop, check.timeout, std::move(done), check.address, "");
}

}  // namespace stormlog::chaos

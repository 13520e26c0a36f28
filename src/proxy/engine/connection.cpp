#include "proxy/engine/connection.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "proxy/engine/worker.hpp"

namespace stormlog::proxy {
namespace {

// A toxic has closed the connection: so long may its ends take to accept what was passed on before.
constexpr std::chrono::seconds kLastWrites{2};

std::string source_of(Stream stream) {
  return stream == Stream::upstream ? "client" : "server";
}

}  // namespace

Connection::Connection(Worker& worker, Lane& lane, int client_fd, const Address& client,
                       std::uint64_t number)
    : worker_(worker),
      lane_(lane),
      number_(number),
      client_address_(client),
      born_(worker.now()),
      client_{client_fd, false, true, false, false},
      up_(Stream::upstream, *this, client_, server_),
      down_(Stream::downstream, *this, server_, client_) {}

Connection::~Connection() = default;

Chain::Connection Connection::identity() const {
  return {lane_.core->random.fork("connection " + std::to_string(number_)), number_};
}

Chain::Both& Connection::both() {
  if (!both_) both_ = std::make_unique<Chain::Both>();
  return *both_;
}

ProxyCounters& Connection::counters() {
  return lane_.core->history->counters[worker_.index()];
}

bool Connection::watch(Socket& socket, bool server_side) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.u64 = worker_.tag(*this, server_side);
  return ::epoll_ctl(worker_.epoll_fd(), EPOLL_CTL_ADD, socket.fd, &event) == 0;
}

void Connection::start(MonotonicTime now) {
  tell({.kind = ConnectionEvent::Kind::connect});
  if (!watch(client_, false))
    return kill("epoll: " + std::string(std::strerror(errno)), End::reset);
  if (!lane_.toxics->empty()) {
    up_.apply(*lane_.toxics, now);
    down_.apply(*lane_.toxics, now);
  }
  if (is_held_open()) return set_timer();
  dial(now);
}

bool Connection::is_held_open() const {
  return std::any_of(lane_.toxics->begin(), lane_.toxics->end(), [this](const auto& toxic) {
    return toxic->type->scope == ToxicType::Scope::connect && Chain::hits(*toxic, identity());
  });
}

void Connection::dial(MonotonicTime now) {
  connect_until_ = now + worker_.state().limits.connect_timeout;
  ProxyCore& core = *lane_.core;
  const auto own = core.canaries.take(client_address_, now);
  addresses_ = own ? std::vector<Address>{*own} : core.upstream_addresses;
  if (addresses_.empty()) {
    auto known = worker_.state().dialer.remembered(core.upstream);
    if (!known) {
      state_ = State::resolving;
      worker_.resolve(core.upstream, *this);
      return set_timer();
    }
    addresses_ = std::move(*known);
  }
  std::reverse(addresses_.begin(), addresses_.end());
  try_next_address();
}

void Connection::on_resolved(const Result<std::vector<Address>>& found) {
  if (state_ != State::resolving) return;
  if (!found.ok()) return not_reached(found.error().message);
  addresses_ = *found;
  std::reverse(addresses_.begin(), addresses_.end());
  try_next_address();
}

void Connection::try_next_address() {
  state_ = State::connecting;
  while (!addresses_.empty()) {
    const Address address = addresses_.back();
    addresses_.pop_back();
    if (server_.fd >= 0) ::close(server_.fd);
    server_ = {};
    server_.fd = ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (server_.fd < 0) return not_reached(std::strerror(errno));
    const int on = 1;
    ::setsockopt(server_.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(server_.fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    const int code = ::connect(server_.fd, address.raw(), address.size) == 0 ? 0 : errno;
    if (code == 0 || code == EINPROGRESS) {
      if (watch(server_, true)) return set_timer();
      dial_error_ = std::strerror(errno);
    } else {
      dial_error_ = address.text() + ": " + std::strerror(code);
    }
  }
  not_reached(dial_error_.empty() ? "no address" : dial_error_);
}

void Connection::not_reached(const std::string& why) {
  counters().failed.add(1);
  kill("upstream not reached: " + why, End::close);
}

void Connection::connected() {
  int code = 0;
  socklen_t size = sizeof code;
  ::getsockopt(server_.fd, SOL_SOCKET, SO_ERROR, &code, &size);
  if (code != 0) {
    dial_error_ = std::strerror(code);
    return try_next_address();
  }
  state_ = State::open;
  addresses_.clear();
  addresses_.shrink_to_fit();
  turn_both();
  settle();
}

void Connection::on_event(bool server_side, std::uint32_t events) {
  if (over()) return;
  Socket& socket = server_side ? server_ : client_;
  constexpr std::uint32_t kGone = EPOLLHUP | EPOLLERR;
  if ((events & (EPOLLIN | EPOLLRDHUP | kGone)) != 0) socket.readable = true;
  if ((events & (EPOLLRDHUP | kGone)) != 0) socket.hung_up = true;
  if ((events & (EPOLLOUT | kGone)) != 0) socket.writable = true;
  if (state_ == State::open) {
    Flow& from_here = server_side ? down_ : up_;
    Flow& to_here = server_side ? up_ : down_;
    // A reset that no read will tell of.
    if ((events & EPOLLERR) != 0 && from_here.has_read_all()) to_here.lose_destination();
    if (socket.readable) turn(from_here);
    if (socket.writable && to_here.waiting() > 0) turn(to_here);
    return settle();
  }
  if (server_side) {
    if (state_ == State::connecting && socket.writable) connected();
    return;
  }
  // Nobody waits any more for the answer of an upstream that was never dialled.
  if ((events & kGone) != 0) return kill("client reset", End::reset);
  if (state_ == State::held && socket.hung_up) kill("client closed", End::close);
}

void Connection::on_timer(MonotonicTime now) {
  if (over()) return;
  if (state_ == State::connecting || state_ == State::resolving) {
    if (now >= connect_until_) return not_reached("no answer in time");
  }
  if (close_asked_ && now >= close_until_) return kill(reason_, End::close);
  up_.wake(now);
  down_.wake(now);
  if (state_ == State::open) {
    turn_both();
  }
  settle();
}

void Connection::on_toxics(MonotonicTime now) {
  if (over()) return;
  up_.apply(*lane_.toxics, now);
  down_.apply(*lane_.toxics, now);
  if (state_ == State::held && !ending() && !is_held_open()) return dial(now);
  if (state_ == State::open) {
    turn_both();
  }
  settle();
}

void Connection::go_on() {
  if (state_ != State::open) return;
  turn_both();
  settle();
}

void Connection::turn(Flow& flow) {
  if (over()) return;
  if (flow.pump()) worker_.again(*this);
}

void Connection::turn_both() {
  turn(up_);
  turn(down_);
}

// What the flows have asked for, once none of them is at work.
void Connection::settle() {
  if (over()) return;
  // A destination that is gone may have left bytes and a reset to be read.
  if (state_ == State::open && (up_.lost_destination() || down_.lost_destination())) {
    turn(up_.lost_destination() ? down_ : up_);
  }
  if (reset_asked_) return kill(reason_, End::reset);
  if (close_asked_ && (state_ != State::open || (up_.flushed() && down_.flushed()))) {
    return kill(reason_, End::close);
  }
  if (up_.finished() && down_.finished()) {
    const bool broken = up_.lost_destination() || down_.lost_destination();
    return kill(reason_, broken ? End::reset : End::close);
  }
  set_timer();
}

void Connection::set_timer() {
  std::optional<MonotonicTime> next;
  const auto also = [&next](std::optional<MonotonicTime> at) {
    if (at && (!next || *at < *next)) next = at;
  };
  if (state_ == State::connecting || state_ == State::resolving) also(connect_until_);
  if (close_asked_) {
    also(close_until_);
  } else {
    also(up_.deadline());
    also(down_.deadline());
  }
  if (next) {
    worker_.timers().set(*this, *next);
  } else {
    worker_.timers().remove(*this);
  }
}

void Connection::ask_close(Stream by) {
  if (close_asked_ || reset_asked_) return;
  close_asked_ = true;
  close_until_ = worker_.state().clock.now() + kLastWrites;
  if (reason_.empty()) reason_ = "closed by a toxic of its " + std::string(to_string(by));
}

void Connection::ask_reset(Stream by) {
  if (reset_asked_) return;
  reset_asked_ = true;
  if (reason_.empty()) reason_ = "reset by a toxic of its " + std::string(to_string(by));
}

void Connection::note_end(Stream stream, bool was_reset) {
  if (reason_.empty()) reason_ = source_of(stream) + (was_reset ? " reset" : " closed");
}

void Connection::kill(const std::string& reason, End how) {
  if (over()) return;
  state_ = State::over;
  for (const int fd : {client_.fd, server_.fd}) {
    if (fd < 0) continue;
    if (how == End::reset) {
      const linger at_once{1, 0};
      ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    ::close(fd);
  }
  counters().closed.add(1);
  tell({.kind = ConnectionEvent::Kind::close, .reason = reason});
  worker_.bury(*this);
}

void Connection::tell_toxics(Stream stream, const std::vector<std::string>& before,
                             const std::vector<std::string>& after) {
  const auto tell_new = [&](const auto& these, const auto& than, ConnectionEvent::Kind kind) {
    for (const auto& name : these) {
      if (std::find(than.begin(), than.end(), name) != than.end()) continue;
      tell({.kind = kind, .toxic = name, .stream = stream});
    }
  };
  tell_new(before, after, ConnectionEvent::Kind::toxic_off);
  tell_new(after, before, ConnectionEvent::Kind::toxic_on);
}

void Connection::tell(ConnectionEvent event) const {
  if (!worker_.state().wants_events()) return;
  event.proxy = lane_.core->name;
  event.connection = number_;
  event.client = client_address_.text();
  event.lived = worker_.state().clock.now() - born_;
  event.received = up_.received();
  event.sent = down_.sent();
  worker_.state().events->publish(event);
}

}  // namespace stormlog::proxy

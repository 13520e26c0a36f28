#include "proxy/engine/worker.hpp"

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

#include "common/base/log.hpp"
#include "common/base/thread_name.hpp"

namespace stormlog::proxy {
namespace {

constexpr std::size_t kBuffer = 64 * 1024;
constexpr std::size_t kEvents = 256;
constexpr int kAcceptsPerTurn = 16;
constexpr std::chrono::milliseconds kFeedEvery{5};
constexpr std::chrono::milliseconds kAcceptPause{100};
// The mailbox; connections and lanes are pointers, tagged in their lowest bits.
constexpr std::uint64_t kMail = 0;
constexpr std::uint64_t kServerSide = 1;
constexpr std::uint64_t kListener = 2;
constexpr std::uint64_t kTags = 3;

}  // namespace

Worker::Worker(std::size_t index, EngineState& state)
    : index_(index),
      state_(state),
      epoll_fd_(::epoll_create1(EPOLL_CLOEXEC)),
      now_(state.clock.now()),
      buffer_(kBuffer) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kMail;
  if (epoll_fd_ < 0 || ::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, mailbox_.fd(), &event) != 0) {
    throw std::system_error(errno, std::generic_category(), "epoll");
  }
}

Worker::~Worker() {
  stop();
  ::close(epoll_fd_);
}

void Worker::start(std::vector<Worker*> peers) {
  peers_ = std::move(peers);
  thread_ = std::thread([this] { run(); });
}

void Worker::stop() {
  if (!thread_.joinable()) return;
  post([this] { stopping_ = true; });
  thread_.join();
}

void Worker::run() {
  // splice(2) to a socket whose peer is gone raises it, and knows no MSG_NOSIGNAL.
  sigset_t broken_pipe;
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
  name_thread("proxy-worker");
  // Timers to the nanosecond: the kernel may otherwise be 50 µs late to save power.
  ::prctl(PR_SET_TIMERSLACK, 1);
  while (!stopping_) {
    wait_and_dispatch();
    fire_timers();
    run_ready();
    feed_starved();
    bury_dead();
  }
  while (!lanes_.empty()) {
    remove(lanes_.begin()->first, "proxy stopped", Connection::End::close);
  }
  // Somebody may wait for the answers to the last letters.
  read_mail();
  bury_dead();
}

void Worker::bury_dead() {
  graves_.clear();
  dead_lanes_.clear();
}

void Worker::wait_and_dispatch() {
  std::optional<MonotonicTime> until;
  const auto also = [&until](MonotonicTime at) {
    if (!until || at < *until) until = at;
  };
  if (!timers_.empty()) also(timers_.first()->due);
  if (!starved_.empty()) also(now_ + kFeedEvery);
  if (accept_again_ != MonotonicTime{}) also(accept_again_);
  if (!ready_.empty()) until = now_;

  std::array<epoll_event, kEvents> events;
  timespec timeout{};
  if (until) {
    const Nanoseconds left = std::max(Nanoseconds{0}, *until - state_.clock.now());
    timeout.tv_sec = left.count() / 1'000'000'000;
    timeout.tv_nsec = left.count() % 1'000'000'000;
  }
  const int count =
      ::epoll_pwait2(epoll_fd_, events.data(), kEvents, until ? &timeout : nullptr, nullptr);
  now_ = state_.clock.now();
  bool mail = false;
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    const std::uint64_t tag = event.data.u64;
    if (tag == kMail) {
      mail = true;
    } else if ((tag & kListener) != 0) {
      accept_from(*reinterpret_cast<Lane*>(tag & ~kTags));
    } else {
      reinterpret_cast<Connection*>(tag & ~kTags)->on_event((tag & kServerSide) != 0, event.events);
    }
  }
  // Last: a letter may take away the proxy that an event of this turn names.
  if (mail) read_mail();
}

void Worker::fire_timers() {
  while (!timers_.empty()) {
    Connection* connection = timers_.first();
    if (connection->due > now_) {
      now_ = state_.clock.now();
      if (connection->due > now_) break;
    }
    const MonotonicTime due = connection->due;
    connection->on_timer(now_);
    // One that is due again at once waits for the sockets to have their turn.
    if (connection->timer_place != TimerHeap<Connection>::kNoPlace && connection->due <= due) break;
  }
  if (accept_again_ != MonotonicTime{} && now_ >= accept_again_) {
    accept_again_ = {};
    for (auto& [id, lane] : lanes_) {
      watch_listener(*lane);
    }
  }
}

void Worker::run_ready() {
  for (Connection* connection : std::exchange(ready_, {})) {
    connection->in_ready_list = false;
    connection->go_on();
  }
}

void Worker::feed_starved() {
  if (starved_.empty() || state_.full()) return;
  for (Connection* connection : std::exchange(starved_, {})) {
    connection->in_starved_list = false;
    connection->go_on();
  }
}

void Worker::read_mail() {
  for (auto& letter : mailbox_.take()) letter();
}

void Worker::add(std::shared_ptr<ProxyCore> core, std::shared_ptr<const Toxics> toxics,
                 std::shared_ptr<Listener> listener) {
  const std::uint64_t id = core->id;
  auto lane = std::make_unique<Lane>();
  lane->core = std::move(core);
  lane->toxics = std::move(toxics);
  lanes_[id] = std::move(lane);
  listen(id, std::move(listener));
}

void Worker::listen(std::uint64_t proxy, std::shared_ptr<Listener> listener) {
  const auto lane = lanes_.find(proxy);
  if (lane == lanes_.end()) return;
  unwatch_listener(*lane->second);
  lane->second->listener = std::move(listener);
  watch_listener(*lane->second);
}

void Worker::watch_listener(Lane& lane) {
  if (!lane.listener) return;
  epoll_event event{};
  event.events = EPOLLIN | EPOLLEXCLUSIVE;
  event.data.u64 = reinterpret_cast<std::uint64_t>(&lane) | kListener;
  ::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, lane.listener->fd(), &event);
}

void Worker::unwatch_listener(Lane& lane) {
  if (lane.listener) ::epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, lane.listener->fd(), nullptr);
}

void Worker::set_toxics(std::uint64_t proxy, std::shared_ptr<const Toxics> toxics) {
  const auto found = lanes_.find(proxy);
  if (found == lanes_.end()) return;
  Lane& lane = *found->second;
  lane.toxics = std::move(toxics);
  const MonotonicTime now = state_.clock.now();
  // From the back: one that ends gives its place to the last.
  for (std::size_t i = lane.connections.size(); i-- > 0;) lane.connections[i]->on_toxics(now);
}

void Worker::remove(std::uint64_t proxy, const std::string& reason, Connection::End how) {
  const auto found = lanes_.find(proxy);
  if (found == lanes_.end()) return;
  std::unique_ptr<Lane> lane = std::move(found->second);
  lanes_.erase(found);
  unwatch_listener(*lane);
  while (!lane->connections.empty()) lane->connections.back()->kill(reason, how);
  dead_lanes_.push_back(std::move(lane));
}

void Worker::accept_from(Lane& lane) {
  for (int i = 0; i < kAcceptsPerTurn && lane.listener; ++i) {
    if (!accept_one(lane)) return;
  }
}

bool Worker::accept_one(Lane& lane) {
  Address client;
  client.size = sizeof client.storage;
  const int fd = ::accept4(lane.listener->fd(), reinterpret_cast<sockaddr*>(&client.storage),
                           &client.size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) {
    if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM) return false;
    log::warn("no connection can be accepted for a while",
              {{"proxy", lane.core->name}, {"reason", std::generic_category().message(errno)}});
    for (auto& [id, one] : lanes_) unwatch_listener(*one);
    accept_again_ = now_ + kAcceptPause;
    return false;
  }
  const std::uint64_t number =
      lane.core->history->accepted.fetch_add(1, std::memory_order_relaxed) + 1;
  if (state_.connections.fetch_add(1, std::memory_order_relaxed) >= state_.limits.connections) {
    state_.connections.fetch_sub(1, std::memory_order_relaxed);
    lane.core->history->counters[index_].refused.add(1);
    const linger at_once{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    ::close(fd);
    return true;
  }
  Worker& other = least_loaded();
  other.load_.fetch_add(1, std::memory_order_relaxed);
  if (&other == this) {
    adopt(lane.core->id, fd, client, number);
  } else {
    other.post(
        [&other, id = lane.core->id, fd, client, number] { other.adopt(id, fd, client, number); });
  }
  return true;
}

// Itself, unless another has two fewer: a hand-over costs a wake-up.
Worker& Worker::least_loaded() {
  Worker* best = this;
  std::int64_t least = load() - 1;
  for (Worker* peer : peers_) {
    if (peer == this || peer->load() >= least) continue;
    least = peer->load();
    best = peer;
  }
  return *best;
}

void Worker::adopt(std::uint64_t proxy, int client_fd, const Address& client,
                   std::uint64_t number) {
  const auto found = lanes_.find(proxy);
  if (found == lanes_.end()) {
    ::close(client_fd);
    load_.fetch_sub(1, std::memory_order_relaxed);
    state_.connections.fetch_sub(1, std::memory_order_relaxed);
    return;
  }
  Lane& lane = *found->second;
  lane.core->history->counters[index_].connections.add(1);
  auto connection = std::make_unique<Connection>(*this, lane, client_fd, client, number);
  Connection& it = *connection;
  it.lane_place = lane.connections.size();
  lane.connections.push_back(std::move(connection));
  it.start(state_.clock.now());
}

std::uint64_t Worker::tag(Connection& connection, bool server_side) {
  return reinterpret_cast<std::uint64_t>(&connection) | (server_side ? kServerSide : 0);
}

void Worker::resolve(const std::string& upstream, Connection& connection) {
  const std::uint64_t question = ++last_question_;
  resolving_[question] = &connection;
  state_.dialer.look_up(upstream, [this, question](const Result<std::vector<Address>>& found) {
    post([this, question, found] {
      const auto asked = resolving_.find(question);
      if (asked == resolving_.end()) return;
      Connection* who = asked->second;
      resolving_.erase(asked);
      who->on_resolved(found);
    });
  });
}

void Worker::again(Connection& connection) {
  if (std::exchange(connection.in_ready_list, true)) return;
  ready_.push_back(&connection);
}

void Worker::starve(Connection& connection) {
  if (std::exchange(connection.in_starved_list, true)) return;
  starved_.push_back(&connection);
}

void Worker::bury(Connection& connection) {
  timers_.remove(connection);
  if (connection.in_ready_list) std::erase(ready_, &connection);
  if (connection.in_starved_list) std::erase(starved_, &connection);
  std::erase_if(resolving_, [&](const auto& one) { return one.second == &connection; });
  Lane& lane = connection.lane();
  const std::size_t place = connection.lane_place;
  graves_.push_back(std::move(lane.connections[place]));
  if (place + 1 != lane.connections.size()) {
    lane.connections[place] = std::move(lane.connections.back());
    lane.connections[place]->lane_place = place;
  }
  lane.connections.pop_back();
  load_.fetch_sub(1, std::memory_order_relaxed);
  state_.connections.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace stormlog::proxy

#include "proxy/engine/dialer.hpp"

#include <utility>

#include "common/base/thread_name.hpp"

namespace stormlog::proxy {
namespace {

constexpr std::chrono::seconds kRemembered{1};
constexpr std::size_t kMostRemembered = 1000;

}  // namespace

Dialer::Dialer(const Clock& clock) : clock_(clock), thread_([this] { run(); }) {}

Dialer::~Dialer() {
  stop();
}

void Dialer::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

std::optional<std::vector<Address>> Dialer::remembered(const std::string& upstream) {
  const std::lock_guard lock(mutex_);
  const auto known = known_.find(upstream);
  if (known == known_.end() || known->second.until < clock_.now()) return std::nullopt;
  return known->second.addresses;
}

void Dialer::look_up(const std::string& upstream, Found found) {
  {
    const std::lock_guard lock(mutex_);
    asked_.push_back({upstream, std::move(found)});
  }
  changed_.notify_one();
}

void Dialer::run() {
  name_thread("proxy-dialer");
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (asked_.empty()) {
      changed_.wait(lock);
      continue;
    }
    auto asked = std::exchange(asked_, {});
    lock.unlock();
    // A hundred connections that wait for one name are one look-up.
    std::map<std::string, Result<std::vector<Address>>> answers;
    for (auto& one : asked) {
      auto answer = answers.find(one.upstream);
      if (answer == answers.end()) {
        answer = answers.emplace(one.upstream, resolve(one.upstream, false)).first;
      }
      one.found(answer->second);
    }
    lock.lock();
    if (known_.size() > kMostRemembered) known_.clear();
    for (auto& [upstream, answer] : answers) {
      if (answer.ok()) known_[upstream] = {std::move(answer.value()), clock_.now() + kRemembered};
    }
  }
}

}  // namespace stormlog::proxy

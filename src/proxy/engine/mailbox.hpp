#pragma once

#include <functional>
#include <mutex>
#include <vector>

namespace stormlog::proxy {

// Work that other threads hand to one, which waits on fd() with epoll.
//
// Threads: post() on any; take() on the one.
class Mailbox {
 public:
  using Letter = std::function<void()>;

  Mailbox();  // throws std::system_error without descriptors
  ~Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  void post(Letter letter);
  std::vector<Letter> take();
  int fd() const { return fd_; }

 private:
  int fd_;
  std::mutex mutex_;
  std::vector<Letter> letters_;
};

}  // namespace stormlog::proxy

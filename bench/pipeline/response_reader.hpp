#pragma once

#include <string>
#include <string_view>

namespace stormlog::bench {

// Finds where an HTTP/1.1 answer ends: by its Content-Length, or its last chunk. It knows what the
// servers of this benchmark send, and no more.
//
// Errors: an answer that it does not understand counts as broken.
class ResponseReader {
 public:
  enum class State { more, done, broken };

  State feed(std::string_view bytes);
  int status() const { return status_; }
  bool closes() const { return closes_; }  // the server ends the connection behind it
  void reset();

 private:
  State read_head();

  std::string text_;
  std::size_t body_at_ = 0;  // 0: the head is not complete
  std::size_t length_ = 0;
  int status_ = 0;
  bool chunked_ = false;
  bool closes_ = false;
};

}  // namespace stormlog::bench

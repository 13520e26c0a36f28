#pragma once

namespace stormlog::proxy {

// One end of a connection, and what the kernel last said of it (edge-triggered epoll).
struct Socket {
  int fd = -1;
  bool readable = false;
  bool writable = false;
  bool hung_up = false;  // its peer has sent FIN or RST: read on to the end
  bool dead = false;     // writing to it failed: an end that is read from it is a reset
};

}  // namespace stormlog::proxy

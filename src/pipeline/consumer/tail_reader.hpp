#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "common/postgres/connection.hpp"
#include "pipeline/consumer/log_filter.hpp"
#include "pipeline/consumer/tail_position.hpp"

namespace stormlog::pipeline {

// The stored offset of each partition, as the consumers of all instances have committed it.
using TailEnds = std::map<int, std::int64_t>;

Result<TailEnds> read_tail_ends(postgres::Connection& db, const std::string& group,
                                const std::string& topic);

struct TailLimits {
  std::int64_t max_behind = 1'000'000;  // records; a reader further behind is moved to the end
  int page_rows = 500;
  std::size_t page_bytes = 1024 * 1024;  // a page ends with the event that reaches it
  std::int64_t window = 20'000;          // offsets of a partition that one page looks at
};

// One reader's way through what is stored, page by page. It holds no event: a page is read from the
// table when the reader can take it, so a slow reader costs no memory, and one that comes back with
// its position has missed nothing.
//
// Threads: caller synchronises.
class TailReader {
 public:
  TailReader(LogFilter filter, TailPosition position, TailLimits limits)
      : filter_(std::move(filter)), position_(std::move(position)), limits_(limits) {}

  const TailPosition& position() const { return position_; }
  bool caught_up(const TailEnds& ends) const;

  struct Page {
    std::string text;  // server-sent events: `log`, `dropped`, `reset`
    std::int64_t events = 0;
    std::int64_t dropped = 0;  // records that were passed over unread
  };
  // What comes next, at most to `ends`. On an error nothing has moved.
  Result<Page> next(postgres::Connection& db, const TailEnds& ends);

 private:
  // Partitions that are shorter than they were: the topic was made anew.
  void follow_resets(const TailEnds& ends, TailPosition& at, Page& page) const;
  void drop_what_is_too_old(const TailEnds& ends, TailPosition& at, Page& page) const;
  Result<void> read_partition(postgres::Connection& db, int partition, std::int64_t end, int rows,
                              TailPosition& at, Page& page) const;

  LogFilter filter_;
  TailPosition position_;
  TailLimits limits_;
  int first_ = 0;  // partition that the next page begins with: none waits for ever
};

// "id: …\nevent: …\ndata: …\n\n"
std::string server_sent_event(const TailPosition& id, std::string_view name, std::string data);

}  // namespace stormlog::pipeline

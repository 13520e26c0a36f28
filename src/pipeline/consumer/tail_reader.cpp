#include "pipeline/consumer/tail_reader.hpp"

#include <algorithm>
#include <vector>

#include "pipeline/consumer/log_json.hpp"
#include "pipeline/consumer/query.hpp"

namespace stormlog::pipeline {

Result<TailEnds> read_tail_ends(postgres::Connection& db, const std::string& group,
                                const std::string& topic) {
  const Result<postgres::Rows> rows = db.query(
      "SELECT partition, next_offset FROM consumer_offsets WHERE consumer_group = $1 AND topic = "
      "$2",
      {group, topic});
  if (!rows) return rows.error();
  TailEnds ends;
  for (int i = 0; i < rows->size(); ++i) {
    ends[static_cast<int>(rows->integer(i, 0))] = rows->integer(i, 1);
  }
  return ends;
}

std::string server_sent_event(const TailPosition& id, std::string_view name, std::string data) {
  // A line end would end the field; in JSON it is white space.
  std::replace_if(
      data.begin(), data.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  std::string text = "id: " + id.encode() + "\nevent: ";
  text.append(name).append("\ndata: ").append(data).append("\n\n");
  return text;
}

bool TailReader::caught_up(const TailEnds& ends) const {
  return std::all_of(ends.begin(), ends.end(),
                     [&](const auto& end) { return position_.of(end.first) == end.second; });
}

Result<TailReader::Page> TailReader::next(postgres::Connection& db, const TailEnds& ends) {
  Page page;
  TailPosition at = position_;
  follow_resets(ends, at, page);
  drop_what_is_too_old(ends, at, page);
  std::vector<int> waiting;
  for (const auto& [partition, end] : ends) {
    if (at.of(partition) < end) waiting.push_back(partition);
  }
  const auto turn = std::lower_bound(waiting.begin(), waiting.end(), first_);
  std::rotate(waiting.begin(), turn, waiting.end());
  const int share = std::max(1, limits_.page_rows / std::max(1, static_cast<int>(waiting.size())));
  int first = 0;
  for (const int partition : waiting) {
    Result<void> read = read_partition(db, partition, ends.at(partition), share, at, page);
    if (!read) return read.error();
    first = partition + 1;
    if (page.text.size() >= limits_.page_bytes) break;
  }
  first_ = first;
  position_ = std::move(at);
  return page;
}

void TailReader::follow_resets(const TailEnds& ends, TailPosition& at, Page& page) const {
  for (const auto& [partition, end] : ends) {
    const std::int64_t next = at.of(partition);
    if (next <= end) continue;
    at.next[partition] = end;
    page.text += server_sent_event(at, "reset",
                                   "{\"partition\":" + std::to_string(partition) +
                                       ",\"from\":" + std::to_string(next) +
                                       ",\"to\":" + std::to_string(end) + "}");
  }
}

void TailReader::drop_what_is_too_old(const TailEnds& ends, TailPosition& at, Page& page) const {
  const std::int64_t behind = at.behind(ends);
  if (behind <= limits_.max_behind) return;
  const std::string from = at.encode();
  for (const auto& [partition, end] : ends) at.next[partition] = end;
  page.dropped = behind;
  page.text += server_sent_event(at, "dropped",
                                 "{\"records\":" + std::to_string(behind) + ",\"from\":\"" + from +
                                     "\",\"to\":\"" + at.encode() + "\"}");
}

Result<void> TailReader::read_partition(postgres::Connection& db, int partition, std::int64_t end,
                                        int rows, TailPosition& at, Page& page) const {
  const std::int64_t from = at.of(partition);
  const std::int64_t to = std::min(end, from + limits_.window);
  Statement statement;
  statement.sql = select_logs();
  statement.where("kafka_partition = " + statement.bind(partition));
  statement.where("kafka_offset >= " + statement.bind(from));
  statement.where("kafka_offset < " + statement.bind(to));
  filter_.add_to(statement);
  statement.sql += " ORDER BY kafka_offset LIMIT " + std::to_string(rows);
  int seen = 0;
  bool full = false;
  std::int64_t last = from;
  Result<void> read = db.stream(statement.sql, statement.params, [&](const postgres::Rows& row) {
    const FoundLog found = read_row(row, 0);
    last = found.offset + 1;
    at.next[partition] = last;
    page.text += server_sent_event(at, "log", to_json(found.event, found.partition, found.offset));
    ++page.events;
    full = ++seen == rows || page.text.size() >= limits_.page_bytes;
    return page.text.size() < limits_.page_bytes;
  });
  if (!read) return read;
  if (!full) at.next[partition] = to;
  return {};
}

}  // namespace stormlog::pipeline

#include "pipeline/consumer/cached_list.hpp"

#include <algorithm>
#include <functional>
#include <limits>

#include "pipeline/consumer/cache_writer.hpp"
#include "pipeline/consumer/recent_index.hpp"

namespace stormlog::pipeline {
namespace {

constexpr std::size_t kFetch = 200;  // events of one round trip

// Members that the query's times and cursor allow, newest first.
Result<std::vector<std::string>> candidates(const LogQuery& query, std::chrono::milliseconds ttl,
                                            WallTime now, const RedisCall& redis) {
  std::string before = "+";
  if (query.until_ns) before = "(" + recent::member({*query.until_ns, Uuid{}});
  if (query.after) {
    const std::string cursor = "(" + recent::member(*query.after);
    before = query.until_ns ? std::min(before, cursor) : cursor;
  }
  const std::string from =
      query.since_ns ? "[" + recent::member({*query.since_ns, Uuid{}}) : std::string("-");
  std::vector<redis::Command> commands;
  for (const std::string& key : recent::live_keys(now, ttl, query.filter.service.value_or(""))) {
    commands.push_back({"ZREVRANGEBYLEX", key, before, from});
  }
  const Result<std::vector<redis::Reply>> sets = redis(commands);
  if (!sets) return sets.error();
  std::vector<std::string> members;
  for (const redis::Reply& set : *sets) {
    if (set.type == redis::Reply::Type::error) return set.as_error();
    for (const redis::Reply& member : set.elements) members.push_back(member.text);
  }
  std::sort(members.begin(), members.end(), std::greater<>());
  members.erase(std::unique(members.begin(), members.end()), members.end());
  return members;
}

}  // namespace

Result<CachedPage> list_cached(const LogQuery& query, std::chrono::milliseconds ttl, WallTime now,
                               const RedisCall& redis) {
  const Result<std::vector<std::string>> members = candidates(query, ttl, now, redis);
  if (!members) return members.error();
  CachedPage page;
  const auto full = [&] { return page.logs.size() == static_cast<std::size_t>(query.limit); };
  for (std::size_t begin = 0; begin < members->size() && !full(); begin += kFetch) {
    const std::size_t end = std::min(begin + kFetch, members->size());
    redis::Command fetch = {"MGET"};
    std::vector<Cursor> places;
    for (std::size_t i = begin; i < end; ++i) {
      const std::optional<Cursor> place = recent::place((*members)[i]);
      if (!place) continue;
      places.push_back(*place);
      fetch.push_back(cache_key(place->id));
    }
    if (places.empty()) continue;
    Result<std::vector<redis::Reply>> replies = redis({fetch});
    if (!replies) return replies.error();
    std::vector<redis::Reply>& events = replies->front().elements;
    if (events.size() != places.size()) return replies->front().as_error();
    for (std::size_t i = 0; i < events.size() && !full(); ++i) {
      if (events[i].nil() || !query.filter.matches(events[i].text)) continue;
      page.logs.push_back(std::move(events[i].text));
      page.last = places[i];
    }
  }
  return page;
}

}  // namespace stormlog::pipeline

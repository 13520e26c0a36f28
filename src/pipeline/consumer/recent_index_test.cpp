#include "pipeline/consumer/recent_index.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "pipeline/consumer/cache_writer.hpp"
#include "pipeline/consumer/cached_list.hpp"
#include "pipeline/consumer/log_json.hpp"

namespace stormlog::pipeline {
namespace {

using namespace std::chrono_literals;

Uuid id_of(std::uint8_t last) {
  Uuid id = *Uuid::parse("018f2f0e-7a3b-7c4d-8e5f-012345678900");
  id.bytes[15] = last;
  return id;
}

TEST(RecentMember, ComparesAsThePlaceDoes) {
  constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  const std::vector<Cursor> places = {{kLeast, id_of(0)}, {-1, id_of(0)},   {0, id_of(0)},
                                      {0, id_of(1)},      {0, id_of(255)},  {1, id_of(0)},
                                      {256, id_of(0)},    {kMost, id_of(0)}};
  for (std::size_t i = 0; i < places.size(); ++i) {
    EXPECT_EQ(recent::place(recent::member(places[i])), places[i]);
    if (i == 0) continue;
    EXPECT_LT(recent::member(places[i - 1]), recent::member(places[i]));
  }
  EXPECT_FALSE(recent::place("short"));
}

TEST(RecentIndex, KeepsTheNewestOfEachServiceAndOfAll) {
  RecentIndex index(60s);
  for (int i = 0; i < 1'500; ++i) index.note("a", {i, id_of(0)});
  index.note("b", {7, id_of(1)});
  const WallTime now{1'000'000s};
  const auto updates = index.take(now);
  ASSERT_EQ(updates.size(), 3u);
  // Sorted by service; all together come first.
  EXPECT_EQ(updates[0].commands[0][1], recent::key(recent::slot(now, 60s), ""));
  EXPECT_EQ(updates[1].commands[0][1], recent::key(recent::slot(now, 60s), "a"));
  const redis::Command& add = updates[1].commands[0];
  ASSERT_EQ(add.size(), 2 + 2 * RecentIndex::kKeep);
  const std::set<std::string> kept(add.begin() + 2, add.end());
  EXPECT_TRUE(kept.contains(recent::member({1'499, id_of(0)})));
  EXPECT_TRUE(kept.contains(recent::member({500, id_of(0)})));
  EXPECT_FALSE(kept.contains(recent::member({499, id_of(0)})));
  EXPECT_EQ(updates[1].commands[1][3], "-1001");
  EXPECT_EQ(updates[2].commands[0].size(), 4u);
  EXPECT_TRUE(index.take(now).empty());
}

TEST(RecentIndex, AFullSetGrowsNoMoreUntilTheNextSlot) {
  RecentIndex index(60s);
  WallTime now{1'000'000s};
  const auto bytes = [&](int rows) {
    for (int i = 0; i < rows; ++i) index.note("", {i, id_of(0)});
    return index.take(now)[0].bytes;
  };
  EXPECT_GE(bytes(600), 600 * RecentIndex::kMemberBytes);
  EXPECT_EQ(bytes(600), 400 * RecentIndex::kMemberBytes);
  EXPECT_EQ(bytes(600), 0u);
  now += 30s;
  EXPECT_GE(bytes(600), 600 * RecentIndex::kMemberBytes);
}

TEST(RecentIndex, ASetIsReadForAsLongAsItsEventsMayBeCached) {
  RecentIndex index(60s);
  const WallTime written{1'000'000s};
  index.note("a", {1, id_of(0)});
  const std::string key = index.take(written)[1].commands[0][1];
  for (const auto later : {0s, 30s, 59s, 60s}) {
    EXPECT_THAT(recent::live_keys(written + later, 60s, "a"), testing::Contains(key));
  }
}

// Redis' side of it, as far as it is used.
class CachedList : public testing::Test {
 protected:
  void put(int n, int severity = 9) {
    EventRecord event;
    event.id = id_of(static_cast<std::uint8_t>(n));
    event.timestamp_ns = n;
    event.severity_number = severity;
    members.insert(recent::member({n, event.id}));
    events[cache_key(event.id)] = to_json(event, 0, n);
  }
  Result<std::vector<redis::Reply>> answer(const std::vector<redis::Command>& commands) {
    std::vector<redis::Reply> replies;
    for (const redis::Command& command : commands) {
      redis::Reply reply;
      reply.type = redis::Reply::Type::array;
      if (command[0] == "ZREVRANGEBYLEX") {
        // All sets hold the same here: an event is shown once all the same.
        for (auto it = members.rbegin(); it != members.rend(); ++it) {
          const bool below = command[2] == "+" || *it < command[2].substr(1);
          const bool above = command[3] == "-" || *it >= command[3].substr(1);
          if (below && above) reply.elements.push_back({redis::Reply::Type::text, 0, *it, {}});
        }
      } else {
        for (std::size_t i = 1; i < command.size(); ++i) {
          const auto found = events.find(command[i]);
          reply.elements.push_back(
              found == events.end() ? redis::Reply{}
                                    : redis::Reply{redis::Reply::Type::text, 0, found->second, {}});
        }
      }
      replies.push_back(std::move(reply));
    }
    return replies;
  }
  CachedPage list(const LogQuery& query) {
    const Result<CachedPage> page =
        list_cached(query, 60s, WallTime{1'000'000s},
                    [&](const std::vector<redis::Command>& commands) { return answer(commands); });
    EXPECT_TRUE(page.ok());
    return *page;
  }
  std::set<std::string> members;
  std::map<std::string, std::string> events;
};

TEST_F(CachedList, NewestFirstWithinTheBounds) {
  for (int n = 1; n <= 250; ++n) put(n);
  LogQuery query;
  query.limit = 3;
  CachedPage page = list(query);
  ASSERT_EQ(page.logs.size(), 3u);
  EXPECT_EQ(page.last, (Cursor{248, id_of(248)}));
  query.after = page.last;
  EXPECT_EQ(list(query).last.ts_ns, 245);
  query.until_ns = 100;
  EXPECT_EQ(list(query).last.ts_ns, 97);
  query.since_ns = 98;
  EXPECT_EQ(list(query).logs.size(), 2u);
  query.after = Cursor{99, id_of(99)};
  EXPECT_EQ(list(query).logs.size(), 1u);
}

TEST_F(CachedList, FiltersAndSkipsWhatHasExpired) {
  for (int n = 1; n <= 250; ++n) put(n, n % 100 == 0 ? 17 : 9);
  events.erase(cache_key(id_of(200)));
  LogQuery query;
  query.filter.severity_at_least = 17;
  const CachedPage page = list(query);
  ASSERT_EQ(page.logs.size(), 1u);
  EXPECT_EQ(page.last.ts_ns, 100);
}

}  // namespace
}  // namespace stormlog::pipeline

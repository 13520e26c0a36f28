// What people look at and change by hand, and queries that take too long.

#include "process_fixture.hpp"

namespace stormlog {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::kLong;
using test::kToken;
using testing::HasSubstr;

class Admin : public test::ConsumerProcess {};

TEST_F(Admin, DeadLettersAreListedReplayedAndDeleted) {
  Process process = start({std::string("--admin-token=") + kToken});
  ASSERT_TRUE(eventually([&] { return lag(process) == 0.0; }, kLong));
  ASSERT_TRUE(db().script("ALTER TABLE logs ADD CONSTRAINT sound CHECK (body <> 'poison')").ok());
  for (std::uint32_t i = 0; i < 5; ++i) {
    kafka_.produce(static_cast<int>(i % 2), test::stored_event(i, "poison"));
  }
  kafka_.produce(1, "not an event");
  kafka_.flush();
  const auto list = [&](const std::string& query = "") {
    return nlohmann::json::parse(get(process.url("/admin/dlq" + query)).body, nullptr, false);
  };
  ASSERT_TRUE(eventually([&] { return list()["depth"] == 6; }, kLong));
  const auto all = list();
  ASSERT_EQ(all["letters"].size(), 6u);
  EXPECT_TRUE(all["next_cursor"].is_null());
  EXPECT_FALSE(all["letters"][0].contains("payload"));
  EXPECT_EQ(list("?code=decode")["letters"].size(), 1u);
  EXPECT_EQ(list("?partition=0&reason=sound")["letters"].size(), 3u);
  EXPECT_EQ(list("?until=2020-01-01T00:00:00Z")["letters"].size(), 0u);
  const auto page = list("?limit=4");
  EXPECT_EQ(list("?limit=4&cursor=" + std::string(page["next_cursor"]))["letters"].size(), 2u);
  for (const char* bad : {"?limit=0", "?partition=x", "?since=now", "?cursor=x", "?colour=red"}) {
    EXPECT_EQ(get(process.url(std::string("/admin/dlq") + bad)).status, 400) << bad;
  }
  const std::string unreadable = list("?code=decode")["letters"][0]["id"];
  const std::string one = process.url("/admin/dlq/" + unreadable);
  EXPECT_EQ(nlohmann::json::parse(get(one).body)["letter"]["payload"], "not an event");
  EXPECT_EQ(get(process.url("/admin/dlq/1-1")).status, 404);
  EXPECT_EQ(get(process.url("/admin/dlq/x")).status, 400);

  const std::string replay = process.url("/admin/dlq/replay");
  EXPECT_EQ(send("POST", replay, "{}", "").status, 401);
  EXPECT_EQ(send("DELETE", one, "", "another-token-by-far").status, 401);
  EXPECT_EQ(send("POST", replay, R"({"limit":"all"})").status, 400);
  const auto dry = nlohmann::json::parse(send("POST", replay, R"({"dry_run":true})").body);
  EXPECT_EQ(dry["matched"], 6);
  EXPECT_EQ(list()["depth"], 6);

  // What is refused again comes back; the ledger of letters does not grow.
  const auto early = nlohmann::json::parse(
      send("POST", replay, R"({"filter":{"partition":0,"code":"23514"}})").body);
  EXPECT_EQ(early["replayed"], 3);
  EXPECT_TRUE(eventually([&] { return list()["depth"] == 6; }, kLong));
  ASSERT_TRUE(db().script("ALTER TABLE logs DROP CONSTRAINT sound").ok());
  const auto done = nlohmann::json::parse(send("POST", replay, "{}").body);
  EXPECT_EQ(done["replayed"], 5);
  EXPECT_EQ(done["unreadable"], 1);
  EXPECT_EQ(done["done"], true);
  EXPECT_TRUE(eventually([&] { return rows() == 5; }, kLong));
  EXPECT_EQ(list()["depth"], 1);
  EXPECT_EQ(send("DELETE", one).status, 204);
  EXPECT_EQ(send("DELETE", one).status, 404);
  EXPECT_THAT(metrics(process), HasSubstr("dlq_replayed_total 8"));
  EXPECT_TRUE(eventually([&] {
    return metrics(process).find("\ndlq_depth 0") != std::string::npos &&
           metrics(process).find("\ndlq_bytes ") != std::string::npos;
  }));

  redis_.kill9();
  const http::FetchResponse away = get(process.url("/admin/dlq"));
  EXPECT_EQ(away.status, 503);
  EXPECT_TRUE(away.headers.has("Retry-After"));
  stop(process);

  Process open = start();
  EXPECT_EQ(send("POST", open.url("/admin/dlq/replay"), "{}").status, 403);
  EXPECT_EQ(send("POST", open.url("/admin/breakers/redis"), R"({"action":"reset"})").status, 403);
  stop(open);
}

TEST_F(Admin, ADeadLetterKeepsItsTraceAndSoDoesItsReplay) {
  const std::string parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  Process process = start({std::string("--admin-token=") + kToken});
  ASSERT_TRUE(eventually([&] { return lag(process) == 0.0; }, kLong));
  ASSERT_TRUE(db().script("ALTER TABLE logs ADD CONSTRAINT sound CHECK (body <> 'poison')").ok());
  kafka_.produce_traced(0, test::stored_event(1, "poison"), parent, "rojo=1,congo=2");
  kafka_.flush();
  const auto letters = [&] {
    const auto page = nlohmann::json::parse(get(process.url("/admin/dlq")).body, nullptr, false);
    return page.value("letters", nlohmann::json::array());
  };
  ASSERT_TRUE(eventually([&] { return letters().size() == 1; }, kLong));
  const std::string first = letters()[0]["id"];
  EXPECT_EQ(letters()[0]["traceparent"], parent);
  EXPECT_EQ(letters()[0]["tracestate"], "rojo=1,congo=2");
  // Refused again: what comes back was sent with the trace.
  EXPECT_EQ(send("POST", process.url("/admin/dlq/replay"), "{}").status, 200);
  ASSERT_TRUE(eventually(
      [&] {
        const auto now = letters();
        return now.size() == 1 && now[0]["id"] != first;
      },
      kLong));
  EXPECT_EQ(letters()[0]["traceparent"], parent);
  EXPECT_EQ(letters()[0]["tracestate"], "rojo=1,congo=2");
  stop(process);
}

TEST_F(Admin, AQueryThatTakesTooLongIsCutAndTheServerIsNotBlamed) {
  Process process = start({"--query-timeout=200ms"});
  ASSERT_TRUE(eventually([&] { return lag(process) == 0.0; }, kLong));
  postgres::Connection blocker = db();
  ASSERT_TRUE(blocker.query("BEGIN").ok());
  ASSERT_TRUE(blocker.query("LOCK TABLE logs IN ACCESS EXCLUSIVE MODE").ok());
  for (int i = 0; i < 8; ++i) {  // more than open the breaker
    const http::FetchResponse late = get(process.url("/api/v1/logs?text=needle"));
    EXPECT_EQ(late.status, 504);
    EXPECT_THAT(late.body, HasSubstr("did not end within 200ms"));
  }
  ASSERT_TRUE(blocker.query("ROLLBACK").ok());
  EXPECT_TRUE(breaker_is(process, "postgresql-read", "closed"));
  EXPECT_EQ(get(process.url("/api/v1/logs?text=needle")).status, 200);
  stop(process);
}

}  // namespace
}  // namespace stormlog

// The tail of the log over HTTP, whatever happens to its readers, its instances and the store.

#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "process_fixture.hpp"

namespace stormlog {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::kLong;
using testing::HasSubstr;

// Follows the tail on a thread of its own; after an end it comes back with what it saw last.
class Tail {
 public:
  Tail(std::string url, std::string filter = "") : url_(std::move(url) + filter) {
    thread_ = std::thread([this] { loop(); });
  }
  ~Tail() {
    stop_ = true;
    cut_ = true;
    thread_.join();
  }
  Tail(const Tail&) = delete;
  Tail& operator=(const Tail&) = delete;

  // Ends the connection; the next one begins behind the last event.
  void reconnect() { cut_ = true; }
  void use(const std::string& url) {
    const std::lock_guard lock(mutex_);
    url_ = url;
  }
  std::int64_t events(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    const auto found = counts_.find(name);
    return found == counts_.end() ? 0 : found->second;
  }
  std::multiset<int> seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }
  std::size_t count() const { return seen().size(); }

 private:
  void loop() {
    while (!stop_) {
      cut_ = false;
      http::FetchRequest request;
      request.timeout = 0ms;
      {
        const std::lock_guard lock(mutex_);
        request.url = url_;
        std::string last;
        for (const auto& [partition, next] : next_) {
          if (!last.empty()) last += '.';
          last += std::to_string(partition) + "-" + std::to_string(next);
        }
        if (!last.empty()) request.headers.add("Last-Event-ID", last);
      }
      (void)http::read_event_stream(request, cut_,
                                    [this](std::string_view event, std::string_view data) {
                                      take(std::string(event), nlohmann::json::parse(data));
                                      return !cut_;
                                    });
      std::this_thread::sleep_for(20ms);
    }
  }
  void take(const std::string& event, const nlohmann::json& data) {
    const std::lock_guard lock(mutex_);
    ++counts_[event];
    if (event != "log") return;
    seen_.insert(data["attributes"]["seq"].get<int>());
    next_[data["kafka"]["partition"]] = data["kafka"]["offset"].get<std::int64_t>() + 1;
  }

  mutable std::mutex mutex_;
  std::string url_;
  std::map<std::string, std::int64_t> counts_;
  std::map<int, std::int64_t> next_;
  std::multiset<int> seen_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> cut_{false};
  std::thread thread_;
};

bool each_once(const std::multiset<int>& seen, int from, int to) {
  if (seen.size() != static_cast<std::size_t>(to - from)) return false;
  for (int i = from; i < to; ++i) {
    if (seen.count(i) != 1) return false;
  }
  return true;
}

class TailProcess : public test::ConsumerProcess {};

TEST_F(TailProcess, TheTailTellsEachEventOnceAcrossReconnectsInstancesAndOutages) {
  produce(0, 40);
  Process first = start();
  ASSERT_TRUE(eventually([&] { return lag(first) == 0.0; }, kLong));
  Tail tail(first.url("/api/v1/logs/tail"));
  ASSERT_TRUE(
      eventually([&] { return metrics(first).find("\ntail_readers 1") != std::string::npos; }));
  // It begins with what is stored from now on, once it knows where that is.
  std::uint32_t sent = 40;
  ASSERT_TRUE(eventually([&] {
    produce(sent, sent + 1);
    ++sent;
    return tail.count() > 0;
  }));
  const int begin = *tail.seen().begin();
  produce(sent, sent + 500);
  sent += 500;
  ASSERT_TRUE(eventually([&] { return tail.count() == sent - static_cast<std::uint32_t>(begin); }));

  // A second instance takes some of the partitions: the first one tells of them all the same.
  Process second = start();
  for (int i = 0; i < 10; ++i) {
    produce(sent, sent + 50);
    sent += 50;
    tail.reconnect();
    std::this_thread::sleep_for(50ms);
  }
  EXPECT_TRUE(
      eventually([&] { return each_once(tail.seen(), begin, static_cast<int>(sent)); }, kLong));

  postgres_->kill9();
  produce(sent, sent + 100);
  sent += 100;
  EXPECT_TRUE(eventually([&] { return tail.events("waiting") > 0; }));
  postgres_->start();
  EXPECT_TRUE(
      eventually([&] { return each_once(tail.seen(), begin, static_cast<int>(sent)); }, kLong));
  // Its instance dies: another one goes on where it was.
  tail.use(second.url("/api/v1/logs/tail"));
  first.child->kill9();
  produce(sent, sent + 100);
  sent += 100;
  EXPECT_TRUE(
      eventually([&] { return each_once(tail.seen(), begin, static_cast<int>(sent)); }, kLong))
      << tail.count() << " of " << sent - static_cast<std::uint32_t>(begin);
  EXPECT_EQ(tail.events("dropped"), 0);
  stop(second);
}

TEST_F(TailProcess, TheTailFiltersAndBoundsItsReaders) {
  Process process = start({"--tail-readers=1", "--tail-max-behind=50"});
  produce(0, 40);
  ASSERT_TRUE(eventually([&] { return lag(process) == 0.0; }, kLong));
  const std::string url = process.url("/api/v1/logs/tail");
  for (const char* bad :
       {"?limit=1", "?severity=loud", "?attr.=1", "?since=2026-01-31T12:00:00Z"}) {
    EXPECT_EQ(get(url + bad).status, 400) << bad;
  }
  http::FetchRequest request;
  request.url = url;
  request.headers.add("Last-Event-ID", "yesterday");
  EXPECT_THAT(http::fetch(request)->body, HasSubstr("Last-Event-ID"));
  {
    Tail tail(url, "?attr.seq=42&text=HELL");
    ASSERT_TRUE(
        eventually([&] { return metrics(process).find("\ntail_readers 1") != std::string::npos; }));
    const http::FetchResponse full = get(url);
    EXPECT_EQ(full.status, 503);
    EXPECT_TRUE(full.headers.has("Retry-After"));
    std::this_thread::sleep_for(500ms);  // until it knows its beginning
    produce(40, 80);
    EXPECT_TRUE(eventually([&] { return tail.count() == 1; }));
    EXPECT_EQ(tail.seen().count(42), 1u);
  }
  ASSERT_TRUE(
      eventually([&] { return metrics(process).find("\ntail_readers 0") != std::string::npos; }));
  // Too far behind: moved to the end, and told.
  std::atomic<bool> stop_reading{false};
  request.headers.set("Last-Event-ID", "0-0.1-0.2-0.3-0");
  request.timeout = 0ms;
  nlohmann::json dropped;
  (void)http::read_event_stream(request, stop_reading,
                                [&](std::string_view event, std::string_view data) {
                                  if (event == "dropped") dropped = nlohmann::json::parse(data);
                                  return dropped.is_null();
                                });
  EXPECT_EQ(dropped["records"], 80);
  EXPECT_EQ(dropped["from"], "0-0.1-0.2-0.3-0");
  EXPECT_EQ(dropped["to"], "0-20.1-20.2-20.3-20");
  EXPECT_THAT(metrics(process), HasSubstr("tail_dropped_records_total 80"));
  stop(process);
}

}  // namespace
}  // namespace stormlog

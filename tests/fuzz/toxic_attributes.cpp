// Toxics from their JSON, put on a connection that runs: added, changed and removed between pieces
// of data. What the API takes, the chain must live with; those toxics that only delay lose no byte.
//
// The input is lines: a JSON body adds a toxic, "~" and one changes the first, "-" removes the
// first, and a line of anything else is sent, upstream and downstream.

#include <algorithm>

#include "fuzz.hpp"
#include "proxy/api/proxy_json.hpp"
#include "recorder.hpp"

namespace stormlog::proxy {
namespace {

// Those that may hold bytes back but neither change nor drop them.
bool only_delays(const std::string& type) {
  return type == "latency" || type == "bandwidth" || type == "slicer" || type == "slow_close" ||
         type == "loss" || type == "noop";
}

// What is shown is taken again, and means the same.
void check_shown(const Toxic& toxic) {
  const auto text = parse_json(to_json(toxic).dump());
  FUZZ_CHECK(text.ok());
  const auto again = read_new_toxic(*text, {}, 1);
  FUZZ_CHECK(again.ok());
  FUZZ_CHECK(again->attributes == toxic.attributes);
  FUZZ_CHECK(again->name == toxic.name && again->type == toxic.type && again->seed == toxic.seed);
  FUZZ_CHECK(again->stream == toxic.stream && again->toxicity == toxic.toxicity);
}

class Session {
 public:
  void line(std::string_view text) {
    if (text.starts_with('{')) return add(text);
    if (text.starts_with('~')) return change(text.substr(1));
    if (text.starts_with('-')) return remove();
    if (text.empty()) return connection_.pass(std::chrono::milliseconds(100));
    send(text);
  }

  void finish() {
    connection_.end(true);
    connection_.end(false);
    connection_.pass(std::chrono::milliseconds(1));
    toxics_.clear();
    connection_.apply({});
    if (connection_.over()) return;
    FUZZ_CHECK(connection_.held(true) == 0 && connection_.held(false) == 0);
    if (!exact_) return;
    FUZZ_CHECK(connection_.at_server.bytes == sent_);
    FUZZ_CHECK(connection_.at_client.bytes == sent_);
    FUZZ_CHECK(connection_.at_server.ended && connection_.at_client.ended);
  }

 private:
  static constexpr std::size_t kMostToxics = 8;

  void add(std::string_view body) {
    const auto json = parse_json(body);
    if (!json.ok() || toxics_.size() == kMostToxics) return;
    auto toxic = read_new_toxic(*json, toxics_, ++last_id_);
    if (!toxic.ok()) {
      FUZZ_CHECK(toxic.error().code == "400" || toxic.error().code == "409");
      return;
    }
    check_shown(*toxic);
    exact_ = exact_ && only_delays(toxic->type->name);
    toxics_.push_back(std::make_shared<const Toxic>(std::move(*toxic)));
    connection_.apply(toxics_);
  }
  void change(std::string_view body) {
    const auto json = parse_json(body);
    if (!json.ok() || toxics_.empty()) return;
    auto changed = read_changed_toxic(*json, *toxics_.front());
    if (!changed.ok()) {
      FUZZ_CHECK(changed.error().code == "400");
      return;
    }
    check_shown(*changed);
    toxics_.front() = std::make_shared<const Toxic>(std::move(*changed));
    connection_.apply(toxics_);
  }
  void remove() {
    if (toxics_.empty()) return;
    toxics_.erase(toxics_.begin());
    connection_.apply(toxics_);
  }
  void send(std::string_view bytes) {
    if (connection_.over()) return;
    sent_ += bytes;
    connection_.push(true, bytes);
    connection_.push(false, bytes);
    connection_.pass(std::chrono::milliseconds(1));
  }

  fuzz::Connection connection_;
  Toxics toxics_;
  std::uint64_t last_id_ = 0;
  std::string sent_;
  bool exact_ = true;
};

}  // namespace
}  // namespace stormlog::proxy

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  stormlog::fuzz::Input input(data, size);
  stormlog::proxy::Session session;
  while (!input.empty()) session.line(input.line());
  session.finish();
  return 0;
}

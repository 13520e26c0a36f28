#include <algorithm>
#include <deque>
#include <utility>

#include "common/http/message.hpp"
#include "common/http/message_head.hpp"
#include "proxy/toxic/body_scanner.hpp"
#include "proxy/toxic/types.hpp"

namespace stormlog::proxy {
namespace {

constexpr std::size_t kQueue = 1024 * 1024;

// One request that the client has sent, in order. What the toxic answers itself waits here until
// the answers before it have passed.
struct Exchange {
  bool forwarded = true;
  bool is_head = false;  // its answer has no body
  std::string answer{};  // of the toxic
};

// What both directions of a connection share.
struct Conversation {
  std::deque<Exchange> exchanges;
  bool raw = false;  // no HTTP, or not any more: everything passes
};

// What a request must be, and what happens to it then.
struct Rule {
  explicit Rule(const Attributes& attributes)
      : method(attributes.text("method")),
        path(attributes.text("path")),
        share(attributes.number("share")),
        delay(std::chrono::milliseconds(attributes.integer("delay"))),
        abort(attributes.text("abort")),
        status(static_cast<int>(attributes.integer("status"))),
        body(attributes.text("body")) {}

  bool matches(const http::MessageHead& head) const {
    if (!method.empty() && method != head.method) return false;
    if (path.empty()) return true;
    const std::string_view target = std::string_view(head.target).substr(0, head.target.find('?'));
    if (path.ends_with('*')) return target.starts_with(path.substr(0, path.size() - 1));
    return target == path;
  }
  std::string answer() const {
    return "HTTP/1.1 " + std::to_string(status) + " " + std::string(http::reason_phrase(status)) +
           "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
  }

  std::string method;
  std::string path;
  double share;
  Nanoseconds delay;
  std::string abort;
  int status;
  std::string body;
};

// Collects the head of a message, however it is cut. Bytes up to its end belong to it.
class HeadCollector {
 public:
  // How many of `bytes` belong to the head; complete() afterwards, or broken().
  std::size_t feed(std::string_view bytes) {
    const std::size_t before = text_.size();
    const std::size_t from = before < 3 ? 0 : before - 3;
    text_.append(bytes);
    const std::size_t end = text_.find("\r\n\r\n", from);
    if (end == std::string::npos) return bytes.size();
    complete_ = true;
    text_.resize(end + 4);
    return text_.size() - before;
  }
  bool complete() const { return complete_; }
  bool broken() const { return !complete_ && text_.size() > http::kLongestHead; }
  std::string take() {
    complete_ = false;
    return std::exchange(text_, {});
  }

 private:
  std::string text_;
  bool complete_ = false;
};

class Requests final : public Stage {
 public:
  Requests(const Attributes& attributes, std::shared_ptr<Conversation> conversation, Random random)
      : rule_(attributes), conversation_(std::move(conversation)), random_(random) {}

  void push(Chunk chunk, MonotonicTime now, Output& out) override {
    held_ += chunk.bytes.size();
    waiting_.push_back(std::move(chunk));
    process(now, out);
  }
  void end(MonotonicTime now, Output& out) override {
    ended_ = true;
    process(now, out);
  }
  std::optional<MonotonicTime> deadline() const override { return release_at_; }
  void wake(MonotonicTime now, Output& out) override { process(now, out); }
  void update(const Attributes& attributes, MonotonicTime now, Output& out) override {
    rule_ = Rule(attributes);
    if (release_at_) release_at_ = std::min(*release_at_, now + rule_.delay);
    process(now, out);
  }
  // A request of which a part was swallowed cannot be mended.
  void remove(MonotonicTime now, Output& out) override {
    if (in_body_ && swallow_) return out.close();
    removed_ = true;
    release_at_.reset();
    pass_head(now, out);
    process(now, out);
  }
  std::size_t held() const override { return held_; }
  std::size_t chunks() const override { return head_.size() + waiting_.size(); }
  bool accepts() const override { return held_ < kQueue; }

 private:
  void process(MonotonicTime now, Output& out) {
    if (release_at_) {
      if (now < *release_at_) return;
      release_at_.reset();
      decided(now, out);
    }
    while (!waiting_.empty() && !release_at_ && !over_) {
      // A request of which a part was swallowed is swallowed to its end.
      if ((conversation_->raw || removed_) && !(in_body_ && swallow_)) {
        pass_head(now, out);
        pass(waiting_.front().bytes.size(), now, out);
      } else if (in_body_) {
        body(now, out);
      } else {
        head(now, out);
      }
    }
    if (over_ || release_at_ || !ended_) return;
    pass_head(now, out);
    ended_ = false;
    out.end();
  }

  // Takes `size` bytes off the first chunk.
  Chunk take(std::size_t size) {
    Chunk& first = waiting_.front();
    Chunk front{first.bytes.take_front(size), first.at, first.arrived};
    if (first.bytes.empty()) waiting_.pop_front();
    return front;
  }
  void pass(std::size_t size, MonotonicTime now, Output& out) {
    Chunk front = take(size);
    held_ -= front.bytes.size();
    front.at = now;
    if (!front.bytes.empty()) out.chunk(std::move(front));
  }
  void pass_head(MonotonicTime now, Output& out) {
    for (auto& chunk : std::exchange(head_, {})) {
      held_ -= chunk.bytes.size();
      chunk.at = now;
      out.chunk(std::move(chunk));
    }
  }

  void head(MonotonicTime now, Output& out) {
    head_.push_back(take(collector_.feed(waiting_.front().bytes.view())));
    if (collector_.broken()) {
      conversation_->raw = true;
      return pass_head(now, out);
    }
    if (!collector_.complete()) return;
    const auto parsed = http::parse_request_head(collector_.take());
    if (!parsed.ok()) {
      conversation_->raw = true;
      return pass_head(now, out);
    }
    request_ = *parsed;
    hit_ = rule_.matches(request_) && random_.chance(rule_.share);
    if (hit_ && rule_.delay > Nanoseconds{0}) {
      release_at_ = now + rule_.delay;
      return;
    }
    decided(now, out);
  }

  void decided(MonotonicTime now, Output& out) {
    if (hit_ && !rule_.abort.empty()) {
      over_ = true;
      return rule_.abort == "reset" ? out.reset() : out.close();
    }
    // Nothing can be answered any more.
    if (conversation_->raw) return pass_head(now, out);
    scanner_ = BodyScanner(request_);
    in_body_ = !scanner_.done();
    swallow_ = hit_ && rule_.status > 0;
    if (swallow_) {
      for (const auto& chunk : std::exchange(head_, {})) held_ -= chunk.bytes.size();
      conversation_->exchanges.push_back({false, false, rule_.answer()});
      return;
    }
    conversation_->exchanges.push_back({true, request_.method == "HEAD", {}});
    pass_head(now, out);
    // What follows is whatever the two ends agree on.
    if (request_.upgrade) conversation_->raw = true;
  }

  void body(MonotonicTime now, Output& out) {
    const std::size_t size = scanner_.feed(waiting_.front().bytes.view());
    if (swallow_) {
      held_ -= take(size).bytes.size();
    } else {
      pass(size, now, out);
    }
    if (scanner_.broken()) conversation_->raw = true;
    in_body_ = !scanner_.done() && !scanner_.broken();
  }

  Rule rule_;
  std::shared_ptr<Conversation> conversation_;
  Random random_;
  std::deque<Chunk> waiting_;
  std::vector<Chunk> head_;  // of the request that is being read
  HeadCollector collector_;
  http::MessageHead request_;
  BodyScanner scanner_;
  std::optional<MonotonicTime> release_at_;
  std::size_t held_ = 0;
  bool hit_ = false;
  bool in_body_ = false;
  bool swallow_ = false;
  bool ended_ = false;
  bool over_ = false;
  bool removed_ = false;
};

// Lets the answers through, follows where each ends, and puts the toxic's own between them.
class Answers final : public Stage {
 public:
  explicit Answers(std::shared_ptr<Conversation> conversation)
      : conversation_(std::move(conversation)) {}

  void push(Chunk chunk, MonotonicTime now, Output& out) override {
    while (!chunk.bytes.empty()) {
      auto& exchanges = conversation_->exchanges;
      if (conversation_->raw || exchanges.empty()) return out.chunk(std::move(chunk));
      const std::size_t size = follow(chunk.bytes.view());
      Chunk front{chunk.bytes.take_front(size), chunk.at, chunk.arrived};
      if (!front.bytes.empty()) out.chunk(std::move(front));
      if (at_end_) {
        at_end_ = false;
        exchanges.pop_front();
        tell(now, out);
      }
    }
  }
  // Behind the server's end nothing can follow, no answer of the toxic's own either.
  void end(MonotonicTime now, Output& out) override {
    tell(now, out);
    conversation_->raw = true;
    conversation_->exchanges.clear();
    out.end();
  }
  // At once, where it is the turn of an answer of the toxic's own.
  std::optional<MonotonicTime> deadline() const override {
    if (!is_turn()) return std::nullopt;
    return MonotonicTime{};
  }
  void wake(MonotonicTime now, Output& out) override { tell(now, out); }
  void update(const Attributes&, MonotonicTime, Output&) override {}
  void remove(MonotonicTime now, Output& out) override { tell(now, out); }
  // An answer of its own still waits for those before it.
  bool lingers() const override {
    const auto& exchanges = conversation_->exchanges;
    return !conversation_->raw && std::any_of(exchanges.begin(), exchanges.end(),
                                              [](const Exchange& one) { return !one.forwarded; });
  }

 private:
  bool is_turn() const {
    return !conversation_->exchanges.empty() && !conversation_->exchanges.front().forwarded;
  }
  void tell(MonotonicTime now, Output& out) {
    while (is_turn()) {
      const std::string answer = std::move(conversation_->exchanges.front().answer);
      conversation_->exchanges.pop_front();
      out.chunk({ByteSlice::copy_of(answer), now});
    }
  }

  // How many of `bytes` belong to the answer that is under way.
  std::size_t follow(std::string_view bytes) {
    if (in_body_) {
      const std::size_t size = scanner_.feed(bytes);
      if (scanner_.broken()) conversation_->raw = true;
      in_body_ = !scanner_.done();
      at_end_ = !in_body_;
      return size;
    }
    const std::size_t size = collector_.feed(bytes);
    if (collector_.broken()) conversation_->raw = true;
    if (!collector_.complete()) return size;
    const auto head =
        http::parse_response_head(collector_.take(), conversation_->exchanges.front().is_head);
    if (!head.ok() || head->upgrade) {
      conversation_->raw = true;
      return size;
    }
    if (head->status < 200) return size;  // the final one follows
    scanner_ = BodyScanner(*head);
    in_body_ = !scanner_.done();
    at_end_ = !in_body_;
    return size;
  }

  std::shared_ptr<Conversation> conversation_;
  HeadCollector collector_;
  BodyScanner scanner_;
  bool in_body_ = false;
  bool at_end_ = false;
};

std::string conflict(const Attributes& attributes) {
  const std::int64_t status = attributes.integer("status");
  if (status != 0 && (status < 200 || status > 599)) {
    return "attribute \"status\" must be 0 or from 200 to 599";
  }
  return {};
}

}  // namespace

const ToxicType& http_toxic() {
  static const ToxicType type{
      .name = "http",
      .summary =
          "Delays, refuses or answers a share of the HTTP/1.x requests; the stream makes no "
          "difference. What is no HTTP passes.",
      .attributes =
          {{"method", std::string(), "", "Of the requests that are hit; empty is any.", {}, {}, {}},
           {"path",
            std::string(),
            "",
            "Without its query; empty is any, and a * at the end is whatever follows.",
            {},
            {},
            {}},
           {"share", 1.0, "", "Of the requests that match.", 0, 1, {}},
           {"delay",
            std::int64_t{0},
            "ms",
            "Before the request goes on, or is answered or aborted.",
            0,
            kLongestMilliseconds,
            {}},
           {"status",
            std::int64_t{0},
            "",
            "The request is answered with this status, and the upstream does not see it; 0 is not.",
            0,
            599,
            {}},
           {"body", std::string(), "", "Of that answer.", {}, {}, {}},
           {"abort",
            std::string(),
            "",
            "The connection is closed or reset instead.",
            {},
            {},
            {"", "close", "reset"}}},
      .conflict = conflict,
      .share = []() -> std::shared_ptr<void> { return std::make_shared<Conversation>(); },
      .make_shared = [](const Attributes& attributes, bool upstream,
                        const std::shared_ptr<void>& shared,
                        Random random) -> std::unique_ptr<Stage> {
        auto conversation = std::static_pointer_cast<Conversation>(shared);
        if (upstream)
          return std::make_unique<Requests>(attributes, std::move(conversation), random);
        return std::make_unique<Answers>(std::move(conversation));
      }};
  return type;
}

}  // namespace stormlog::proxy

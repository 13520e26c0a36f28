// Heads of requests and of answers as the `http` toxic reads them. Whatever comes is a head or an
// error; what a head says of its body is consistent.

#include "common/http/message_head.hpp"

#include "fuzz.hpp"

namespace stormlog::http {
namespace {

void check(const MessageHead& head) {
  FUZZ_CHECK((head.body == MessageHead::Body::length) == (head.length > 0));
}

}  // namespace
}  // namespace stormlog::http

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stormlog;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto head = http::parse_request_head(text); head.ok()) {
    http::check(*head);
    FUZZ_CHECK(!head->method.empty());
    FUZZ_CHECK(!head->target.empty());
    FUZZ_CHECK(head->status == 0);
    FUZZ_CHECK(head->body != http::MessageHead::Body::until_close);
  }
  for (const bool answers_head : {false, true}) {
    const auto head = http::parse_response_head(text, answers_head);
    if (!head.ok()) continue;
    http::check(*head);
    FUZZ_CHECK(head->status >= 0 && head->status <= 999);
    FUZZ_CHECK(!answers_head || head->body == http::MessageHead::Body::none);
  }
  return 0;
}

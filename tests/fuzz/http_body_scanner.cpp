// A message's body, found whole and found in pieces: the same bytes belong to it.

#include "proxy/toxic/body_scanner.hpp"

#include <array>

#include "fuzz.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stormlog;
  using Body = http::MessageHead::Body;
  fuzz::Input input(data, size);
  http::MessageHead head;
  head.body = std::array{Body::none,    Body::length,  Body::chunked,
                         Body::chunked, Body::chunked, Body::until_close}[input.byte() % 6];
  if (head.body == Body::length) head.length = 1 + input.byte();
  // The lengths of the pieces, taken in turn.
  std::array<std::size_t, 4> pieces{};
  for (auto& piece : pieces) piece = 1 + input.byte() % 64;
  const std::string_view text = input.rest();

  proxy::BodyScanner whole(head);
  const bool empty = whole.done();
  const std::size_t expected = whole.feed(text);
  FUZZ_CHECK(expected <= text.size());
  FUZZ_CHECK(!empty || expected == 0);
  // Bytes are left over only behind the end.
  FUZZ_CHECK(whole.done() || expected == text.size());

  proxy::BodyScanner cut(head);
  std::size_t used = 0;
  for (std::size_t turn = 0; used < text.size() && !cut.done(); ++turn) {
    const std::string_view piece = text.substr(used, pieces[turn % pieces.size()]);
    const std::size_t taken = cut.feed(piece);
    FUZZ_CHECK(taken <= piece.size());
    FUZZ_CHECK(taken == piece.size() || cut.done());
    used += taken;
  }
  FUZZ_CHECK(used == expected);
  FUZZ_CHECK(cut.done() == whole.done());
  FUZZ_CHECK(cut.broken() == whole.broken());
  return 0;
}

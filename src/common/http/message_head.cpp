#include "common/http/message_head.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

namespace stormlog::http {
namespace {

namespace beast = boost::beast::http;

template <typename Parser>
Result<void> parse(Parser& parser, std::string_view head) {
  boost::system::error_code error;
  parser.header_limit(kLongestHead);
  parser.body_limit(boost::none);
  parser.put(boost::asio::buffer(head.data(), head.size()), error);
  if (parser.is_header_done()) return {};
  return Error::permanent("no HTTP/1.x head: " + (error ? error.message() : "incomplete"));
}

template <typename Parser>
void read_body(const Parser& parser, MessageHead& head) {
  if (parser.chunked()) {
    head.body = MessageHead::Body::chunked;
  } else if (const auto length = parser.content_length(); length && *length > 0) {
    head.body = MessageHead::Body::length;
    head.length = *length;
  }
}

}  // namespace

Result<MessageHead> parse_request_head(std::string_view text) {
  beast::request_parser<beast::empty_body> parser;
  if (auto parsed = parse(parser, text); !parsed.ok()) return parsed.error();
  MessageHead head;
  head.method = std::string(parser.get().method_string());
  head.target = std::string(parser.get().target());
  head.upgrade = parser.upgrade() || head.method == "CONNECT";
  read_body(parser, head);
  return head;
}

Result<MessageHead> parse_response_head(std::string_view text, bool answers_head) {
  beast::response_parser<beast::empty_body> parser;
  parser.skip(true);
  if (auto parsed = parse(parser, text); !parsed.ok()) return parsed.error();
  MessageHead head;
  head.status = static_cast<int>(parser.get().result_int());
  head.upgrade = head.status == 101;
  const bool bodiless =
      answers_head || head.status < 200 || head.status == 204 || head.status == 304;
  if (bodiless) return head;
  read_body(parser, head);
  if (head.body == MessageHead::Body::none && !parser.content_length()) {
    head.body = MessageHead::Body::until_close;
  }
  return head;
}

}  // namespace stormlog::http

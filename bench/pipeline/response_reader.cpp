#include "response_reader.hpp"

#include <strings.h>

#include <charconv>

namespace stormlog::bench {
namespace {

// The value of a field in a head, or "".
std::string_view field(std::string_view head, std::string_view name) {
  for (std::size_t at = head.find("\r\n"); at != std::string_view::npos;
       at = head.find("\r\n", at)) {
    at += 2;
    const std::string_view line = head.substr(at, head.find("\r\n", at) - at);
    if (line.size() <= name.size() || line[name.size()] != ':') continue;
    if (::strncasecmp(line.data(), name.data(), name.size()) != 0) continue;
    std::string_view value = line.substr(name.size() + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    return value;
  }
  return {};
}

}  // namespace

ResponseReader::State ResponseReader::read_head() {
  const std::size_t end = text_.find("\r\n\r\n");
  if (end == std::string::npos) return State::more;
  const std::string_view head = std::string_view(text_).substr(0, end + 2);
  const std::string_view code = head.size() > 12 ? head.substr(9, 3) : std::string_view();
  if (!head.starts_with("HTTP/1.1 ") ||
      std::from_chars(code.data(), code.data() + code.size(), status_).ec != std::errc()) {
    return State::broken;
  }
  const std::string_view length = field(head, "Content-Length");
  chunked_ = field(head, "Transfer-Encoding") == "chunked";
  closes_ = field(head, "Connection") == "close";
  length_ = 0;
  if (!length.empty()) {
    std::from_chars(length.data(), length.data() + length.size(), length_);
  } else if (!chunked_ && status_ != 204) {
    return State::broken;
  }
  body_at_ = end + 4;
  return State::done;
}

ResponseReader::State ResponseReader::feed(std::string_view bytes) {
  text_.append(bytes);
  if (body_at_ == 0) {
    const State state = read_head();
    if (state != State::done) return state;
  }
  const bool whole = chunked_
                         ? text_.ends_with("\r\n0\r\n\r\n") || text_.substr(body_at_) == "0\r\n\r\n"
                         : text_.size() >= body_at_ + length_;
  return whole ? State::done : State::more;
}

void ResponseReader::reset() {
  text_.clear();
  body_at_ = 0;
}

}  // namespace stormlog::bench

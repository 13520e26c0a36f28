#include "common/http/event_stream.hpp"

namespace stormlog::http {

bool EventStreamParser::feed(
    std::string_view bytes,
    const std::function<bool(std::string_view event, std::string_view data)>& on_event) {
  for (const char c : bytes) {
    const bool second_of_crlf = after_cr_ && c == '\n';
    after_cr_ = c == '\r';
    if (second_of_crlf) continue;
    if (c != '\n' && c != '\r') {
      pending_ += c;
      continue;
    }
    const std::string text = std::move(pending_);
    pending_.clear();
    if (!line(text, on_event)) return false;
  }
  return true;
}

bool EventStreamParser::line(
    std::string_view text,
    const std::function<bool(std::string_view, std::string_view)>& on_event) {
  if (text.empty()) {
    bool go_on = true;
    if (has_data_) go_on = on_event(event_.empty() ? "message" : std::string_view(event_), data_);
    event_.clear();
    data_.clear();
    has_data_ = false;
    return go_on;
  }
  if (text.front() == ':') return true;
  const std::size_t colon = text.find(':');
  const std::string_view field = text.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "event") {
    event_ = value;
  } else if (field == "data") {
    if (has_data_) data_ += '\n';
    data_ += value;
    has_data_ = true;
  }
  return true;
}

}  // namespace stormlog::http

#include "chaos/load/event_template.hpp"

#include <array>
#include <charconv>
#include <optional>

#include "chaos/ledger/run_mark.hpp"
#include "common/base/suggest.hpp"
#include "common/base/units.hpp"

namespace stormlog::chaos {
namespace {

const std::vector<std::string>& placeholder_names() {
  static const std::vector<std::string> names = {"id",   "key",     "seq", "run",
                                                 "time", "unix_ms", "pad"};
  return names;
}

void append_number(std::string& out, std::uint64_t number) {
  std::array<char, 20> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

}  // namespace

Result<EventTemplate> EventTemplate::compile(std::string_view text, std::string_view run,
                                             std::uint64_t event_bytes) {
  if (Result<void> usable = check_run_mark(run); !usable) return usable.error();
  // A block of YAML ends with a newline, which would cut a line of NDJSON in two.
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);

  EventTemplate compiled;
  compiled.event_bytes_ = event_bytes;
  bool has_id = false;
  bool has_pad = false;
  std::string literal;
  const auto add = [&](Part part) {
    if (!literal.empty()) compiled.pieces_.push_back({Part::literal, std::move(literal)});
    literal.clear();
    if (part != Part::literal) compiled.pieces_.push_back({part, {}});
  };

  for (std::size_t at = 0; at < text.size();) {
    const std::size_t start = text.find("${", at);
    literal.append(text.substr(at, start - at));
    if (start == std::string_view::npos) break;
    const std::size_t end = text.find('}', start);
    if (end == std::string_view::npos) {
      return Error::permanent("event template: \"${\" without its \"}\" at character " +
                              std::to_string(start + 1));
    }
    const std::string_view name = text.substr(start + 2, end - start - 2);
    at = end + 1;
    if (name == "run") {
      literal.append(run);
    } else if (name == "id") {
      add(Part::id);
      has_id = true;
    } else if (name == "key") {
      add(Part::key);
    } else if (name == "seq") {
      add(Part::seq);
    } else if (name == "time") {
      add(Part::time);
    } else if (name == "unix_ms") {
      add(Part::unix_ms);
    } else if (name == "pad") {
      // The first one takes all the padding.
      if (!has_pad) add(Part::pad);
      has_pad = true;
    } else {
      return Error::permanent("event template: unknown placeholder ${" + std::string(name) + "}" +
                              did_you_mean(name, placeholder_names()));
    }
  }
  add(Part::literal);

  if (!has_id) {
    return Error::permanent("event template: it has no ${id}: its events could not be found again");
  }
  if (event_bytes > 0 && !has_pad) {
    return Error::permanent("event template: event_bytes needs a ${pad} to fill up");
  }
  return compiled;
}

void EventTemplate::set_time(WallTime now) {
  const std::int64_t ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  if (ms == unix_ms_) return;
  unix_ms_ = ms;
  time_text_ = units::format_rfc3339(now, 3);
  unix_ms_text_ = std::to_string(ms);
}

void EventTemplate::render(const LedgerEvent& event, WallTime now, std::string& out) {
  set_time(now);
  const std::size_t start = out.size();
  std::optional<std::size_t> pad_at;
  for (const Piece& piece : pieces_) {
    switch (piece.part) {
      case Part::literal:
        out.append(piece.text);
        break;
      case Part::id: {
        const std::size_t at = out.size();
        out.resize(at + 36);
        event.id.format_to(out.data() + at);
        break;
      }
      case Part::key:
        out.push_back('k');
        append_number(out, event.key);
        break;
      case Part::seq:
        append_number(out, event.seq);
        break;
      case Part::time:
        out.append(time_text_);
        break;
      case Part::unix_ms:
        out.append(unix_ms_text_);
        break;
      case Part::pad:
        pad_at = out.size();
        break;
    }
  }
  const std::size_t size = out.size() - start;
  if (pad_at && size < event_bytes_) out.insert(*pad_at, event_bytes_ - size, 'x');
}

}  // namespace stormlog::chaos

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "chaos/ledger/ledger.hpp"
#include "common/base/clock.hpp"
#include "common/base/result.hpp"

namespace stormlog::chaos {

// The body of one event, cut at its placeholders once so that rendering only appends.
//
// Placeholders: ${id} ${key} ${seq} ${run} ${time} (RFC 3339, milliseconds) ${unix_ms} ${pad}. All
// values are safe inside JSON text.
//
// Threads: caller synchronises.
class EventTemplate {
 public:
  // Errors: an unknown placeholder, no ${id}, an unusable run mark, or `event_bytes` without a
  // ${pad} that could fill up to it.
  static Result<EventTemplate> compile(std::string_view text, std::string_view run,
                                       std::uint64_t event_bytes);

  // Appends one event. ${pad} fills it up to `event_bytes`; a longer event stays as it is.
  void render(const LedgerEvent& event, WallTime now, std::string& out);

 private:
  enum class Part : std::uint8_t { literal, id, key, seq, time, unix_ms, pad };
  struct Piece {
    Part part = Part::literal;
    std::string text;  // of a literal
  };

  void set_time(WallTime now);

  std::vector<Piece> pieces_;
  std::uint64_t event_bytes_ = 0;
  // The time is written anew once a millisecond.
  std::int64_t unix_ms_ = -1;
  std::string time_text_;
  std::string unix_ms_text_;
};

}  // namespace stormlog::chaos

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "chaos/ledger/ledger.hpp"

namespace stormlog::chaos {

// Finds values in JSON texts by JSON pointer (RFC 6901).
//
// Threads: caller synchronises.
class JsonFields {
 public:
  JsonFields();
  ~JsonFields();

  // False when it is no JSON; then all lookups are empty.
  bool parse(std::string_view text);
  // Text, or a number as text; empty when it is not there or is something else.
  std::optional<std::string> text(std::string_view pointer) const;

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

// "12" to 12; empty when it is no sequence number.
std::optional<std::uint64_t> parse_seq(std::string_view text);

}  // namespace stormlog::chaos

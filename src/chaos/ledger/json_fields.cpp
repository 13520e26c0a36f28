#include "chaos/ledger/json_fields.hpp"

#include <simdjson.h>

#include <charconv>

namespace stormlog::chaos {

struct JsonFields::Parser {
  simdjson::dom::parser json;
  std::optional<simdjson::dom::element> document;
};

JsonFields::JsonFields() : parser_(std::make_unique<Parser>()) {}
JsonFields::~JsonFields() = default;

bool JsonFields::parse(std::string_view text) {
  parser_->document.reset();
  simdjson::dom::element document;
  if (parser_->json.parse(text.data(), text.size()).get(document) != simdjson::SUCCESS) {
    return false;
  }
  parser_->document = document;
  return true;
}

std::optional<std::string> JsonFields::text(std::string_view pointer) const {
  if (!parser_->document) return std::nullopt;
  // Pointers into a bare number or text are an error that simdjson 2 answers with an assertion.
  if (!parser_->document->is_object() && !parser_->document->is_array()) return std::nullopt;
  simdjson::dom::element found;
  if (parser_->document->at_pointer(pointer).get(found) != simdjson::SUCCESS) return std::nullopt;
  std::string_view text;
  if (found.get_string().get(text) == simdjson::SUCCESS) return std::string(text);
  std::uint64_t natural = 0;
  if (found.get_uint64().get(natural) == simdjson::SUCCESS) return std::to_string(natural);
  std::int64_t whole = 0;
  if (found.get_int64().get(whole) == simdjson::SUCCESS) return std::to_string(whole);
  return std::nullopt;
}

std::optional<std::uint64_t> parse_seq(std::string_view text) {
  std::uint64_t seq = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seq);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return seq;
}

}  // namespace stormlog::chaos

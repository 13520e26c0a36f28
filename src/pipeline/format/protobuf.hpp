#pragma once

#include <cstdint>
#include <protozero/exception.hpp>
#include <protozero/pbf_reader.hpp>
#include <string_view>

#include "common/base/result.hpp"

// For this folder's .cpp files: the fields of a protobuf message, taken when they have the wire
// type that they should have, and skipped otherwise, as protobuf demands of unknown ones. Source:
// protobuf.dev, Encoding.
namespace stormlog::pipeline::protobuf {

using Message = protozero::pbf_reader;

inline Message message(std::string_view bytes) {
  return Message(bytes.data(), bytes.size());
}

inline std::string_view bytes(Message& message) {
  const protozero::data_view view = message.get_view();
  return {view.data(), view.size()};
}

// The field that is at hand, to be switched upon.
constexpr std::uint32_t varint(std::uint32_t field) {
  return protozero::tag_and_type(field, protozero::pbf_wire_type::varint);
}
constexpr std::uint32_t fixed64(std::uint32_t field) {
  return protozero::tag_and_type(field, protozero::pbf_wire_type::fixed64);
}
constexpr std::uint32_t fixed32(std::uint32_t field) {
  return protozero::tag_and_type(field, protozero::pbf_wire_type::fixed32);
}
constexpr std::uint32_t delimited(std::uint32_t field) {
  return protozero::tag_and_type(field, protozero::pbf_wire_type::length_delimited);
}

inline Error malformed(const protozero::exception& failure) {
  return Error::permanent(std::string("not a valid protobuf message: ") + failure.what(), "400");
}

}  // namespace stormlog::pipeline::protobuf
